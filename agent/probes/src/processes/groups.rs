//! The database's own processes, taken together by the name of their program.

use super::{Identity, Process};
use crate::context::Context;
use crate::field;
use crate::metric::{counter, gauge};
use agent_probe::{HostFile, HostRoot, Sink};
use shared_model::{Metric, Unit};
use std::collections::BTreeMap;

static PROCESSES: Metric = gauge(
    "wardround_process_group_processes",
    Unit::None,
    "Processes of the program. A program that was never seen has no series; one that is gone has 0.",
    "/proc/PID/stat field 2",
);
static RESIDENT: Metric = gauge(
    "wardround_process_group_resident_bytes",
    Unit::Bytes,
    "Memory of all processes of the program. What they share counts for each of them.",
    "/proc/PID/stat field 24",
);
static CPU: Metric = counter(
    "wardround_process_group_cpu_seconds_total",
    Unit::Seconds,
    "CPU time of the program's processes: of those found when the agent started and of all since, but for the last \
     seconds of those that ended.",
    "/proc/PID/stat fields 14 and 15",
);
static FDS: Metric = gauge(
    "wardround_process_group_open_fds",
    Unit::None,
    "File descriptors that the program's processes have open, at most 256 processes.",
    "/proc/PID/fd",
);
static FDS_RATIO: Metric = gauge(
    "wardround_process_group_fds_ratio_max",
    Unit::Ratio,
    "Open file descriptors against the process's own limit, of the process that is nearest to it.",
    "/proc/PID/fd and /proc/PID/limits",
);
static MEMORY: Metric = gauge(
    "wardround_process_group_memory_bytes",
    Unit::Bytes,
    "Memory of the control group that the program's oldest process is in, without file cache that can be dropped.",
    "/sys/fs/cgroup/<group>/memory.current less inactive_file of memory.stat",
);
static MEMORY_LIMIT: Metric = gauge(
    "wardround_process_group_memory_limit_bytes",
    Unit::Bytes,
    "Limit of that control group, at which the kernel kills; absent without a limit.",
    "/sys/fs/cgroup/<group>/memory.max",
);
pub(super) static METRICS: [&Metric; 7] =
    [&PROCESSES, &RESIDENT, &CPU, &FDS, &FDS_RATIO, &MEMORY, &MEMORY_LIMIT];

/// Processes of a group whose descriptors are counted: each costs two files.
const MAX_COUNTED: usize = 256;

/// Processes whose CPU time is remembered; more are counted from when there is room.
const MAX_KNOWN: usize = 8192;

/// `sysconf(_SC_CLK_TCK)`, which Linux fixes at 100 towards programs (USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

/// The kernel cuts names (`TASK_COMM_LEN` less its end).
const NAME_BYTES: usize = 15;

pub(super) struct Groups {
    root: HostRoot,
    page_bytes: f64,
    groups: Vec<Group>,
}

struct Group {
    name: String,
    was_seen: bool,
    processes: u32,
    resident_pages: u64,
    cpu_ticks: u64,
    /// CPU time of each process at the last round.
    known: BTreeMap<Identity, u64>,
    present: Vec<(Identity, u64)>,
}

impl Groups {
    pub(super) fn new(context: &Context) -> Self {
        let group = |name: &String| Group {
            name: name.clone(),
            was_seen: false,
            processes: 0,
            resident_pages: 0,
            cpu_ticks: 0,
            known: BTreeMap::new(),
            present: Vec::new(),
        };
        Self {
            root: context.root.clone(),
            page_bytes: rustix::param::page_size() as f64,
            groups: context.process_groups.iter().map(group).collect(),
        }
    }

    /// Begins a round.
    pub(super) fn begin(&mut self) {
        for group in &mut self.groups {
            group.processes = 0;
            group.resident_pages = 0;
            group.present.clear();
        }
    }

    /// A process of this round.
    pub(super) fn take(&mut self, identity: Identity, process: &Process<'_>) {
        let Some(group) = self.groups.iter_mut().find(|group| group.has(process.name)) else {
            return;
        };
        group.was_seen = true;
        group.processes += 1;
        group.resident_pages = group.resident_pages.saturating_add(process.resident_pages);
        if group.present.len() < MAX_KNOWN {
            group.present.push((identity, process.cpu_ticks));
        }
    }

    /// Ends the round.
    pub(super) fn put(&mut self, sink: &mut Sink) {
        for group in self.groups.iter_mut().filter(|group| group.was_seen) {
            group.count_cpu();
            let labels = [("group", group.name.as_str())];
            sink.put(&PROCESSES, &labels, f64::from(group.processes));
            sink.put(&CPU, &labels, group.cpu_ticks as f64 / TICKS_PER_SECOND);
            if group.processes > 0 {
                sink.put(&RESIDENT, &labels, group.resident_pages as f64 * self.page_bytes);
                put_descriptors(&self.root, group, sink);
                put_memory(&self.root, group, sink);
            }
        }
    }
}

impl Group {
    fn has(&self, name: &[u8]) -> bool {
        let own = self.name.as_bytes();
        let own = own.get(..NAME_BYTES).unwrap_or(own);
        let rest = name.strip_prefix(own);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"_"))
            || (self.name == "oracle" && name.starts_with(b"ora_"))
    }

    /// Adds what each process has used since the last round, and everything of a new one.
    fn count_cpu(&mut self) {
        for (identity, ticks) in &self.present {
            let before = self.known.get(identity).copied().unwrap_or(0);
            self.cpu_ticks = self.cpu_ticks.saturating_add(ticks.saturating_sub(before));
        }
        self.known = self.present.iter().copied().collect();
    }
}

fn put_descriptors(root: &HostRoot, group: &Group, sink: &mut Sink) {
    let (mut open, mut ratio, mut is_known) = (0_u64, None::<f64>, false);
    for ((pid, _), _) in group.present.iter().take(MAX_COUNTED) {
        let Some(count) = descriptors(root, *pid) else { continue };
        is_known = true;
        open = open.saturating_add(count);
        if let Some(limit) = descriptor_limit(root, *pid).filter(|limit| *limit > 0) {
            let share = count as f64 / limit as f64;
            ratio = Some(ratio.map_or(share, |highest| highest.max(share)));
        }
    }
    let labels = [("group", group.name.as_str())];
    // Without the right to look (not root, not the same account) there is no number, not 0.
    if is_known {
        sink.put(&FDS, &labels, open as f64);
    }
    if let Some(ratio) = ratio {
        sink.put(&FDS_RATIO, &labels, ratio);
    }
}

/// Open descriptors of a process. Kernels since 6.2 say the number as the folder's size.
fn descriptors(root: &HostRoot, pid: u64) -> Option<u64> {
    let folder = root.proc(&format!("{pid}/fd"));
    let entries = std::fs::read_dir(&folder).ok()?;
    let size = std::fs::metadata(&folder).ok().map_or(0, |of| of.len());
    if root.is_live() && size > 0 {
        return Some(size);
    }
    u64::try_from(entries.count()).ok()
}

/// The soft limit; `None` when there is none.
fn descriptor_limit(root: &HostRoot, pid: u64) -> Option<u64> {
    let mut file = HostFile::new(root.proc(&format!("{pid}/limits")));
    let text = file.read().ok()?;
    let line = field::lines(text).find_map(|(_, line)| line.strip_prefix(b"Max open files"))?;
    field::words(line).next().and_then(field::number)
}

fn put_memory(root: &HostRoot, group: &Group, sink: &mut Sink) {
    let oldest = group.present.iter().min_by_key(|((_, start), _)| *start);
    let Some(((pid, _), _)) = oldest else { return };
    let Some(path) = cgroup(root, *pid) else { return };
    let folder = root.sys("fs/cgroup").join(path);
    let read = |name: &str| HostFile::new(folder.join(name)).read().ok().map(<[u8]>::to_vec);
    let number = |name: &str| read(name).and_then(|text| field::number(text.trim_ascii()));
    let labels = [("group", group.name.as_str())];
    let droppable = read("memory.stat").and_then(|text| {
        field::lines(&text)
            .find_map(|(_, line)| field::number(line.strip_prefix(b"inactive_file ")?))
    });
    if let Some(current) = number("memory.current") {
        let used = current.saturating_sub(droppable.unwrap_or(0));
        sink.put(&MEMORY, &labels, used as f64);
    }
    if let Some(limit) = number("memory.max") {
        sink.put(&MEMORY_LIMIT, &labels, limit as f64);
    }
}

/// The control group of version 2, relative to its root: `0::/system.slice/postgresql.service`. The root itself limits
/// nothing.
fn cgroup(root: &HostRoot, pid: u64) -> Option<String> {
    let mut file = HostFile::new(root.proc(&format!("{pid}/cgroup")));
    let text = file.read().ok()?;
    let path = field::lines(text).find_map(|(_, line)| line.strip_prefix(b"0::/"))?;
    let path = field::text(path)?;
    let is_plain = path.split('/').all(|part| !part.is_empty() && part != "..");
    is_plain.then(|| path.to_owned())
}
