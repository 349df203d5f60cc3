//! The machine: clock, file descriptors, memory.

use super::Finding;
use std::path::Path;

/// Connections of agents and people at their limits, with the files of the logs.
const FILES_MIN: u64 = 8_192;
/// The engine of a thousand nodes with room for the page cache.
const MEMORY_WARN_KIB: u64 = 1 << 20;
const MEMORY_FAIL_KIB: u64 = 256 << 10;

pub(super) fn examine(daemon: Option<u32>) -> Vec<Finding> {
    let process = daemon.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits"));
    let meminfo = std::fs::read_to_string("/proc/meminfo");
    vec![
        clock(Path::new("/")),
        limits.map_or_else(
            |error| Finding::unknown("file descriptors", error.to_string()),
            |text| files(&text, daemon.is_some()),
        ),
        meminfo.map_or_else(
            |error| Finding::unknown("memory", error.to_string()),
            |text| memory(&text),
        ),
    ]
}

/// What tells of the clock without asking a daemon: systemd-timesyncd's mark, and who else keeps it.
fn clock(root: &Path) -> Finding {
    let check = "clock";
    if root.join("run/systemd/timesync/synchronized").exists() {
        return Finding::ok(check, "systemd-timesyncd says that it is synchronised");
    }
    for (pid_file, name, ask) in [
        ("run/chrony/chronyd.pid", "chronyd", "chronyc tracking"),
        ("run/ntpd.pid", "ntpd", "ntpq -p"),
    ] {
        if root.join(pid_file).exists() {
            let found = format!("{name} runs; whether it is synchronised says '{ask}'");
            return Finding::unknown(check, found);
        }
    }
    let advice = "run chrony or systemd-timesyncd against the hospital's time server: certificates and deadlines hang on this clock";
    Finding::warn(check, "nothing on this machine is seen to keep it synchronised", advice)
}

fn files(limits: &str, of_daemon: bool) -> Finding {
    let check = "file descriptors";
    let whose = if of_daemon { "the daemon" } else { "a process started here" };
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|rest| rest.split_whitespace().next());
    let found = format!("{whose} may open {} files", soft.unwrap_or("an unknown number of"));
    match soft.map(|soft| (soft, soft.parse::<u64>())) {
        Some(("unlimited", _)) => Finding::ok(check, found),
        Some((_, Ok(soft))) if soft >= FILES_MIN => Finding::ok(check, found),
        Some((_, Ok(_))) => {
            let advice =
                format!("set LimitNOFILE={FILES_MIN} in the unit, or 'ulimit -n {FILES_MIN}'");
            Finding::warn(check, found, advice)
        }
        _ => Finding::unknown(check, found),
    }
}

fn memory(meminfo: &str) -> Finding {
    let check = "memory";
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let Some(kib) = kib else { return Finding::unknown(check, "MemAvailable is not told") };
    let found = format!("{} MiB available", kib >> 10);
    let advice = "stop what else runs here, or give the machine more memory";
    match kib {
        kib if kib < MEMORY_FAIL_KIB => Finding::fail(check, found, advice),
        kib if kib < MEMORY_WARN_KIB => Finding::warn(check, found, advice),
        _ => Finding::ok(check, found),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    /// Scenario: limits and memory just below and at their bounds, and without the line that is looked for. Guarantees: the verdict
    /// changes at the bound; what is not told is unknown.
    #[test]
    fn bounds_of_files_and_memory() {
        let line = |n: &str| format!("Max open files            {n}   1048576   files\n");
        for (text, expected) in [
            (line("8191"), Verdict::Warn),
            (line("8192"), Verdict::Ok),
            (line("unlimited"), Verdict::Ok),
            (String::new(), Verdict::Unknown),
        ] {
            assert_eq!(files(&text, true).verdict, expected, "{text}");
        }
        for (text, expected) in [
            ("MemAvailable:   262143 kB\n", Verdict::Fail),
            ("MemAvailable:   262144 kB\n", Verdict::Warn),
            ("MemAvailable:  1048575 kB\n", Verdict::Warn),
            ("MemAvailable:  1048576 kB\n", Verdict::Ok),
            ("MemFree: 1 kB\n", Verdict::Unknown),
        ] {
            assert_eq!(memory(text).verdict, expected, "{text}");
        }
    }

    /// Scenario: a machine with each keeper of time, and with none. Guarantees: only a mark of synchronisation is OK; a daemon
    /// alone is unknown; none is a warning.
    #[test]
    fn a_running_daemon_is_not_a_synchronised_clock() {
        for (file, expected) in [
            (Some("run/systemd/timesync/synchronized"), Verdict::Ok),
            (Some("run/chrony/chronyd.pid"), Verdict::Unknown),
            (Some("run/ntpd.pid"), Verdict::Unknown),
            (None, Verdict::Warn),
        ] {
            let root = tempfile::tempdir().unwrap();
            if let Some(file) = file {
                let path = root.path().join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "").unwrap();
            }
            assert_eq!(clock(root.path()).verdict, expected, "{file:?}");
        }
    }
}
