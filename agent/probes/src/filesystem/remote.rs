//! Asking mounts that depend on another machine, each from its own thread.
//!
//! A thread that hangs in the kernel cannot be stopped. It is left alone with its one question; until it answers, its
//! mount is reported as timed out and not asked again, so a dead mount costs one thread and no more.

use super::Answer;
use super::mountinfo::Mount;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

/// How long a mount may take before the round goes on without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Threads at most, one per mount. Appliances have a handful of such mounts; a further one is reported as not asked.
const MAX_THREADS: usize = 32;

/// Stack of a thread that makes one system call.
const STACK_BYTES: usize = 64 << 10;

/// Kinds whose `statvfs` waits for another machine or for a process in user space.
const KINDS: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "ceph",
    "9p",
    "afs",
    "lustre",
    "gpfs",
    "beegfs",
    "glusterfs",
    "ocfs2",
    "gfs2",
    "orangefs",
    "virtiofs",
];

/// The threads, by mount point.
#[derive(Default)]
pub(super) struct Remotes {
    threads: BTreeMap<Box<str>, Asker>,
    /// Held by every thread, those included that hang although their mount is gone, so that they can be counted.
    alive: Arc<()>,
}

struct Asker {
    questions: SyncSender<()>,
    answers: Receiver<Answer>,
    is_waiting: bool,
    /// Whether the patience of an earlier round was spent on the question that is still open.
    is_overdue: bool,
}

impl Remotes {
    /// Asks the remote ones among `mounts`; the others get `None`. Takes little more than [`PATIENCE`] altogether.
    pub(super) fn ask(&mut self, mounts: &[Mount]) -> Vec<Option<Answer>> {
        // A thread whose mount is gone ends when its channel closes, as soon as the kernel lets it.
        self.threads.retain(|point, _| {
            mounts.iter().any(|mount| mount.point == *point && is_remote(mount))
        });
        for mount in mounts.iter().filter(|mount| is_remote(mount)) {
            // Our own handle is one of them.
            let has_room = Arc::strong_count(&self.alive) <= MAX_THREADS;
            if !self.threads.contains_key(&mount.point) && has_room {
                let point = mount.point.clone();
                let alive = Arc::clone(&self.alive);
                if let Some(asker) = Asker::start(alive, move || statvfs(&point)) {
                    self.threads.insert(mount.point.clone(), asker);
                }
            }
            if let Some(asker) = self.threads.get_mut(&mount.point) {
                asker.ask();
            }
        }
        let mut patience = PATIENCE;
        mounts
            .iter()
            .map(|mount| {
                is_remote(mount).then(|| match self.threads.get_mut(&mount.point) {
                    Some(asker) => asker.answer(&mut patience),
                    None => Err("not asked: too many remote mounts".to_owned()),
                })
            })
            .collect()
    }
}

fn is_remote(mount: &Mount) -> bool {
    KINDS.contains(&&*mount.kind) || mount.kind.starts_with("fuse.")
}

fn statvfs(point: &str) -> Answer {
    rustix::fs::statvfs(point).map_err(|errno| errno.to_string())
}

impl Asker {
    /// Starts the thread; `None` when the system gives no more.
    fn start(
        alive: Arc<()>,
        mut question: impl FnMut() -> Answer + Send + 'static,
    ) -> Option<Self> {
        // One question at a time is asked, so one place each way is enough.
        let (questions, inbox) = sync_channel(1);
        let (outbox, answers) = sync_channel(1);
        let work = move || {
            while inbox.recv().is_ok() {
                if outbox.send(question()).is_err() {
                    break;
                }
            }
            drop(alive);
        };
        let thread = std::thread::Builder::new().name("statvfs".to_owned()).stack_size(STACK_BYTES);
        thread.spawn(work).ok()?;
        Some(Self { questions, answers, is_waiting: false, is_overdue: false })
    }

    fn ask(&mut self) {
        self.is_waiting = self.is_waiting || self.questions.try_send(()).is_ok();
    }

    /// The answer to the last question. The first mount that exhausts `patience` leaves none for the others, which were
    /// asked at the same time and have had theirs.
    fn answer(&mut self, patience: &mut Duration) -> Answer {
        let answer = match self.answers.try_recv() {
            // Once is enough: the other mounts are not late for it a second time.
            Err(TryRecvError::Empty) if self.is_overdue => Err(RecvTimeoutError::Timeout),
            Err(TryRecvError::Empty) => self.answers.recv_timeout(*patience),
            Ok(answer) => Ok(answer),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
        };
        match answer {
            Ok(answer) => {
                (self.is_waiting, self.is_overdue) = (false, false);
                answer
            }
            Err(error) => {
                if error == RecvTimeoutError::Timeout && !self.is_overdue {
                    *patience = Duration::ZERO;
                    self.is_overdue = true;
                }
                Err("mountpoint timeout".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    /// Scenario: a mount hangs for two rounds and then answers. Guarantees: it is reported as timed out without being
    /// asked twice, and sampled again once it answers; its neighbour is never affected.
    #[test]
    fn a_hanging_mount_costs_only_itself() {
        let (release, held) = sync_channel::<()>(1);
        let mut dead = Asker::start(Arc::default(), move || {
            held.recv().map_err(|_| "gone".to_owned())?;
            statvfs("/")
        })
        .expect("a thread");
        let mut alive = Asker::start(Arc::default(), || statvfs("/")).expect("a thread");
        // The second round does not wait at all.
        for (patience, left) in [(1, 0), (60_000, 60_000)] {
            dead.ask();
            alive.ask();
            assert!(alive.answer(&mut Duration::from_secs(60)).is_ok());
            let mut patience = Duration::from_millis(patience);
            assert_eq!(dead.answer(&mut patience).err().as_deref(), Some("mountpoint timeout"));
            assert_eq!(patience, Duration::from_millis(left));
        }
        release.send(()).expect("the thread waits");
        let mut none = Duration::ZERO;
        while dead.answer(&mut none).is_err() {
            std::thread::yield_now();
        }
        dead.ask();
        assert!(dead.is_waiting);
    }
}
