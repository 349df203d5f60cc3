//! Waiting for a state, never for a time.

use std::time::{Duration, Instant};

/// Asks again and again until there is an answer; fails with `what` after `limit`.
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    #[allow(clippy::disallowed_methods, reason = "a test's own patience is real time")]
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < limit, "waited {} s for {what}", limit.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Asks again and again until there is an answer; none when `limit` passed without one.
pub fn passing<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let mut answer = None;
    passes(limit, || {
        answer = ask();
        answer.is_some()
    });
    answer
}

/// Whether `ask` comes true within `limit`; for what may happen or not and is only noted.
pub fn passes(limit: Duration, mut ask: impl FnMut() -> bool) -> bool {
    #[allow(clippy::disallowed_methods, reason = "a test's own patience is real time")]
    let start = Instant::now();
    while start.elapsed() < limit {
        if ask() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}
