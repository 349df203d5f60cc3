//! Losing the oldest records when there is no room, never without saying so.

use super::record::{VOID, clip};
use super::{Record, Spool, reserve, space};
use shared_journal::{Item, Lsn};
use shared_model::{Gap, GapReason, Seq, SeqRange, Timestamp};
use std::collections::BTreeMap;

impl Spool {
    /// Drops the oldest segments until `incoming` bytes fit what batches may take, or only the active segment is left.
    pub(super) fn make_room(&mut self, incoming: u64) {
        loop {
            let allowed = space::allowed_bytes(self.limits, (self.space)(), self.bytes());
            let room = allowed - allowed / reserve::SHARE;
            if self.log.bytes() + incoming <= room || !self.evict() {
                return;
            }
        }
    }

    /// Drops the oldest events when there are more of them than the reserve takes; those that are not in the log either, be
    /// it that they were evicted or that a loss of power took them, are declared lost, and what they declared is declared anew.
    pub(super) fn trim_reserve(&mut self) {
        for (seq, gap) in self.reserve.evict() {
            if !self.settled.contains(seq) && !self.is_in_log(seq) {
                self.owed.extend(gap);
                self.declare(SeqRange { from: seq, to: seq }, GapReason::Budget, None);
            }
        }
    }

    fn is_in_log(&self, seq: Seq) -> bool {
        if seq.0 < self.log.first().0 {
            return false;
        }
        let found = self.reader(seq).next();
        matches!(found, Some(Ok(Item::Record { lsn, kind, .. })) if lsn.0 == seq.0 && kind != VOID)
    }

    /// Drops the oldest segment; the loss of what was not settled in it is written first, so that a crash in between
    /// leaves both rather than neither. `false` when only the active segment is left, or the disk takes nothing.
    pub(super) fn evict(&mut self) -> bool {
        let Some(range) = self.log.over_budget().filter(|_| self.memory.is_none()) else {
            return false;
        };
        self.declare_evicted(SeqRange { from: Seq(range.from.0), to: Seq(range.to.0) });
        self.write_owed();
        if self.memory.is_some() {
            return false;
        }
        // Noted before the removal is, so that the declaration is on disk first.
        let noted = self.reserve.sync().and_then(|()| self.log.sync());
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
        // Declared losses are written anew, joined, and their old numbers go with the rest.
        for lost in self.losable(segment, true) {
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

    /// On a disk without room: drops the oldest segment at once, before its loss can be written. Should the process die
    /// before it is, the next start finds the numbers missing and asks the collector for them.
    pub(super) fn free_now(&mut self) -> bool {
        let Some(range) = self.log.over_budget() else { return false };
        self.declare_evicted(SeqRange { from: Seq(range.from.0), to: Seq(range.to.0) });
        matches!(self.log.evict_oldest(), Ok(Some(_))) && self.lazy.sync().is_ok()
    }

    /// The unsettled declarations in a range, and the times its unsettled batches span.
    fn contents(&self, range: SeqRange) -> (Vec<Gap>, Option<(Timestamp, Timestamp)>) {
        // A loss of power may have taken a declaration from the log that the reserve still has.
        let reserved =
            self.reserve.numbers(range, false).filter(|seq| !self.settled.contains(*seq));
        let reserved = reserved.filter_map(|seq| Some((seq, self.reserve.get(seq)?)));
        let mut gaps: BTreeMap<Seq, Gap> = BTreeMap::new();
        gaps.extend(reserved.filter_map(|(seq, record)| match record {
            Record::Gap(gap) => Some((seq, gap)),
            _ => None,
        }));
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
                Some(Record::Gap(gap)) => _ = gaps.insert(Seq(lsn.0), gap),
                Some(Record::Batch(batch)) => {
                    let (first, last) = times.unwrap_or((batch.first, batch.last));
                    times = Some((first.min(batch.first), last.max(batch.last)));
                }
                Some(Record::Event(_)) | None => {}
            }
        }
        (gaps.into_values().collect(), times)
    }

    /// Writes the losses that are owed, unless the disk takes nothing: then they stay owed, and grow.
    pub(super) fn write_owed(&mut self) {
        self.restore();
        while self.memory.is_none()
            && let Some(gap) = self.owed.first().cloned()
        {
            let Ok(seq) = self.append(Record::Gap(gap)) else { return };
            let gap = self.owed.remove(0);
            if gap.reason == GapReason::Budget {
                self.declared.retain(|(_, earlier)| {
                    clip(earlier.lost, gap.lost.from, gap.lost.to) != Some(earlier.lost)
                });
                self.declared.push((seq, gap));
            }
        }
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
