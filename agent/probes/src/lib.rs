//! The probes of a server: one file per probe over `/proc`, `/sys` and system calls.
//!
//! Probe and metric names, labels and values are node_exporter's wherever the same quantity exists there; only what is
//! ours begins with `wardround_`. Nothing here runs a shell, writes to the host or needs root, but
//! for health that the kernel gives to root alone.

#[macro_use]
mod metric;

mod context;
mod exec;
mod field;
mod sysfs;
mod tally;

mod cpu;
mod diskstats;
mod dmi;
mod dmmultipath;
mod fibrechannel;
mod filefd;
mod filesystem;
mod gpu;
mod infiniband;
mod inventory;
mod ipmi;
mod kmsg;
mod loadavg;
mod mdadm;
mod meminfo;
mod netdev;
mod nvme;
mod parts;
mod pressure;
mod processes;
mod smart;
mod stat;
mod systemd;
mod time;
mod uname;

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
