//! Brings the spool to disk, on a thread of its own: neither the rounds nor the session ever wait for the disk.
//!
//! While a session is open a round is synced only when the collector has not confirmed it by the next one: what it has
//! confirmed is on its disk. Without a session a sync follows at once on the round that was written, unless the last one
//! began a moment ago: with a round a second each is synced as it comes, and the thread needs no timer.

use crate::link::chain;
use crate::spool::SpoolError;
use crate::uplink::Shared;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between the beginnings of two syncs: rounds that come closer together share one. With it a record that nobody has
/// confirmed waits for a second or so, which is what a loss of power costs.
const SPACING: Duration = Duration::from_millis(750);

/// Stack of the thread, which makes a few file calls.
const STACK_BYTES: usize = 128 << 10;

/// What the thread is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// Something was written.
    Sync,
    /// The uplink ends.
    End,
}

/// The thread's orders: an order to sync that finds another one waiting adds nothing, so one place is enough.
pub(crate) fn orders() -> (SyncSender<Order>, Receiver<Order>) {
    sync_channel(1)
}

/// The thread; ended and waited for when this is dropped, so that nobody holds the spool's files after that.
#[derive(Debug)]
pub(crate) struct Syncer {
    orders: SyncSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// Starts the thread.
    pub(crate) fn start(shared: &Arc<Shared>, received: Receiver<Order>) -> io::Result<Self> {
        let orders = shared.syncs.clone();
        let shared = Arc::clone(shared);
        let thread = std::thread::Builder::new().name("sync".into()).stack_size(STACK_BYTES);
        let thread = thread.spawn(move || run(&shared, &received))?;
        Ok(Self { orders, thread: Some(thread) })
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        // Both fail only when the thread has ended before, by a panic that was printed.
        let _ended_before = self.orders.send(Order::End).is_err();
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn run(shared: &Shared, orders: &Receiver<Order>) {
    let mut earliest = shared.clock.boot();
    while orders.recv() == Ok(Order::Sync) {
        // An event does not wait. An urgent order that comes after this look finds its place in the channel free.
        while !shared.urgent.swap(false, Ordering::AcqRel) {
            match orders.recv_timeout(earliest.since(shared.clock.boot())) {
                Err(RecvTimeoutError::Timeout) => break,
                Ok(Order::Sync) => {}
                Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        earliest = shared.clock.boot().plus(SPACING);
        if let Err(error) = sync(shared) {
            tracing::error!(error = chain(&error), "the spool is not safe against a loss of power");
        }
    }
}

fn sync(shared: &Shared) -> Result<(), SpoolError> {
    // The spool is not held while the disk works.
    let work = shared.lock().spool.prepare_sync()?;
    let synced = work.run();
    let mut state = shared.lock();
    state.spool.synced(synced.as_ref().err().map(|error| chain(error)));
    shared.tell_health(&mut state);
    synced
}
