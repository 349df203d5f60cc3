//! Heartbeats that were sent and wait for their answer.

use crate::clock_offset::{ClockOffset, Moment};
use proto::{ClockReading, clock_from_wire, wire};
use shared_model::{Seq, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;

/// Heartbeats that may wait for an answer at a time; older ones are forgotten.
const WAITING: usize = 8;

/// The heartbeats of one session.
#[derive(Default)]
pub(super) struct Heartbeats {
    number: u64,
    waiting: VecDeque<(u64, Moment)>,
    offset: ClockOffset,
}

impl Heartbeats {
    /// The next one, with what the earlier ones measured.
    pub(super) fn next(
        &mut self,
        now: ClockReading,
        next_seq: Seq,
        spool_bytes: u64,
    ) -> wire::Heartbeat {
        self.number += 1;
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((self.number, moment(now)));
        let best = self.offset.best();
        wire::Heartbeat {
            number: self.number,
            clock: Some(now.into()),
            next_seq: next_seq.0,
            spool_bytes,
            clock_offset_us: best.map(|b| b.offset_us),
            clock_round_trip_us: best.map(|b| b.round_trip_us),
        }
    }

    /// Takes an answer: the next heartbeat tells what it measured. One that nobody waits for or that has no clock tells
    /// nothing.
    pub(super) fn answered(&mut self, reply: &wire::HeartbeatReply, now: ClockReading) {
        let at = self.waiting.iter().position(|(number, _)| *number == reply.number);
        let Some((_, sent)) = at.and_then(|at| self.waiting.remove(at)) else {
            return;
        };
        if let Ok(answered) = clock_from_wire("HeartbeatReply.clock", reply.clock.as_ref()) {
            let received = Timestamp::from_micros(reply.received_us);
            self.offset.record(sent, received, answered.wall, moment(now));
        }
    }
}

/// What a round means for the heartbeats.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Along {
    /// A heartbeat goes with this round.
    pub(super) now: bool,
    /// When one is due though no further round comes, from now on.
    pub(super) timer: Duration,
}

/// Decides at a round, `since` the last heartbeat, if there was one. The timer is for when no round comes, and runs for three periods from
/// the last heartbeat: one that is moved on still wakes the thread at its old time. It is moved at each round, since one
/// that went on in the first half of the rounds' period would keep rounds and heartbeats apart for good.
pub(super) fn along(period: Duration, since: Option<Duration>) -> Along {
    let early = since.filter(|since| *since < period / 2);
    Along { now: early.is_none(), timer: (period * 3).saturating_sub(early.unwrap_or_default()) }
}

fn moment(clock: ClockReading) -> Moment {
    let boot_us = i64::try_from(clock.boot.as_micros()).unwrap_or(i64::MAX);
    Moment { wall_us: clock.wall.as_micros(), boot_us }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: rounds just below, at and above half a period after the last heartbeat. Guarantees: the later ones, and the
    /// first of a session, take one along, and the next is due three periods after the last one.
    #[test]
    fn a_round_takes_one_along() {
        let ms = Duration::from_millis;
        for (since, now, timer) in [
            (None, true, 3_000),
            (Some(0), false, 3_000),
            (Some(499), false, 2_501),
            (Some(500), true, 3_000),
            (Some(9_000), true, 3_000),
        ] {
            let expected = Along { now, timer: ms(timer) };
            assert_eq!(along(ms(1_000), since.map(ms)), expected, "{since:?}");
        }
    }

    /// Scenario: the first heartbeat came at any time between two rounds that are one period apart. Guarantees: from the
    /// second round on each takes one along and the timer never runs out.
    #[test]
    fn heartbeats_fall_in_with_rounds() {
        let (period, mut alone) = (Duration::from_millis(1_000), 0);
        for ahead in 0..1_000 {
            let mut since = Duration::from_millis(ahead);
            for round in 0..5 {
                let along = along(period, Some(since));
                alone += u32::from(along.timer <= period);
                assert!(along.now || round == 0, "{ahead} ms, round {round}");
                since = if along.now { period } else { since + period };
            }
        }
        assert_eq!(alone, 0);
    }
}
