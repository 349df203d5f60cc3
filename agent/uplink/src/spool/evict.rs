//! Losing the oldest records when there is no room, never without saying so.

use super::record::clip;
use super::{Missed, Record, Spool, space};
use shared_journal::{Item, Lsn};
use shared_model::{Gap, GapReason, Seq, SeqRange, Timestamp};

impl Spool {
    /// Drops the oldest segments until `incoming` bytes fit the limits, or only the active segment is left.
    pub(super) fn make_room(&mut self, incoming: u64) {
        loop {
            let used = self.log.bytes();
            let allowed = space::allowed_bytes(self.limits, (self.space)(), used);
            if used + incoming <= allowed || !self.evict() {
                return;
            }
        }
    }

    /// Drops the oldest segment; the loss of what was not settled in it is written first, so that a crash in between
    /// leaves both rather than neither. `false` when only the active segment is left.
    pub(super) fn evict(&mut self) -> bool {
        let Some(range) = self.log.over_budget() else {
            return false;
        };
        let range = SeqRange { from: Seq(range.from.0), to: Seq(range.to.0) };
        self.declare_evicted(range);
        self.write_owed();
        // Noted before the removal is, so that the declaration is on disk first.
        let noted = self.log.sync();
        let evicted = noted.and_then(|()| self.log.evict_oldest());
        if let Err(error) = &evicted {
            tracing::warn!(%error, "the oldest segment of the spool cannot be removed");
        }
        matches!(evicted, Ok(Some(_)))
    }

    /// Owes the declarations that the loss of a segment makes necessary: of what is not settled in it, and of the losses
    /// that were declared in it. A loss that joins an earlier one for want of room makes one declaration of both, so that
    /// a long outage does not pile them up.
    fn declare_evicted(&mut self, segment: SeqRange) {
        let (mut losses, times) = self.contents(segment);
        let (first, last) = times.unzip();
        for lost in self.unsettled(segment) {
            tracing::warn!(%lost, "no room in the spool: the oldest records are dropped");
            losses.push(Gap { lost, reason: GapReason::Budget, first, last });
            self.settled.insert_range(lost);
        }
        self.declared.retain(|(seq, _)| !self.settled.contains(*seq));
        losses.extend(self.declared.iter().map(|(_, gap)| gap.clone()));
        merge(&mut losses);
        losses.retain(|gap| !self.declared.iter().any(|(_, declared)| declared == gap));
        self.owed.extend(losses);
    }

    /// On a disk without room: drops the oldest segment at once, even before its loss can be written.
    pub(super) fn free_now(&mut self) -> bool {
        if !self.evict() && self.log.evict_oldest().is_err() {
            return false;
        }
        self.lazy.sync().is_ok()
    }

    /// The unsettled declarations in a range, and the times its unsettled batches span.
    fn contents(&self, range: SeqRange) -> (Vec<Gap>, Option<(Timestamp, Timestamp)>) {
        let mut gaps = Vec::new();
        let mut times: Option<(Timestamp, Timestamp)> = None;
        let mut reader = self.log.reader(Lsn(range.from.0));
        while reader.position() <= Lsn(range.to.0)
            && let Some(Ok(item)) = reader.next()
        {
            let Item::Record { lsn, kind, payload } = item else { continue };
            if self.settled.contains(Seq(lsn.0)) {
                continue;
            }
            match Record::decode(kind, payload) {
                Some(Record::Gap(gap)) => gaps.push(gap),
                Some(Record::Batch(batch)) => {
                    let (first, last) = times.unwrap_or((batch.first, batch.last));
                    times = Some((first.min(batch.first), last.max(batch.last)));
                }
                Some(Record::Event(_)) | None => {}
            }
        }
        (gaps, times)
    }

    /// Writes the losses that are owed; what cannot be written stays owed.
    pub(super) fn write_owed(&mut self) {
        while let Some(gap) = self.owed.first() {
            let record = Record::Gap(gap.clone());
            let (kind, payload) = record.encode();
            let Ok(lsn) = self.log.append(kind, &payload) else { return };
            let gap = self.owed.remove(0);
            let seq = Seq(lsn.0);
            if gap.reason == GapReason::Budget {
                self.declared.retain(|(_, earlier)| {
                    clip(earlier.lost, gap.lost.from, gap.lost.to) != Some(earlier.lost)
                });
                self.declared.push((seq, gap));
            }
            self.remember(seq, record);
            if let Err(error) = self.log.flush() {
                tracing::warn!(%error, "a declared loss waits for the disk");
            }
        }
    }

    /// Gives numbers to the batches that could get none, so that their loss can be declared.
    pub(super) fn number_missed(&mut self) {
        let Some(Missed { count, first, last }) = self.missed else { return };
        let from = self.log.next();
        if self.log.skip_to(Lsn(from.0 + count)).is_err() {
            return;
        }
        self.missed = None;
        let lost = SeqRange { from: Seq(from.0), to: Seq(from.0 + count - 1) };
        self.declare(lost, GapReason::Budget, Some((first, last)));
    }
}

/// Joins neighbouring losses for want of room.
fn merge(losses: &mut Vec<Gap>) {
    losses.sort_by_key(|gap| gap.lost);
    let mut merged: Vec<Gap> = Vec::with_capacity(losses.len());
    for gap in losses.drain(..) {
        let budget = gap.reason == GapReason::Budget;
        match merged.last_mut() {
            Some(before)
                if budget && before.reason == GapReason::Budget && touches(before, &gap) =>
            {
                before.lost.to = before.lost.to.max(gap.lost.to);
                before.first = before.first.into_iter().chain(gap.first).min();
                before.last = before.last.max(gap.last);
            }
            _ => merged.push(gap),
        }
    }
    *losses = merged;
}

fn touches(before: &Gap, next: &Gap) -> bool {
    clip(next.lost, before.lost.from, Seq(before.lost.to.0 + 1)).is_some()
}
