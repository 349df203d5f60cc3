//! The collector's memory for what waits for the engine, and the credit that agents get from it.

use proto::Credit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Bytes of decoded batches between the sessions and the journal. 64 MiB is a tenth of the memory a collector is given
/// and some seconds of a thousand nodes.
const BUDGET_BYTES: usize = 64 << 20;

/// Records of backfill of one agent on the way.
const CREDIT_BATCHES: u32 = 64;

/// Least and most bytes of backfill of one agent on the way: one round of the largest node, and what a gigabit link
/// carries in the time of a sync.
const CREDIT_BYTES: (usize, usize) = (64 << 10, 1 << 20);

/// Shared by all sessions.
#[derive(Clone)]
pub(crate) struct Budget(Arc<Inner>);

struct Inner {
    free: Arc<Semaphore>,
    total: usize,
    sessions: AtomicUsize,
    /// Whether backfill is held.
    held: watch::Sender<bool>,
}

/// Memory of one record; free again when dropped.
pub struct Held {
    permit: Option<OwnedSemaphorePermit>,
    budget: Budget,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({:?})", self.permit.as_ref().map(OwnedSemaphorePermit::num_permits))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.budget.judge();
    }
}

/// Counts a session while it is open.
pub(crate) struct Counted(Budget);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(BUDGET_BYTES)
    }
}

impl Budget {
    fn of(total: usize) -> Self {
        let free = Arc::new(Semaphore::new(total));
        let (sessions, held) = (AtomicUsize::new(0), watch::Sender::new(false));
        Self(Arc::new(Inner { free, total, sessions, held }))
    }

    /// Takes `bytes`, waiting in line with the other sessions while there is no room. The agent waits with it: nothing
    /// more is read from its stream.
    pub(crate) async fn take(&self, bytes: usize) -> Held {
        // No record can need more than there is, or it would wait for ever.
        let bytes = u32::try_from(bytes.min(self.0.total)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.0.free).acquire_many_owned(bytes).await.ok();
        self.judge();
        Held { permit, budget: self.clone() }
    }

    /// A session is open.
    pub(crate) fn count(&self) -> Counted {
        self.0.sessions.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    /// Open sessions.
    pub(crate) fn sessions(&self) -> usize {
        self.0.sessions.load(Ordering::Relaxed)
    }

    /// What one agent may have on the way now. Under pressure backfill is held first: live data has its own credit.
    pub(crate) fn credit(&self) -> Credit {
        let share = self.0.total / 2 / self.sessions().max(1);
        let bytes = share.clamp(CREDIT_BYTES.0, CREDIT_BYTES.1);
        Credit {
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            batches: CREDIT_BATCHES,
            hold: *self.0.held.borrow(),
        }
    }

    /// Changes when backfill is held or let go.
    pub(crate) fn changes(&self) -> watch::Receiver<bool> {
        self.0.held.subscribe()
    }

    /// Holds backfill when less than a quarter is free, and lets it go when half is: so it does not flutter.
    fn judge(&self) {
        let free = self.0.free.available_permits();
        self.0.held.send_if_modified(|held| {
            let now = if *held { free < self.0.total / 2 } else { free < self.0.total / 4 };
            std::mem::replace(held, now) != now
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the budget fills up and empties. Guarantees: backfill is held when less than a quarter is free, let go when
    /// half is free again, and both changes are told; what does not fit waits until something is freed.
    #[tokio::test]
    async fn backfill_is_held_first() {
        let budget = Budget::of(1000);
        let mut changes = budget.changes();
        let mut held = Vec::new();
        for free_after in [900, 800, 700, 600, 500, 400, 300] {
            held.push(budget.take(100).await);
            assert!(!budget.credit().hold, "{free_after} free");
        }
        held.push(budget.take(51).await);
        assert!(budget.credit().hold && *changes.borrow_and_update(), "249 free");
        let mut waiting = std::pin::pin!(budget.take(250));
        let poll = std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx)));
        assert!(poll.await.is_pending());
        held.truncate(6);
        drop(waiting.await);
        assert!(budget.credit().hold, "400 free");
        held.truncate(5);
        assert!(!budget.credit().hold && !*changes.borrow_and_update(), "500 free");
    }

    /// Scenario: one session, and a great many. Guarantees: each agent's share falls but never below one large round.
    #[test]
    fn shares_shrink_with_the_number_of_agents() {
        let budget = Budget::default();
        let mut counted: Vec<_> = (0..1).map(|_| budget.count()).collect();
        assert_eq!(budget.credit().bytes, 1 << 20);
        counted.extend((0..255).map(|_| budget.count()));
        assert_eq!(budget.credit().bytes, 128 << 10);
        counted.extend((0..4096).map(|_| budget.count()));
        assert_eq!(budget.credit().bytes, 64 << 10);
        drop(counted);
        assert_eq!(budget.sessions(), 0);
    }
}
