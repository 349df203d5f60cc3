//! What is on the way and not confirmed yet, and how much more may follow. Pure: times are passed in.
//!
//! Two tracks. Fresh records have a credit of their own that nobody can take away. The backlog keeps to the collector's
//! credit and to a window of its own, which shrinks while confirmations take long: on a slow link everything that was
//! sent before a fresh record is in its way, and a fresh record must not wait for more than a second (I15).

use proto::Credit;
use proto::limits::LIVE_CREDIT_BATCHES;
use shared_model::{BootTime, Seq, SeqSet};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A confirmation of the backlog may take this long: a fresh record behind it then comes well within its second.
const SLOW: Duration = Duration::from_millis(300);

/// Window of the backlog at the beginning of a session, bytes: half a second of a link of 128 kbit/s.
const WINDOW_AT_FIRST: u64 = 8 << 10;

/// Smallest window, bytes: on any link but the slowest some records are on the way, however long the collector's disk
/// takes to confirm them.
const WINDOW_MIN: u64 = 4 << 10;

/// Growth of the window in a round trip once it was too large, bytes.
const STEP: u64 = 2 << 10;

/// Largest window, bytes: a second of a link of 64 Mbit/s; more gains nothing.
const WINDOW_MAX: u64 = 8 << 20;

/// Which of the two a record goes with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Track {
    /// Made while the session is open.
    Fresh,
    /// Made before.
    Backlog,
}

/// The records on the way in one session.
pub(super) struct Flight {
    fresh: BTreeSet<Seq>,
    backlog: BTreeMap<Seq, Sent>,
    backlog_bytes: u64,
    credit: Credit,
    window: u64,
    /// Records sent before this do not shrink the window once more.
    shrunk: Option<BootTime>,
}

struct Sent {
    bytes: u64,
    at: BootTime,
}

impl Flight {
    /// Nothing is on the way.
    pub(super) fn new(credit: Credit) -> Self {
        Self {
            fresh: BTreeSet::new(),
            backlog: BTreeMap::new(),
            backlog_bytes: 0,
            credit,
            window: WINDOW_AT_FIRST,
            shrunk: None,
        }
    }

    /// The collector changed what it grants.
    pub(super) fn grant(&mut self, credit: Credit) {
        self.credit = credit;
    }

    /// Whether one more record may be sent. The last one may go over the bytes, so that a record larger than all credit
    /// is not stuck for ever.
    pub(super) fn room(&self, track: Track) -> bool {
        if track == Track::Fresh {
            return self.fresh.len() < LIVE_CREDIT_BATCHES;
        }
        let Credit { bytes, batches, hold } = self.credit;
        let bytes = if bytes == 0 { WINDOW_MAX } else { bytes.into() };
        let within = self.backlog_bytes < bytes.min(self.window)
            && (batches == 0 || self.backlog.len() < batches as usize);
        !hold && (self.backlog.is_empty() || within)
    }

    /// Whether a record is on the way.
    pub(super) fn contains(&self, seq: Seq) -> bool {
        self.fresh.contains(&seq) || self.backlog.contains_key(&seq)
    }

    /// Nothing is on the way.
    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.backlog.is_empty()
    }

    /// A record was sent.
    pub(super) fn sent(&mut self, track: Track, seq: Seq, bytes: u64, now: BootTime) {
        match track {
            Track::Fresh => {
                self.fresh.insert(seq);
            }
            Track::Backlog => {
                self.backlog_bytes += bytes;
                self.backlog.insert(seq, Sent { bytes, at: now });
            }
        }
    }

    /// These records are on the collector's disk.
    pub(super) fn confirmed(&mut self, durable: &SeqSet, now: BootTime) {
        for range in durable.ranges() {
            while let Some(&seq) = self.fresh.range(range.from..=range.to).next() {
                self.fresh.remove(&seq);
            }
            while let Some((&seq, _)) = self.backlog.range(range.from..=range.to).next() {
                let Some(sent) = self.land(seq) else { break };
                self.learn(&sent, now);
            }
        }
    }

    /// A record was not taken. Yields the track it was on.
    pub(super) fn returned(&mut self, seq: Seq) -> Option<Track> {
        if self.fresh.remove(&seq) {
            return Some(Track::Fresh);
        }
        self.land(seq).map(|_| Track::Backlog)
    }

    fn land(&mut self, seq: Seq) -> Option<Sent> {
        let sent = self.backlog.remove(&seq)?;
        self.backlog_bytes -= sent.bytes;
        Some(sent)
    }

    /// While confirmations are quick the window grows: it doubles with each round trip at first, and once it was too large
    /// it gains a step. Halves it once per round trip while they are not.
    fn learn(&mut self, sent: &Sent, now: BootTime) {
        if now.since(sent.at) <= SLOW {
            let gain = match self.shrunk {
                None => sent.bytes,
                Some(_) => (sent.bytes * STEP).div_ceil(self.window),
            };
            self.window = (self.window + gain).min(WINDOW_MAX);
        } else if self.shrunk.is_none_or(|at| sent.at >= at) {
            self.window = (self.window / 2).max(WINDOW_MIN);
            self.shrunk = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_model::SeqRange;

    const UNLIMITED: Credit = Credit { bytes: 0, batches: 0, hold: false };

    fn at(millis: u64) -> BootTime {
        BootTime::from_micros(millis * 1_000)
    }

    fn only(seq: u64) -> SeqSet {
        [SeqRange { from: Seq(seq), to: Seq(seq) }].into_iter().collect()
    }

    /// Scenario: a backlog that has used up all credit, one that is held, and one that is neither. Guarantees: fresh records
    /// have their own 16 places in each; the backlog stops at its limit, a held one at once.
    #[test]
    fn the_backlog_never_takes_fresh_places() {
        for (credit, backlog) in [
            (Credit { bytes: 100, ..UNLIMITED }, 2),
            (Credit { batches: 3, ..UNLIMITED }, 3),
            (Credit { bytes: 1, ..UNLIMITED }, 1),
            (Credit { hold: true, ..UNLIMITED }, 0),
        ] {
            let mut flight = Flight::new(credit);
            let mut seq = 0;
            while flight.room(Track::Backlog) {
                seq += 1;
                flight.sent(Track::Backlog, Seq(seq), 60, at(0));
            }
            assert_eq!(seq, backlog, "{credit:?}");
            while flight.room(Track::Fresh) {
                seq += 1;
                flight.sent(Track::Fresh, Seq(seq), 1 << 20, at(0));
            }
            assert_eq!(seq, backlog + LIVE_CREDIT_BATCHES as u64, "{credit:?}");
            assert_eq!(flight.returned(Seq(seq)), Some(Track::Fresh));
            assert!(flight.room(Track::Fresh));
            let all = [SeqRange { from: Seq(1), to: Seq(seq) }].into_iter().collect();
            flight.confirmed(&all, at(1));
            assert!(flight.is_empty());
        }
    }

    /// Scenario: the same backlog over a link of 16 KiB a second and over a fast one. Guarantees: on the slow one what is on
    /// the way soon takes less than a second; on the fast one the window grows to its end.
    #[test]
    fn the_window_follows_the_link() {
        for (bytes_per_s, settled) in [(16u64 << 10, 10 << 10), (1 << 30, WINDOW_MAX)] {
            let mut flight = Flight::new(UNLIMITED);
            let (mut now_us, mut seq, mut next) = (0u64, 0, 1);
            for _ in 0..20_000 {
                while flight.room(Track::Backlog) {
                    seq += 1;
                    flight.sent(Track::Backlog, Seq(seq), 2_000, BootTime::from_micros(now_us));
                }
                // The link delivers the oldest record; its confirmation takes no time.
                now_us += 2_000 * 1_000_000 / bytes_per_s;
                flight.confirmed(&only(next), BootTime::from_micros(now_us));
                next += 1;
            }
            match settled {
                WINDOW_MAX => assert_eq!(flight.window, WINDOW_MAX),
                most => assert!(flight.backlog_bytes <= most, "{} bytes", flight.backlog_bytes),
            }
        }
    }
}
