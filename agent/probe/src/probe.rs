//! The probe traits.

use crate::{Outcome, Sink};
use shared_model::Metric;
use std::future::Future;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::time::Duration;

/// Which lane a probe runs in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Lane {
    /// One thread reads all of these in turn; each must return within milliseconds.
    Fast,
    /// May block, for example in `statvfs` on a dead NFS mount: its own thread and timeout.
    Slow,
}

/// What the runner must know to schedule a probe.
#[derive(Clone, PartialEq, Debug)]
pub struct ProbeSpec {
    /// Name as typed in `probe NAME` and in `[probe.NAME]`: node_exporter's collector name where there is one.
    pub name: &'static str,
    /// Becomes the label `job`: `node`, `postgres`.
    pub job: &'static str,
    /// Which lane it runs in.
    pub lane: Lane,
    /// Interval when the configuration names none.
    pub default_interval: Duration,
    /// A round that takes longer is reported as failed.
    pub default_timeout: Duration,
}

/// A probe over files and system calls.
pub trait Probe: Send {
    /// How it is scheduled.
    fn spec(&self) -> ProbeSpec;

    /// What it watches when that is not this node but something that another node may watch as well, such as a fabric:
    /// becomes the label `instance`. Empty for the node itself.
    fn instance(&self) -> &str {
        ""
    }

    /// Every metric it may emit.
    fn metrics(&self) -> &'static [&'static Metric];

    /// One round: reads its sources and puts every sample into `sink`.
    ///
    /// A probe that returns [`Outcome::Absent`] or [`Outcome::Failed`] has put in nothing that is worth keeping.
    fn read(&mut self, sink: &mut Sink) -> Outcome;

    /// What becomes readable when the source itself says that something changed, such as a netlink socket: the runner of the
    /// slow lane then reads at once instead of at the next tick. [`Self::read`] takes out what made it readable.
    fn wake(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// What a source says by itself, without being asked: the other half of [`Probe::wake`].
pub trait EventSource: Send {
    /// Readable while something was said.
    fn fd(&self) -> BorrowedFd<'_>;

    /// Takes out what was said, so that it is readable again only once more comes.
    fn drain(&mut self);
}

/// A probe over a network connection, such as a database instance.
pub trait AsyncProbe: Send {
    /// How it is scheduled. The lane is not used: each asynchronous probe is its own task.
    fn spec(&self) -> ProbeSpec;

    /// `host:port` of what it watches, or its own id: becomes the label `instance`. A target that says only in its answer who it is
    /// may change this once, before the first round whose readings are kept.
    fn instance(&self) -> &str;

    /// Every metric it may emit.
    fn metrics(&self) -> &'static [&'static Metric];

    /// One round. Must be cancel-safe: the runner drops the future at the timeout and calls [`Self::timed_out`].
    fn read<'a>(
        &'a mut self,
        sink: &'a mut Sink,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

    /// Ready once what it reads from changed by itself, such as a connection that the server ended: the runner then reads at once
    /// instead of at the next tick. Never ready by default. Must be cancel-safe.
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }

    /// Called after a round was cut by the timeout, with a fresh round begun in `sink`: the probe puts in what is
    /// known all the same (a database that does not answer is down) and drops a connection that may be stuck.
    fn timed_out(&mut self, sink: &mut Sink) -> Outcome;
}
