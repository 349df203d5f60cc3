//! Probe `processes`: how many processes and threads there are and in which state, from `/proc/PID/stat`.
//!
//! The kernel makes a text for each process, some 3 µs each and twice that where the file has to be opened first, so that
//! a database node with thousands of backends costs tens of milliseconds: it runs in the slow lane and every 15 s. The
//! states of single threads would cost ten times that and are not taken.

mod groups;
mod stat_files;

use crate::context::Context;
use crate::field;
use crate::metric::gauge;
use crate::tally::{self, Tally};
use agent_probe::{HostFile, HostRoot, Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use groups::Groups;
use shared_model::{BootTime, Clock, Metric, Unit};
use stat_files::StatFiles;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const NAME: &str = "processes";

static STATE: Metric =
    gauge("node_processes_state", Unit::None, "Processes in each state.", "/proc/PID/stat field 3");
static THREADS: Metric = gauge(
    "node_processes_threads",
    Unit::None,
    "Threads of all processes.",
    "/proc/PID/stat field 20",
);
static MAX_THREADS: Metric = gauge(
    "node_processes_max_threads",
    Unit::None,
    "Most threads that may exist.",
    "/proc/sys/kernel/threads-max",
);
static PIDS: Metric =
    gauge("node_processes_pids", Unit::None, "Processes.", "number of /proc/PID directories");
static MAX_PROCESSES: Metric = gauge(
    "node_processes_max_processes",
    Unit::None,
    "Most process ids that may exist.",
    "/proc/sys/kernel/pid_max",
);
static UNINTERRUPTIBLE: Metric = gauge(
    "wardround_processes_uninterruptible_seconds_max",
    Unit::Seconds,
    "For how long the process that hangs longest has been seen in uninterruptible sleep (D), 0 without one. Counted \
     from the first round that saw it; a process that left the state between two rounds is not noticed.",
    "/proc/PID/stat fields 3 and 22, over rounds",
);
static ZOMBIE: Metric = gauge(
    "wardround_processes_zombie_seconds_max",
    Unit::Seconds,
    "For how long the oldest process that has ended and was not waited for (Z) has been seen, 0 without one. Counted from \
     the first round that saw it.",
    "/proc/PID/stat fields 3 and 22, over rounds",
);
static METRICS: [&Metric; 7 + groups::METRICS.len()] = {
    let first = [&STATE, &THREADS, &MAX_THREADS, &PIDS, &MAX_PROCESSES, &UNINTERRUPTIBLE, &ZOMBIE];
    let mut all = [&STATE; 7 + groups::METRICS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < first.len() { first[at] } else { groups::METRICS[at - first.len()] };
        at += 1;
    }
    all
};

/// More would take longer than the interval; counts of a part would be wrong, so the round fails instead.
const MAX_SCANNED: usize = 65_536;

/// States as `get_task_state` in fs/proc/array.c names them, in the order in which they are put.
const STATES: &[u8] = b"RSDTtXZPI";

pub(crate) struct Processes {
    root: HostRoot,
    clock: Arc<dyn Clock>,
    stat_files: StatFiles,
    max_threads: HostFile,
    pid_max: HostFile,
    /// Processes seen in state D without a break: since when.
    uninterruptible: BTreeMap<Identity, BootTime>,
    /// The same of state Z.
    zombies: BTreeMap<Identity, BootTime>,
    groups: Groups,
}

/// Process id and start time: ids are used again, the pair is not.
type Identity = (u64, u64);

impl Processes {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            root: context.root.clone(),
            clock: Arc::clone(&context.clock),
            stat_files: StatFiles::below(context.root.proc("")),
            max_threads: HostFile::new(context.root.proc("sys/kernel/threads-max")),
            pid_max: HostFile::new(context.root.proc("sys/kernel/pid_max")),
            uninterruptible: BTreeMap::new(),
            zombies: BTreeMap::new(),
            groups: Groups::new(context),
        }
    }
}

impl Probe for Processes {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            // The dearest probe by far: the kernel makes a text for each process. What it serves is judged over
            // minutes (zombies for 5 min, D state over 60 s), so four rounds a minute are enough.
            default_interval: Duration::from_secs(15),
            default_timeout: Duration::from_secs(4),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut tally = Tally::default();
        let census = match census(&mut self.stat_files, &mut self.groups, &mut tally) {
            Ok(census) => census,
            Err(error) if error.is_not_found() => return tally::absent(&self.root.proc("")),
            Err(error) => return Outcome::Failed(error),
        };
        if census.pids == 0 {
            tally.end_file(&self.root.proc(""));
            return match tally.outcome() {
                Outcome::Sampled => Outcome::Absent("no processes below /proc".to_owned()),
                failed => failed,
            };
        }
        tally.sampled();
        for (state, count) in STATES.iter().zip(census.states).filter(|(_, count)| *count > 0) {
            let label = [*state];
            let label = field::text(&label).unwrap_or_default();
            sink.put(&STATE, &[("state", label)], f64::from(count));
        }
        sink.put(&THREADS, &[], census.threads as f64);
        sink.put(&PIDS, &[], f64::from(census.pids));
        for (metric, file) in
            [(&MAX_THREADS, &mut self.max_threads), (&MAX_PROCESSES, &mut self.pid_max)]
        {
            match file.read().map(|text| field::number(text.trim_ascii())) {
                Ok(Some(value)) => sink.put(metric, &[], value as f64),
                Ok(None) => tally.bad_line(1, "a number"),
                Err(error) => tally.complain(error),
            }
            tally.end_file(file.path());
        }
        let now = self.clock.boot();
        for (metric, since, seen) in [
            (&UNINTERRUPTIBLE, &mut self.uninterruptible, &census.uninterruptible),
            (&ZOMBIE, &mut self.zombies, &census.zombies),
        ] {
            sink.put(metric, &[], longest(since, seen, now).as_secs_f64());
        }
        self.groups.put(sink);
        tally.outcome()
    }
}

/// Keeps since when each of `seen` is known, and says for how long the oldest is.
fn longest(known: &mut BTreeMap<Identity, BootTime>, seen: &[Identity], now: BootTime) -> Duration {
    let since = |who: &Identity| (*who, known.get(who).copied().unwrap_or(now));
    *known = seen.iter().map(since).collect();
    known.values().map(|since| now.since(*since)).max().unwrap_or_default()
}

#[derive(Default)]
struct Census {
    pids: u32,
    threads: u64,
    states: [u32; STATES.len()],
    uninterruptible: Vec<Identity>,
    zombies: Vec<Identity>,
}

fn census(
    files: &mut StatFiles,
    groups: &mut Groups,
    tally: &mut Tally,
) -> Result<Census, ProbeError> {
    groups.begin();
    let folder = files.folder().to_owned();
    let mut census = Census::default();
    let mut scanned = 0;
    let listed = files.each(|pid, line| {
        if scanned >= MAX_SCANNED {
            return Err(io::Error::other("more than 65536 processes"));
        }
        scanned += 1;
        match line.map(parse) {
            Ok(Some(process)) => {
                census.count(pid, &process);
                groups.take((pid, process.start_ticks), &process);
            }
            Ok(None) => {
                tally.bad_line(1, "PID (NAME) STATE and numbers");
                tally.end_file(&stat_path(&folder, pid));
            }
            Err(source) => {
                tally.complain(ProbeError::Read { path: stat_path(&folder, pid), source });
            }
        }
        Ok(())
    });
    listed.map_err(|source| ProbeError::Read { path: folder.clone(), source })?;
    Ok(census)
}

fn stat_path(folder: &Path, pid: u64) -> PathBuf {
    folder.join(pid.to_string()).join("stat")
}

impl Census {
    fn count(&mut self, pid: u64, process: &Process) {
        self.pids += 1;
        self.threads = self.threads.saturating_add(process.threads);
        if let Some(count) = self.states.get_mut(process.state) {
            *count += 1;
        }
        let identity = (pid, process.start_ticks);
        match STATES.get(process.state) {
            Some(b'D') => self.uninterruptible.push(identity),
            Some(b'Z') => self.zombies.push(identity),
            _ => {}
        }
    }
}

struct Process<'a> {
    name: &'a [u8],
    /// Index into [`STATES`].
    state: usize,
    threads: u64,
    start_ticks: u64,
    /// In user and kernel mode.
    cpu_ticks: u64,
    resident_pages: u64,
}

/// Fields 3 (state), 14 and 15 (CPU time), 20 (threads), 22 (start) and 24 (memory) behind the name, which may hold blanks
/// and brackets (proc(5)).
fn parse(line: &[u8]) -> Option<Process<'_>> {
    let before_name = line.iter().position(|b| *b == b'(')?;
    let after_name = line.iter().rposition(|b| *b == b')')?;
    let mut words = field::words(line.get(after_name + 1..)?);
    let [state] = words.next()? else { return None };
    let user = field::number(words.nth(10)?)?;
    let system = field::number(words.next()?)?;
    let threads = field::number(words.nth(4)?)?;
    let start_ticks = field::number(words.nth(1)?)?;
    Some(Process {
        name: line.get(before_name + 1..after_name)?,
        state: STATES.iter().position(|known| known == state)?,
        threads,
        start_ticks,
        cpu_ticks: user.saturating_add(system),
        resident_pages: words.nth(1).and_then(field::number).unwrap_or(0),
    })
}
