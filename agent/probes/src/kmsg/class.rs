//! Classes of the kernel's messages: words of its own templates, in the order in which they are asked.

/// A class: a message with all words of one of its patterns belongs to it.
pub(super) struct Class {
    pub(super) name: &'static str,
    /// `critical`: data or service is in danger; `error`: something failed; `warning`: a part fails now and then.
    pub(super) severity: &'static str,
    patterns: &'static [&'static [&'static str]],
}

const fn class(
    name: &'static str,
    severity: &'static str,
    patterns: &'static [&'static [&'static str]],
) -> Class {
    Class { name, severity, patterns }
}

pub(super) const CLASSES: [Class; 27] = [
    // Memory, processor, bus. The uncorrected ones first: their words contain the others'.
    class(
        "mce_uncorrected",
        "critical",
        &[
            &["[Hardware Error]", "Uncorrected"],
            &["[Hardware Error]", "UC|"],
            &["[Hardware Error]", "fatal"],
            &["mce:", "Uncorrected"],
            &["mce:", "Fatal machine check"],
            &["Memory failure:"],
            &["EDAC", " UE "],
        ],
    ),
    class(
        "mce_corrected",
        "warning",
        &[
            &["[Hardware Error]", "Corrected error"],
            &["[Hardware Error]", "|CE|"],
            &["mce:", "Machine check events logged"],
            &["EDAC", " CE "],
        ],
    ),
    class(
        "pcie_uncorrected",
        "critical",
        &[&["PCIe Bus Error", "severity=Uncorrect"], &["AER:", "Uncorrect"]],
    ),
    class(
        "pcie_corrected",
        "warning",
        &[&["PCIe Bus Error", "severity=Correct"], &["AER:", "Correct"]],
    ),
    class(
        "thermal",
        "warning",
        &[&["temperature above threshold"], &["temperature/speed", "throttled"]],
    ),
    // File systems.
    class("ext4_error", "critical", &[&["EXT4-fs error"], &["EXT4-fs", "previous I/O error"]]),
    class(
        "xfs_corruption",
        "critical",
        &[
            &["XFS (", "orruption"],
            &["XFS (", "metadata I/O error"],
            &["XFS (", "Internal error"],
            &["XFS (", "log I/O error"],
            &["XFS (", "hutting down filesystem"],
            &["XFS (", "ilesystem has been shut down"],
        ],
    ),
    class("btrfs_error", "critical", &[&["BTRFS error"], &["BTRFS critical"], &["BTRFS: error"]]),
    class(
        "remounted_read_only",
        "critical",
        &[&["Remounting filesystem read-only"], &["forced readonly"]],
    ),
    // Drives, before the general I/O error that each of them causes.
    class(
        "md_failure",
        "critical",
        &[&["md", "Disk failure on"], &["md", "Cannot continue operation"]],
    ),
    class("multipath_failure", "error", &[&["device-mapper: multipath", "Failing path"]]),
    class(
        "nvme_timeout",
        "error",
        &[
            &["nvme", "timeout, "],
            &["nvme", "controller is down"],
            &["nvme", "Device not ready"],
            &["nvme", "Disabling device after reset failure"],
            &["nvme", "Removing after probe failure"],
        ],
    ),
    class(
        "io_error",
        "critical",
        &[
            &["I/O error, dev "],
            &["critical medium error, dev "],
            &["critical target error, dev "],
            &["Buffer I/O error on dev"],
            &["lost async page write"],
        ],
    ),
    class(
        "scsi_error",
        "error",
        &[
            &["rejecting I/O to offline device"],
            &["Device offlined"],
            &["timing out command"],
            &["ata", "exception Emask"],
            &["ata", "hard resetting link"],
            &["ata", "failed command"],
        ],
    ),
    // Adapters and links.
    class(
        "mlx5_health",
        "critical",
        &[
            &["mlx5_core", "health compromised"],
            &["mlx5_core", "Health issue observed"],
            &["mlx5_core", "assert_var"],
            &["mlx5_core", "Fatal error"],
            &["mlx5_core", "FW fatal"],
            &["mlx5_core", "poll_health"],
            &["mlx5_core", "device's internal error"],
            &["mlx4_core", "Internal error"],
        ],
    ),
    class("nfs_timeout", "error", &[&["nfs: server", "not responding"]]),
    class("transmit_timeout", "error", &[&["NETDEV WATCHDOG", "timed out"]]),
    class(
        "link_down",
        "warning",
        &[
            &["Link is Down"],
            &["Link is down"],
            &["Link down"],
            &["link is down"],
            &["link down"],
            &["Lost carrier"],
        ],
    ),
    class("conntrack_full", "error", &[&["nf_conntrack", "table full"]]),
    // The kernel itself.
    class(
        "soft_lockup",
        "critical",
        &[
            &["soft lockup"],
            &["hard LOCKUP"],
            &["detected stalls on CPUs"],
            &["self-detected stall"],
        ],
    ),
    class("hung_task", "error", &[&["task ", "blocked for more than", "seconds"]]),
    class("oom", "error", &[&["Out of memory: Kill"], &["Memory cgroup out of memory: Kill"]]),
    class("allocation_failure", "warning", &[&["page allocation failure"]]),
    class(
        "kernel_bug",
        "critical",
        &[
            &["kernel BUG at"],
            &["BUG: "],
            &["Oops: "],
            &["general protection fault"],
            &["Kernel panic"],
        ],
    ),
    class("segfault", "warning", &[&["segfault at"]]),
    class("gpu_xid", "error", &[&["NVRM: Xid"]]),
    class("other", "warning", &[]),
];

/// Errors of no known class.
pub(super) const OTHER: usize = CLASSES.len() - 1;

/// The class of a message, as its place in [`CLASSES`].
pub(super) fn of(text: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(text);
    let has_all = |words: &[&str]| words.iter().all(|word| text.contains(word));
    CLASSES.iter().position(|class| class.patterns.iter().any(|words| has_all(words)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: messages as the kernel's templates make them, ones that resemble them, and everyday ones. Guarantees: each
    /// is of its class, and everyday messages are of none.
    #[test]
    fn messages_are_told_apart() {
        for (text, expected) in [
            (
                "blk_update_request: I/O error, dev sdb, sector 123 op 0x0:(READ) flags 0x0",
                "io_error",
            ),
            ("critical medium error, dev sda, sector 77 op 0x0:(READ)", "io_error"),
            ("Buffer I/O error on dev dm-0, logical block 8, async page read", "io_error"),
            (
                "EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2: comm ls: reading",
                "ext4_error",
            ),
            ("EXT4-fs (sda1): Remounting filesystem read-only", "remounted_read_only"),
            ("XFS (sdb1): Metadata corruption detected at xfs_agf_read_verify", "xfs_corruption"),
            ("XFS (sdb1): metadata I/O error in \"xfs_trans_read_buf_map\"", "xfs_corruption"),
            ("nvme nvme0: I/O 12 QID 3 timeout, aborting", "nvme_timeout"),
            ("nvme nvme0: controller is down; will reset: CSTS=0xffffffff", "nvme_timeout"),
            (
                "mlx5_core 0000:3b:00.0: poll_health:795:(pid 0): device's health compromised",
                "mlx5_health",
            ),
            (
                "mlx5_core 0000:3b:00.0: print_health_info:423:(pid 0): Health issue observed, firmware internal error, severity(3) ERROR:",
                "mlx5_health",
            ),
            (
                "mce: [Hardware Error]: Machine check: Processor context corrupt, fatal",
                "mce_uncorrected",
            ),
            (
                "EDAC MC0: 1 UE memory read error on CPU_SrcID#0_Ha#0_Chan#0_DIMM#0",
                "mce_uncorrected",
            ),
            ("EDAC MC0: 1 CE memory read error on CPU_SrcID#0_Ha#0_Chan#0_DIMM#0", "mce_corrected"),
            ("{1}[Hardware Error]: event severity: corrected", ""),
            (
                "pcieport 0000:00:1c.0: PCIe Bus Error: severity=Corrected, type=Physical Layer",
                "pcie_corrected",
            ),
            (
                "pcieport 0000:00:1c.0: PCIe Bus Error: severity=Uncorrected (Fatal)",
                "pcie_uncorrected",
            ),
            ("watchdog: BUG: soft lockup - CPU#3 stuck for 23s! [postgres:991]", "soft_lockup"),
            ("INFO: task postgres:812 blocked for more than 120 seconds.", "hung_task"),
            ("Out of memory: Killed process 4711 (postgres) total-vm:1kB", "oom"),
            ("Memory cgroup out of memory: Killed process 1 (x)", "oom"),
            ("bnxt_en 0000:af:00.0 eth0: NIC Link is Down", "link_down"),
            ("md/raid1:md0: Disk failure on loop1, disabling device.", "md_failure"),
            ("device-mapper: multipath: 253:5: Failing path 8:32.", "multipath_failure"),
            ("NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.", "gpu_xid"),
            ("postgres[812]: segfault at 0 ip 0 sp 0 error 4 in postgres", "segfault"),
            ("bnxt_en 0000:af:00.0 eth0: NIC Link is Up, 25000 Mbps", ""),
            ("EXT4-fs (sda1): mounted filesystem with ordered data mode", ""),
            ("nvme nvme0: 32/0/0 default/read/poll queues", ""),
            ("XFS (sdb1): Ending clean mount", ""),
            ("EDAC MC0: Giving out device to module", ""),
            ("", ""),
        ] {
            let found = of(text.as_bytes()).map_or("", |at| CLASSES[at].name);
            assert_eq!(found, expected, "{text}");
        }
        let mut names: Vec<_> = CLASSES.iter().map(|class| class.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CLASSES.len());
        assert_eq!(CLASSES[OTHER].name, "other");
    }
}
