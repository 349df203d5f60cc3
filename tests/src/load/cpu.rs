//! What a process cost, from `/proc/PID`.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Clock ticks per second of `/proc/PID/stat` (`USER_HZ`, 100 on every Linux architecture that we run on).
const TICKS_PER_SECOND: u32 = 100;

/// A process' account at one moment.
#[derive(Clone, Debug)]
pub struct Account {
    /// utime + stime of the process, threads that ended included; 10 ms steps.
    ticks: u64,
    /// Name of each living thread, and its nanoseconds on a CPU (first field of `schedstat`).
    threads: BTreeMap<u32, (String, u64)>,
}

/// Resident memory in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resident {
    /// Now (`VmRSS`).
    pub now: u64,
    /// The most it ever was (`VmHWM`).
    pub peak: u64,
}

impl Account {
    /// Reads the account of `pid`.
    pub fn of(pid: u32) -> Result<Self> {
        let stat = read(pid, "stat")?;
        let ticks =
            ticks(&stat).with_context(|| format!("/proc/{pid}/stat has an unknown form"))?;
        let mut threads = BTreeMap::new();
        let folder = PathBuf::from(format!("/proc/{pid}/task"));
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let id: Option<u32> = entry.file_name().to_string_lossy().parse().ok();
            // A thread may end between the listing and the reading.
            let text = std::fs::read_to_string(entry.path().join("schedstat")).ok();
            let nanos: Option<u64> =
                text.as_deref().and_then(|t| t.split(' ').next()?.parse().ok());
            let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            threads.extend(id.zip(nanos.map(|nanos| (name.trim_end().to_owned(), nanos))));
        }
        Ok(Self { ticks, threads })
    }

    /// utime + stime since `earlier`, in steps of 10 ms: for spans that cost seconds.
    pub fn ticks_since(&self, earlier: &Self) -> Duration {
        Duration::from_secs(self.ticks.saturating_sub(earlier.ticks)) / TICKS_PER_SECOND
    }

    /// Time on a CPU since `earlier` to the nanosecond. What a thread that ended meanwhile cost after `earlier` is missing.
    pub fn nanos_since(&self, earlier: &Self) -> Duration {
        self.nanos_of_threads_since(earlier, |_| true)
    }

    /// The same of the threads whose name `wanted` takes.
    pub fn nanos_of_threads_since(
        &self,
        earlier: &Self,
        wanted: impl Fn(&str) -> bool,
    ) -> Duration {
        let threads = self.threads.iter().filter(|(_, (name, _))| wanted(name));
        let spent = threads.map(|(id, (_, now))| {
            now.saturating_sub(earlier.threads.get(id).map_or(0, |(_, nanos)| *nanos))
        });
        Duration::from_nanos(spent.sum())
    }
}

/// Resident memory of `pid`.
pub fn resident(pid: u32) -> Result<Resident> {
    let status = read(pid, "status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name));
        let kib: Option<u64> = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok());
        kib.map(|k| k * 1024).with_context(|| format!("/proc/{pid}/status has no {name}"))
    };
    Ok(Resident { now: field("VmRSS:")?, peak: field("VmHWM:")? })
}

fn read(pid: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::read_to_string(&path).with_context(|| format!("{path}: has the process ended?"))
}

/// Fields 14 and 15 of `/proc/PID/stat` (proc(5)), counted behind the program's name, which may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a program name with spaces and brackets, and a line cut short. Guarantees: fields 14 and 15, or nothing.
    #[test]
    fn ticks_stand_behind_the_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194304 900 0 0 0 31 11 0 0 20 0 4 0";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a) S 1 7 7"), None);
    }

    /// Scenario: this process works for a moment. Guarantees: both accounts grow, memory is resident, and a process that
    /// does not exist is an error that names its file.
    #[test]
    fn own_account_grows() {
        let pid = std::process::id();
        let before = Account::of(pid).unwrap();
        let mut sum = 0u64;
        while Account::of(pid).unwrap().ticks == before.ticks {
            sum = (0..100_000u64).fold(sum, |s, n| s.wrapping_mul(31).wrapping_add(n));
        }
        let after = Account::of(pid).unwrap();
        assert!(after.ticks_since(&before) >= Duration::from_millis(10), "{sum}");
        assert!(after.nanos_since(&before) > Duration::ZERO);
        let resident = resident(pid).unwrap();
        assert!(resident.now > 0 && resident.peak >= resident.now / 2);
        assert!(Account::of(u32::MAX).unwrap_err().to_string().contains("/proc/4294967295/stat"));
    }
}
