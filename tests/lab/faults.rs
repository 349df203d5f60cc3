//! The faults, in the order in which they are made. All of them go through an interface of the guest's kernel or a property
//! of the emulated device; nothing is written where the agent reads.

use std::collections::BTreeSet;
use tests::demo::Incident;
use tests::lab::bmc::Bmc;
use tests::lab::guest;

/// A fault and the one incident that it must open.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) cause: &'static str,
    pub(crate) level: u8,
    pub(crate) clause: &'static str,
    /// What the incident's subject must hold.
    pub(crate) subject: &'static [(&'static str, &'static str)],
    /// Rules whose findings say the same fault again and are linked to the incident.
    pub(crate) links: &'static [&'static str],
    pub(crate) breaks: &'static [Step],
    /// Nothing where time alone mends.
    pub(crate) mends: &'static [Step],
    pub(crate) ends: Ends,
}

/// When its incident can be settled.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Ends {
    /// As soon as it is mended.
    AtOnce,
    /// When the entry in the controller's log is no news any more: an hour after it, which is a minute here.
    WithTheNews,
    /// Not in this laboratory's time: the agent itself counts an hour of messages, which no contract shortens.
    Later,
}

/// One step of making or mending it.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// A line of shell in the guest.
    Run(&'static str),
    /// A property of an emulated device: id, name, value.
    Set(&'static str, &'static str, u8),
    /// Something that happens at the management controller.
    Bmc(fn(&Bmc)),
}

use Step::{Run, Set};

impl Fault {
    pub(crate) fn is_of(&self, incident: &Incident) -> bool {
        let has = |(label, value): &(&str, &str)| {
            incident.subject.get(*label).is_some_and(|found| found == value)
        };
        incident.cause == self.cause && self.subject.iter().all(has)
    }

    /// Whether what says the same is linked, and nothing else.
    pub(crate) fn is_linked(&self, incident: &Incident) -> bool {
        let linked: BTreeSet<_> = incident.links.iter().map(|link| link.rule.as_str()).collect();
        linked == self.links.iter().copied().collect()
    }
}

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "power supply (IPMI)",
        cause: "ipmi.psu_failed",
        level: 3,
        clause: "2.1",
        subject: &[("sensor", "PSU1 Status")],
        // The controller logs it too.
        links: &["ipmi.sel_environment"],
        breaks: &[Step::Bmc(Bmc::supply_fails)],
        mends: &[Step::Bmc(Bmc::supply_recovers)],
        ends: Ends::WithTheNews,
    },
    Fault {
        name: "memory error (IPMI log)",
        cause: "ipmi.sel_critical",
        level: 3,
        clause: "2.1",
        subject: &[],
        links: &[],
        breaks: &[Step::Bmc(Bmc::memory_error)],
        mends: &[],
        ends: Ends::WithTheNews,
    },
    Fault {
        name: "one soft RoCE link down",
        cause: "ib.port_down",
        level: 3,
        clause: "2.1",
        subject: &[("device", "rxe1")],
        links: &[],
        breaks: &[Run("ip link set ib0 down")],
        mends: &[Run("ip link set ib0 up")],
        ends: Ends::AtOnce,
    },
    Fault {
        name: "all soft RoCE links down",
        cause: "ib.no_active_port",
        level: 2,
        clause: "2.1",
        subject: &[],
        links: &[],
        breaks: &[Run("ip link set ib0 down && ip link set ib1 down")],
        mends: &[Run("ip link set ib0 up && ip link set ib1 up")],
        ends: Ends::AtOnce,
    },
    Fault {
        name: "NVMe warning, slow BMC",
        cause: "nvme.critical_warning",
        level: 2,
        clause: "2.1",
        subject: &[("device", "nvme0")],
        links: &[],
        // Bit 2: the drive's reliability is degraded (NVMe base specification, SMART log).
        // A slow management controller delays no other reading.
        breaks: &[
            Step::Bmc(|bmc| bmc.set_slow(true)),
            Set(guest::NVME, "smart_critical_warning", 4),
        ],
        mends: &[
            Set(guest::NVME, "smart_critical_warning", 0),
            Step::Bmc(|bmc| bmc.set_slow(false)),
        ],
        ends: Ends::AtOnce,
    },
    Fault {
        name: "RAID member failed",
        cause: "md.degraded",
        level: 3,
        clause: "2.1",
        subject: &[("device", "md0")],
        links: &[],
        breaks: &[Run("mdadm /dev/md0 --fail $(cat /run/member)")],
        mends: &[Run(
            "mdadm /dev/md0 --remove $(cat /run/member) && mdadm /dev/md0 --add $(cat /run/member)",
        )],
        ends: Ends::AtOnce,
    },
    Fault {
        name: "20 ms per I/O (dm-delay)",
        cause: "storage.io_wait",
        level: 3,
        clause: "3.3",
        subject: &[("device", "dm-0")],
        links: &[],
        breaks: &[Run("delay slow")],
        mends: &[Run("delay healthy")],
        ends: Ends::AtOnce,
    },
    Fault {
        name: "disk with I/O errors",
        cause: "kernel.io_error",
        level: 2,
        clause: "2.1",
        subject: &[],
        links: &[],
        // Read through the cache, as programs do: the kernel itself says so in its log.
        breaks: &[Run(
            "dmsetup create bad --noudevsync --table '0 2048 error' && dmsetup mknodes bad \
             && ! dd if=/dev/mapper/bad of=/dev/null bs=4k count=1",
        )],
        mends: &[],
        ends: Ends::Later,
    },
];

/// Lasts while all others are made: it is judged after a minute, and must delay no other reading.
pub(crate) const BEHIND: Fault = Fault {
    name: "disk that never answers",
    cause: "os.uninterruptible",
    level: 3,
    clause: "3.1",
    subject: &[],
    links: &[],
    // A suspended device holds whoever reads it, as a dead path does.
    breaks: &[
        Run("dmsetup create dead --noudevsync --table '0 2048 linear /dev/nvme0n1 0'"),
        Run("dmsetup mknodes dead && dmsetup suspend --noudevsync --nolockfs --noflush dead"),
        Run("dd if=/dev/mapper/dead of=/dev/null bs=4k count=1 iflag=direct >/dev/null 2>&1 &"),
    ],
    mends: &[Run("dmsetup resume --noudevsync dead")],
    ends: Ends::AtOnce,
};
