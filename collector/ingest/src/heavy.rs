//! Work that keeps a processor busy for milliseconds, apart from the threads that serve all sessions.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

/// How much of it at once, whoever asks: the other processors are for the sessions and the engine.
const AT_ONCE: usize = 1;

/// Bytes that are gone through on the spot. A round of a large node is some 10 KiB, and a cell of it takes an eighth of a byte
/// at least, so this takes a millisecond or so.
const ON_THE_SPOT_BYTES: usize = 32 << 10;

/// Where heavy work waits for its turn, first come, first served.
pub(crate) struct Heavy(Semaphore);

impl Default for Heavy {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Heavy {
    /// Does work that goes through so many bytes; if they are many, while other tasks of this thread go on.
    pub(crate) async fn run<T>(&self, bytes: usize, work: impl FnOnce() -> T) -> T {
        if bytes <= ON_THE_SPOT_BYTES {
            return work();
        }
        // Never closed; if it were, the work would be done all the same.
        let _turn = self.0.acquire().await;
        match Handle::current().runtime_flavor() {
            // With one thread there is none to go on in its place.
            RuntimeFlavor::CurrentThread => work(),
            _ => tokio::task::block_in_place(work),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc::sync_channel;

    /// Scenario: heavy work on the only thread of a runtime that waits for another task of the same thread. Guarantees: that
    /// task goes on; a second piece of work waits for the first, one that is small does not.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_go_on() {
        let heavy = Arc::new(Heavy::default());
        let (say, heard) = sync_channel(1);
        let (begin, begun) = tokio::sync::oneshot::channel();
        let spawn = |work: Box<dyn FnOnce() -> &'static str + Send>| {
            let heavy = Arc::clone(&heavy);
            tokio::spawn(async move { heavy.run(usize::MAX, work).await })
        };
        let first = spawn(Box::new(move || {
            begin.send(()).unwrap();
            heard.recv().unwrap()
        }));
        begun.await.unwrap();
        let second = spawn(Box::new(|| "second"));
        let on_the_spot = tokio::spawn({
            let heavy = Arc::clone(&heavy);
            async move { heavy.run(ON_THE_SPOT_BYTES, || "small").await }
        });
        assert_eq!(on_the_spot.await.unwrap(), "small");
        assert!(!first.is_finished() && !second.is_finished());
        tokio::spawn(async move { say.send("first").unwrap() });
        assert_eq!((first.await.unwrap(), second.await.unwrap()), ("first", "second"));
    }

    /// Scenario: a runtime of one thread. Guarantees: the work is done.
    #[tokio::test]
    async fn one_thread_is_enough() {
        assert_eq!(Heavy::default().run(usize::MAX, || 7).await, 7);
    }
}
