//! The probes of a server: one file per probe over `/proc`, `/sys` and system calls.
//!
//! Probe and metric names, labels and values are node_exporter's wherever the same quantity exists there; only what is
//! ours begins with `wardround_`. Nothing here runs a shell, writes to the host or needs root, but
//! for health that the kernel gives to root alone.

#[macro_use]
mod metric;

mod attribute;
mod context;
mod exec;
mod field;
mod link_events;
mod sysfs;
mod tally;

mod arp;
mod bonding;
mod conntrack;
mod cpu;
mod cpu_info;
mod cpufreq;
mod diskstats;
mod dmi;
mod dmmultipath;
mod edac;
mod fibrechannel;
mod filefd;
mod filesystem;
mod gpu;
mod hwmon;
mod infiniband;
mod inventory;
mod ipmi;
mod kernel_hung;
mod kmsg;
mod loadavg;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod netclass;
mod netdev;
mod netstat;
mod nvme;
mod parts;
mod pcidevice;
mod pressure;
mod processes;
mod schedstat;
mod smart;
mod sockstat;
mod softnet;
mod stat;
mod systemd;
mod thermal_zone;
mod time;
mod timex;
mod uname;
mod vmstat;
mod watchdog;

pub use context::Context;

use agent_probe::Probe;

type Make = fn(&Context) -> Box<dyn Probe>;

/// Every probe: one file plus one line here adds one.
const ALL: &[(&str, Make)] = &[
    (cpu::NAME, |c| Box::new(cpu::Cpu::new(c))),
    (stat::NAME, |c| Box::new(stat::Stat::new(c))),
    (meminfo::NAME, |c| Box::new(meminfo::Meminfo::new(c))),
    (loadavg::NAME, |c| Box::new(loadavg::Loadavg::new(c))),
    (pressure::NAME, |c| Box::new(pressure::Pressure::new(c))),
    (diskstats::NAME, |c| Box::new(diskstats::Diskstats::new(c))),
    (netdev::NAME, |c| Box::new(netdev::Netdev::new(c))),
    (infiniband::NAME, |c| Box::new(infiniband::Infiniband::new(c))),
    (filefd::NAME, |c| Box::new(filefd::Filefd::new(c))),
    (time::NAME, |c| Box::new(time::Time::new(c))),
    (uname::NAME, |c| Box::new(uname::Uname::new(c))),
    (processes::NAME, |c| Box::new(processes::Processes::new(c))),
    (filesystem::NAME, |c| Box::new(filesystem::Filesystem::new(c))),
    (netstat::NAME, |c| Box::new(netstat::Netstat::new(c))),
    (sockstat::NAME, |c| Box::new(sockstat::Sockstat::new(c))),
    (softnet::NAME, |c| Box::new(softnet::Softnet::new(c))),
    (vmstat::NAME, |c| Box::new(vmstat::Vmstat::new(c))),
    (schedstat::NAME, |c| Box::new(schedstat::Schedstat::new(c))),
    (bonding::NAME, |c| Box::new(bonding::Bonding::new(c))),
    (conntrack::NAME, |c| Box::new(conntrack::Conntrack::new(c))),
    (kernel_hung::NAME, |c| Box::new(kernel_hung::KernelHung::new(c))),
    (timex::NAME, |c| Box::new(timex::Timex::new(c))),
    (meminfo_numa::NAME, |c| Box::new(meminfo_numa::MeminfoNuma::new(c))),
    (edac::NAME, |c| Box::new(edac::Edac::new(c))),
    (arp::NAME, |c| Box::new(arp::Arp::new(c))),
    (netclass::NAME, |c| Box::new(netclass::Netclass::new(c))),
    (hwmon::NAME, |c| Box::new(hwmon::Hwmon::new(c))),
    (thermal_zone::NAME, |c| Box::new(thermal_zone::ThermalZone::new(c))),
    (cpufreq::NAME, |c| Box::new(cpufreq::Cpufreq::new(c))),
    (cpu_info::NAME, |c| Box::new(cpu_info::CpuInfo::new(c))),
    (pcidevice::NAME, |c| Box::new(pcidevice::Pcidevice::new(c))),
    (watchdog::NAME, |c| Box::new(watchdog::Watchdog::new(c))),
    (inventory::NAME, |c| Box::new(inventory::Inventory::new(c))),
    (mdadm::NAME, |c| Box::new(mdadm::Mdadm::new(c))),
    (nvme::NAME, |c| Box::new(nvme::Nvme::new(c))),
    (ipmi::NAME, |c| Box::new(ipmi::Ipmi::new(c))),
    (dmmultipath::NAME, |c| Box::new(dmmultipath::Dmmultipath::new(c))),
    (fibrechannel::NAME, |c| Box::new(fibrechannel::Fibrechannel::new(c))),
    (dmi::NAME, |c| Box::new(dmi::Dmi::new(c))),
    (kmsg::NAME, |c| Box::new(kmsg::Kmsg::new(c))),
    (systemd::NAME, |c| Box::new(systemd::Systemd::new(c))),
    (smart::NAME, |c| Box::new(smart::Smart::new(c))),
    (parts::NAME, |c| Box::new(parts::Parts::new(c))),
    (gpu::NAME, |c| Box::new(gpu::Gpu::new(c))),
];

/// The names of all probes, in the order in which [`all`] makes them: node_exporter's collector names where there is one.
pub const NAMES: &[&str] = &{
    let mut names = [""; ALL.len()];
    let mut at = 0;
    while at < ALL.len() {
        names[at] = ALL[at].0;
        at += 1;
    }
    names
};

/// Makes every probe. Making one opens nothing: a probe whose source is missing answers `Absent` at its first round.
pub fn all(context: &Context) -> Vec<Box<dyn Probe>> {
    ALL.iter().map(|(_, make)| make(context)).collect()
}

/// Makes the probe called `name`; `None` when there is no such probe.
pub fn by_name(context: &Context, name: &str) -> Option<Box<dyn Probe>> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, make)| make(context))
}
