//! Heartbeats that were sent and wait for their answer.

use crate::clock_offset::{ClockOffset, Moment};
use proto::{ClockReading, clock_from_wire, wire};
use shared_model::{Seq, Timestamp};
use std::collections::VecDeque;

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

fn moment(clock: ClockReading) -> Moment {
    let boot_us = i64::try_from(clock.boot.as_micros()).unwrap_or(i64::MAX);
    Moment { wall_us: clock.wall.as_micros(), boot_us }
}
