//! The faults, in the order in which they are made. All of them go through an interface of the guest's kernel or a property
//! of the emulated device; nothing is written where the agent reads.

use tests::demo::Incident;
use tests::lab::{guest, sensors};

/// A fault and the one incident that it must open.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) cause: &'static str,
    pub(crate) level: u8,
    pub(crate) clause: &'static str,
    /// What the incident's subject must hold.
    pub(crate) subject: &'static [(&'static str, &'static str)],
    pub(crate) breaks: &'static [Step],
    /// Nothing where time alone mends.
    pub(crate) mends: &'static [Step],
}

/// One step of making or mending it.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// A line of shell in the guest.
    Run(&'static str),
    /// A property of an emulated device: id, name, value.
    Set(&'static str, &'static str, u8),
    /// The first power supply fails, as its BMC sees it.
    SupplyFails,
}

use Step::{Run, Set, SupplyFails};

impl Fault {
    pub(crate) fn is_of(&self, incident: &Incident) -> bool {
        let has = |(label, value): &(&str, &str)| {
            incident.subject.get(*label).is_some_and(|found| found == value)
        };
        incident.cause == self.cause && self.subject.iter().all(has)
    }
}

impl Step {
    /// The line of shell that it is, if it is one.
    pub(crate) fn line(self) -> Option<String> {
        match self {
            Run(line) => Some(line.to_owned()),
            SupplyFails => Some(sensors::supply_fails()),
            Set(..) => None,
        }
    }
}

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "one soft RoCE link down",
        cause: "ib.port_down",
        level: 3,
        clause: "2.1",
        subject: &[("device", "rxe1")],
        breaks: &[Run("ip link set ib0 down")],
        mends: &[Run("ip link set ib0 up")],
    },
    Fault {
        name: "all soft RoCE links down",
        cause: "ib.no_active_port",
        level: 2,
        clause: "2.1",
        subject: &[],
        breaks: &[Run("ip link set ib0 down && ip link set ib1 down")],
        mends: &[Run("ip link set ib0 up && ip link set ib1 up")],
    },
    Fault {
        name: "NVMe critical warning",
        cause: "nvme.critical_warning",
        level: 2,
        clause: "2.1",
        subject: &[("device", "nvme0")],
        // Bit 2: the drive's reliability is degraded (NVMe base specification, SMART log).
        breaks: &[Set(guest::NVME, "smart_critical_warning", 4)],
        mends: &[Set(guest::NVME, "smart_critical_warning", 0)],
    },
    Fault {
        name: "RAID member failed",
        cause: "md.degraded",
        level: 3,
        clause: "2.1",
        subject: &[("device", "md0")],
        breaks: &[Run("mdadm /dev/md0 --fail $(cat /run/member)")],
        mends: &[Run(
            "mdadm /dev/md0 --remove $(cat /run/member) && mdadm /dev/md0 --add $(cat /run/member)",
        )],
    },
    Fault {
        name: "20 ms per I/O (dm-delay)",
        cause: "storage.io_wait",
        level: 3,
        clause: "3.3",
        subject: &[("device", "dm-0")],
        breaks: &[Run("delay slow")],
        mends: &[Run("delay healthy")],
    },
    Fault {
        name: "power supply (IPMI)",
        cause: "ipmi.sel_environment",
        level: 3,
        clause: "2.1",
        subject: &[],
        breaks: &[SupplyFails],
        // The entry stays in the log and is news for an hour; that hour is a minute here.
        mends: &[],
    },
];
