//! Every limit of the server, with its reason.

use std::time::Duration;

/// Limits of the server. The defaults fit one hospital's collector on two cores.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Largest request body in bytes: 1 MiB. The largest real body is a stated fix of a few KiB.
    pub body_max_bytes: usize,
    /// Longest time a request may take: 30 s, the default patience of Grafana and of proxies.
    pub request_timeout: Duration,
    /// Requests worked on at once: 256. More are answered 503 with `Retry-After`, so that no queue builds up.
    pub requests_max: usize,
    /// Sessions kept: 1024, about 300 KiB. The least recently used one makes room.
    pub sessions_max: usize,
    /// A session ends after so long without a request: 30 min.
    pub session_idle: Duration,
    /// A session ends so long after login whatever happens: 12 h, one shift.
    pub session_lifetime: Duration,
    /// Failed logins of one account that lock it: 5.
    pub account_failures_max: u32,
    /// Failed logins from one address that lock it out: 20, because a whole control room may share one address.
    pub peer_failures_max: u32,
    /// How long a lock lasts, and how long a failure counts: 15 min.
    pub lock: Duration,
    /// Accounts and addresses whose failures are remembered: 10 000, about 2 MiB. The least suspicious makes room.
    pub lock_entries_max: usize,
    /// Password hashes computed at once: 2, each takes a core and 19 MiB for tens of milliseconds.
    pub verifications_max: usize,
    /// Queries evaluated at once: 4, so that dashboards cannot take every core from judging.
    pub queries_max: usize,
    /// Streams open at once: 64, a control room with a wall of screens; each costs a task and a few messages.
    pub streams_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            body_max_bytes: 1 << 20,
            request_timeout: Duration::from_secs(30),
            requests_max: 256,
            sessions_max: 1_024,
            session_idle: Duration::from_secs(30 * 60),
            session_lifetime: Duration::from_secs(12 * 3_600),
            account_failures_max: 5,
            peer_failures_max: 20,
            lock: Duration::from_secs(15 * 60),
            lock_entries_max: 10_000,
            verifications_max: 2,
            queries_max: 4,
            streams_max: 64,
        }
    }
}
