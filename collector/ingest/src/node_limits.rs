//! What one node may send, whichever session it comes in: series, samples and work, so that a broken or hostile node
//! costs the others nothing.

use crate::bucket::Bucket;
use proto::limits::MAX_SERIES;
use shared_model::{BootTime, Lane, NodeIdentity};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Samples that may be saved up, as seconds of the rate.
const BURST_S: f64 = 10.0;

/// New series a minute, as a share of the limit of series; all of them may come at once at first.
const NEW_SERIES_SHARE: f64 = 0.1;

/// Sessions a node may open: an agent that is restarted again and again by hand, and then one each two seconds.
const SESSIONS_PER_S: f64 = 0.5;
const SESSIONS_MOST: f64 = 60.0;

/// Reading a message costs about as much as reading this many bytes of its body.
const MESSAGE_BYTES: f64 = 4096.0;

/// Bytes to be read for each sample at the most: a sample has 16 in memory and some 4 in a body.
const BYTES_PER_SAMPLE: f64 = 64.0;

/// A byte of a catalog costs as much as this many of a batch: it becomes texts and definitions of their own, which are held
/// against the known ones.
const CATALOG_WEIGHT: usize = 4;

/// A body that is not what it claims to be costs as much as this many that are: no agent sends one.
const FALSE_WEIGHT: usize = 8;

/// Least rate of bytes to be read, whatever the limit of samples.
const BYTES_PER_S_MIN: f64 = 4e6;

/// Limits of each node; the defaults are far above what an agent sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeLimits {
    /// Series that are kept of one node, 1 to 20000.
    pub series_max: usize,
    /// Samples a second.
    pub samples_per_second: u32,
}

impl Default for NodeLimits {
    fn default() -> Self {
        Self { series_max: MAX_SERIES, samples_per_second: 100_000 }
    }
}

/// The accounts of all nodes. As many as there are in the registry, since only those prove an identity.
pub(crate) struct Accounts {
    limits: NodeLimits,
    nodes: Mutex<BTreeMap<NodeIdentity, Account>>,
}

/// One node's account, shared by its sessions.
#[derive(Clone)]
pub(crate) struct Account(Arc<Mutex<Buckets>>);

struct Buckets {
    samples: Bucket,
    new_series: Bucket,
    sessions: Bucket,
    bytes: Bucket,
    samples_most: f64,
}

impl Accounts {
    /// With the same limits for each node.
    pub(crate) fn new(limits: NodeLimits) -> Self {
        Self { limits, nodes: Mutex::default() }
    }

    /// The limits.
    pub(crate) fn limits(&self) -> NodeLimits {
        self.limits
    }

    /// A node's account.
    pub(crate) fn of(&self, node: &NodeIdentity) -> Account {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.entry(node.clone()).or_insert_with(|| Account::new(self.limits)).clone()
    }
}

impl Account {
    fn new(limits: NodeLimits) -> Self {
        let rate = f64::from(limits.samples_per_second);
        let series = limits.series_max as f64;
        let bytes = (rate * BYTES_PER_SAMPLE).max(BYTES_PER_S_MIN);
        Self(Arc::new(Mutex::new(Buckets {
            samples: Bucket::new(rate, rate * BURST_S),
            new_series: Bucket::new(series * NEW_SERIES_SHARE / 60.0, series),
            sessions: Bucket::new(SESSIONS_PER_S, SESSIONS_MOST),
            bytes: Bucket::new(bytes, bytes * 2.0),
            samples_most: rate * BURST_S,
        })))
    }

    /// A batch of so many samples; else how long to wait. Backfill leaves half of what is saved up to live data.
    pub(crate) fn samples(&self, count: usize, lane: Lane, now: BootTime) -> Result<(), Duration> {
        let mut buckets = self.lock();
        let floor = match lane {
            Lane::Live => 0.0,
            Lane::Backfill => buckets.samples_most / 2.0,
        };
        buckets.samples.take(count as f64, floor, now)
    }

    /// So many series that were not known; else how long to wait.
    pub(crate) fn new_series(&self, count: usize, now: BootTime) -> Result<(), Duration> {
        self.lock().new_series.take(count as f64, 0.0, now)
    }

    /// One more session; else how long to wait.
    pub(crate) fn session(&self, now: BootTime) -> Result<(), Duration> {
        self.lock().sessions.take(1.0, 0.0, now)
    }

    /// A message that is about to be read, with the bytes of its body packed and unpacked. It is read in any case; the
    /// answer is how long to read nothing more.
    pub(crate) fn reading(&self, bytes: usize, now: BootTime) -> Duration {
        let mut buckets = self.lock();
        let cost = bytes as f64 + MESSAGE_BYTES;
        if buckets.bytes.take(cost, 0.0, now).is_ok() {
            return Duration::ZERO;
        }
        // Charged all the same: the session waits until the debt is paid.
        match buckets.bytes.take(cost, f64::NEG_INFINITY, now) {
            Ok(()) => buckets.bytes.take(0.0, 0.0, now).err().unwrap_or_default(),
            Err(wait) => wait,
        }
    }

    /// How long to read nothing because of what was read before.
    pub(crate) fn owes(&self, now: BootTime) -> Duration {
        self.lock().bytes.take(0.0, 0.0, now).err().unwrap_or_default()
    }

    /// A catalog that is about to be read, as [`Self::reading`].
    pub(crate) fn reading_catalog(&self, bytes: usize, now: BootTime) -> Duration {
        self.reading(bytes * CATALOG_WEIGHT, now)
    }

    /// A known catalog of so many bytes has changed: all of it is bound again.
    pub(crate) fn bound(&self, bytes: usize, now: BootTime) {
        self.charge(bytes * CATALOG_WEIGHT, now);
    }

    /// A body turned out to take so many bytes more in memory than it claimed.
    pub(crate) fn unpacked(&self, bytes: usize, now: BootTime) {
        self.charge(bytes, now);
    }

    /// A body of so many bytes, packed and unpacked, was not what it claimed to be.
    pub(crate) fn was_false(&self, bytes: usize, now: BootTime) {
        self.charge(bytes * (FALSE_WEIGHT - 1), now);
    }

    /// Paid by what is read next.
    fn charge(&self, bytes: usize, now: BootTime) {
        // Nothing is refused for it.
        let _debt = self.lock().bytes.take(bytes as f64, f64::NEG_INFINITY, now);
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> BootTime {
        BootTime::from_micros(secs * 1_000_000)
    }

    /// Scenario: a node sends ten times its rate of samples, first as backfill, then live. Guarantees: the burst passes,
    /// backfill stops at half of it, live data has the rest; afterwards the rate holds and the wait is named.
    #[test]
    fn backfill_leaves_room_for_live_data() {
        let account = Account::new(NodeLimits { series_max: 100, samples_per_second: 100 });
        let passed =
            |lane: Lane| (0..2000).filter(|_| account.samples(1, lane, at(0)).is_ok()).count();
        assert_eq!(passed(Lane::Backfill), 500);
        assert_eq!(passed(Lane::Live), 500);
        let wait = account.samples(1, Lane::Backfill, at(0)).unwrap_err();
        assert!((5.0..5.1).contains(&wait.as_secs_f64()), "{wait:?}");
        let later = (0..2000).filter(|_| account.samples(1, Lane::Live, at(1)).is_ok()).count();
        assert_eq!(later, 100);
    }

    /// Scenario: a node sends small messages and large ones without end. Guarantees: what it may send at once is bounded, and
    /// then it is read at the rate.
    #[test]
    fn reading_is_slowed_down() {
        for bytes in [0, 4 << 20] {
            let account = Account::new(NodeLimits { series_max: 100, samples_per_second: 1 });
            let mut now = at(0);
            let mut read = 0.0;
            while now < at(100) {
                now = now.plus(account.reading(bytes, now));
                read += bytes as f64 + MESSAGE_BYTES;
                if read > 1e10 {
                    break;
                }
            }
            // What was saved up, and one message more than that at each end.
            let slack = 4e6 * 2.0 + 2.0 * (bytes as f64 + MESSAGE_BYTES);
            assert!(read <= 4e6 * 100.0 + slack, "{read} bytes in 100 s");
            assert!(read >= 4e6 * 100.0 - slack, "{read} bytes in 100 s");
        }
    }
}
