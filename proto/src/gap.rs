//! Declared losses on the wire.

use crate::field::FieldError;
use crate::ranges::{range_from_wire, range_to_wire};
use crate::wire;
use shared_model::{Gap, GapReason, Seq, Timestamp};

/// The declaration under its own number `seq`.
pub fn gap_to_wire(seq: Seq, gap: &Gap) -> wire::Gap {
    let reason = match gap.reason {
        GapReason::Budget => wire::GapReason::Budget,
        GapReason::Damaged => wire::GapReason::Damaged,
        GapReason::Unsynced => wire::GapReason::Unsynced,
        GapReason::Refused => wire::GapReason::Refused,
    };
    wire::Gap {
        seq: seq.0,
        lost: Some(range_to_wire(gap.lost)),
        reason: reason.into(),
        first_us: gap.first.map(Timestamp::as_micros),
        last_us: gap.last.map(Timestamp::as_micros),
    }
}

/// The number of the declaration and what it declares. A declaration can only speak of numbers below its own.
pub fn gap_from_wire(gap: &wire::Gap) -> Result<(Seq, Gap), FieldError> {
    let lost = gap.lost.as_ref().ok_or(FieldError::missing("Gap.lost"))?;
    let lost = range_from_wire("Gap.lost", lost)?;
    if gap.seq <= lost.to.0 || gap.seq == u64::MAX {
        return Err(FieldError::number("Gap.seq", gap.seq));
    }
    let reason = match gap.reason() {
        wire::GapReason::Budget => GapReason::Budget,
        wire::GapReason::Damaged => GapReason::Damaged,
        wire::GapReason::Unsynced => GapReason::Unsynced,
        wire::GapReason::Refused => GapReason::Refused,
        wire::GapReason::Unspecified => {
            let found = u64::try_from(gap.reason).unwrap_or(u64::MAX);
            return Err(FieldError::number("Gap.reason", found));
        }
    };
    let (first, last) =
        (gap.first_us.map(Timestamp::from_micros), gap.last_us.map(Timestamp::from_micros));
    Ok((Seq(gap.seq), Gap { lost, reason, first, last }))
}
