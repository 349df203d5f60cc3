//! How far the collector's clock is from the node's, from the four times of heartbeats. Pure.

use shared_model::Timestamp;
use std::collections::VecDeque;

/// Exchanges that are remembered: a minute at one a second, short against the drift of a quartz clock (some 50 us).
const REMEMBERED: usize = 64;

/// A step of the node's wall clock within one exchange that makes it and the earlier ones useless, microseconds.
const STEP_US: i64 = 1_000;

/// A clock may be slewed by this share of the time between two exchanges, the most the kernel does.
const SLEW_SHARE: i64 = 2_000;

/// The node's two clocks at one moment, microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Moment {
    /// Wall clock.
    pub(crate) wall_us: i64,
    /// Time since boot.
    pub(crate) boot_us: i64,
}

/// One measured exchange.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Exchange {
    /// Time on the way there and back, microseconds.
    pub(crate) round_trip_us: u64,
    /// Collector's wall clock minus node's, microseconds; wrong by at most half the round trip.
    pub(crate) offset_us: i64,
}

/// The latest exchanges of a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClockOffset {
    exchanges: VecDeque<Exchange>,
    /// When the last exchange returned.
    last: Option<Moment>,
}

impl ClockOffset {
    /// Takes an exchange: sent and returned by the node's clocks, received and answered by the collector's. One whose
    /// times contradict each other is left out.
    pub(crate) fn record(
        &mut self,
        sent: Moment,
        received: Timestamp,
        answered: Timestamp,
        returned: Moment,
    ) {
        let last = self.last.replace(returned);
        if last.is_some_and(|last| is_step(last, sent)) {
            self.exchanges.clear();
        }
        if is_step(sent, returned) {
            self.exchanges.clear();
            return;
        }
        let by_boot = returned.boot_us.saturating_sub(sent.boot_us);
        let (received, answered) = (received.as_micros(), answered.as_micros());
        let held = answered.saturating_sub(received);
        let Ok(round_trip_us) = u64::try_from(by_boot.saturating_sub(held)) else { return };
        if held < 0 {
            return;
        }
        let there = received.saturating_sub(sent.wall_us);
        let back = answered.saturating_sub(returned.wall_us);
        // The mean of both, without the overflow that adding them could have.
        let offset_us = (there >> 1) + (back >> 1) + (there & back & 1);
        if self.exchanges.len() == REMEMBERED {
            self.exchanges.pop_front();
        }
        self.exchanges.push_back(Exchange { round_trip_us, offset_us });
    }

    /// The exchange with the shortest way, which is wrong by the least.
    pub(crate) fn best(&self) -> Option<Exchange> {
        self.exchanges.iter().min().copied()
    }
}

/// Whether the node's wall clock was set between two moments.
fn is_step(before: Moment, after: Moment) -> bool {
    let by_boot = after.boot_us.saturating_sub(before.boot_us);
    let by_wall = after.wall_us.saturating_sub(before.wall_us);
    let limit = STEP_US.saturating_add((by_boot / SLEW_SHARE).max(0));
    by_wall.saturating_sub(by_boot).saturating_abs() > limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn moment(us: i64) -> Moment {
        Moment { wall_us: 1_000_000 + us, boot_us: us }
    }

    proptest! {
        /// Scenario: a true offset and any delays there and back.
        /// Guarantees: the estimate is off by at most half the round trip.
        #[test]
        fn error_is_at_most_half_the_way(offset in -9_000_000i64..9_000_000, there in 0i64..50_000, held in 0i64..50_000, back in 0i64..50_000) {
            let mut clock = ClockOffset::default();
            let received = Timestamp::from_micros(1_000_000 + there + offset);
            let answered = Timestamp::from_micros(1_000_000 + there + held + offset);
            clock.record(moment(0), received, answered, moment(there + held + back));
            let best = clock.best().unwrap();
            prop_assert_eq!(best.round_trip_us, (there + back) as u64);
            prop_assert!(best.offset_us.abs_diff(offset) <= (there + back) as u64 / 2 + 1);
        }

        /// Scenario: any times. Guarantees: no panic.
        #[test]
        fn any_times_are_answered(t: [i64; 6]) {
            let sent = Moment { wall_us: t[0], boot_us: t[1] };
            let returned = Moment { wall_us: t[2], boot_us: t[3] };
            let mut clock = ClockOffset::default();
            clock.record(sent, Timestamp::from_micros(t[4]), Timestamp::from_micros(t[5]), returned);
        }
    }

    /// Scenario: slow and fast exchanges, then a step of the node's wall clock.
    /// Guarantees: the fastest counts while it is among the last 64; a step forgets all of them.
    #[test]
    fn the_shortest_way_wins_until_a_step() {
        let at = |us: i64| Timestamp::from_micros(1_000_000 + us);
        let mut clock = ClockOffset::default();
        clock.record(moment(0), at(10), at(10), moment(20));
        for _ in 0..REMEMBERED - 1 {
            clock.record(moment(0), at(900), at(900), moment(1_000));
        }
        assert_eq!(clock.best(), Some(Exchange { round_trip_us: 20, offset_us: 0 }));
        clock.record(moment(0), at(900), at(900), moment(1_000));
        assert_eq!(clock.best(), Some(Exchange { round_trip_us: 1_000, offset_us: 400 }));
        let stepped = Moment { wall_us: 9_000_000, boot_us: 20 };
        clock.record(moment(0), at(10), at(10), stepped);
        assert_eq!(clock.best(), None);
    }

    /// Scenario: a fast exchange, then the node's clock is set an hour forward between two exchanges, then slower ones.
    /// Guarantees: the first exchange after the step tells the new offset, however fast the older ones were.
    #[test]
    fn a_step_between_exchanges_forgets_the_earlier_ones() {
        const HOUR_US: i64 = 3_600_000_000;
        let at = |us: i64| Timestamp::from_micros(1_000_000 + us);
        let stepped = |us: i64| Moment { wall_us: 1_000_000 + us + HOUR_US, boot_us: us };
        let mut clock = ClockOffset::default();
        clock.record(moment(0), at(10), at(10), moment(20));
        clock.record(moment(1_000_000), at(1_000_010), at(1_000_010), moment(1_000_020));
        clock.record(stepped(2_000_000), at(2_000_400), at(2_000_400), stepped(2_000_800));
        let best = Exchange { round_trip_us: 800, offset_us: -HOUR_US };
        assert_eq!(clock.best(), Some(best));
    }
}
