//! One group: the rows that wait for their block, and where its blocks are.

use super::block::{self, Body};
use super::day::{BlockRef, Day, DayFile, Days, Sealed};
use super::rows::Rows;
use super::{Appended, GroupId, SeriesError, SeriesId, SeriesOptions};
use shared_journal::Lsn;
use shared_model::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A group as it is appended to and read.
#[derive(Debug)]
pub(super) struct Group {
    id: GroupId,
    pub(super) series: Arc<[SeriesId]>,
    /// Rows newer than every row before them.
    live: Rows,
    /// Rows that came late, in any order.
    late: Rows,
    /// Time of the newest row, in microseconds.
    last: Option<i64>,
    days: BTreeMap<Day, (Arc<DayFile>, Vec<BlockRef>)>,
    /// What fitted each column's last block.
    exponents: Vec<u8>,
    /// Times of the block that was looked into last, for a replay that goes through all of them.
    looked_into: Option<(Day, u64, Vec<i64>)>,
}

/// Samples of one column.
pub(super) type Samples = Vec<(Timestamp, f64)>;

impl Group {
    pub(super) fn new(id: GroupId, series: Arc<[SeriesId]>) -> Self {
        Self {
            id,
            exponents: vec![0; series.len()],
            series,
            live: Rows::default(),
            late: Rows::default(),
            last: None,
            days: BTreeMap::new(),
            looked_into: None,
        }
    }

    /// Takes in a row unless the group has one of this time already.
    pub(super) fn append(
        &mut self,
        at: Timestamp,
        values: &[Option<f64>],
        lsn: Lsn,
        seal: &Sealer<'_>,
    ) -> Result<Appended, SeriesError> {
        let (expected, found) = (self.series.len(), values.len());
        if expected != found {
            return Err(SeriesError::RowWidth { expected, found });
        }
        let micros = at.as_micros();
        let late = self.last.is_some_and(|last| micros <= last);
        if late && self.holds(micros)? {
            return Ok(Appended::Duplicate);
        }
        let rows = if late { &self.late } else { &self.live };
        if let Some(first) = rows.times.first().copied().map(Timestamp::from_micros) {
            let full = rows.times.len() >= seal.options.rows_max
                || Day::of(first) != Day::of(at)
                || (!late && at.since(first) >= seal.options.age_max);
            if full {
                self.seal(late, seal)?;
            }
        }
        let rows = if late { &mut self.late } else { &mut self.live };
        rows.push(at, values, lsn);
        self.last = self.last.max(Some(micros));
        Ok(Appended::Stored)
    }

    /// Writes the waiting rows of one kind as a block. When it fails they keep waiting.
    pub(super) fn seal(&mut self, late: bool, seal: &Sealer<'_>) -> Result<(), SeriesError> {
        let rows = if late { &mut self.late } else { &mut self.live };
        let (Some(from), Some(to)) = (rows.times.iter().min(), rows.times.iter().max()) else {
            return Ok(());
        };
        let (from, to) = (*from, *to);
        let day = Day::of(Timestamp::from_micros(from));
        if day < seal.first_day {
            // The day was removed while the rows waited.
            rows.clear();
            return Ok(());
        }
        let body = block::encode(rows, &mut self.exponents)?;
        let sealed = Sealed {
            group: self.id,
            day,
            from,
            to,
            rows: rows.times.len() as u32,
            body: &body,
            lsn: rows.first_lsn,
        };
        let mut days = super::lock(seal.days);
        let (file, block) = days.write(&sealed, || (seal.define)(&self.series))?;
        drop(days);
        rows.clear();
        self.add_block(file, block);
        Ok(())
    }

    /// Seals what waits for longer than `age_max` at `now`.
    pub(super) fn seal_aged(
        &mut self,
        now: Timestamp,
        seal: &Sealer<'_>,
    ) -> Result<(), SeriesError> {
        for late in [false, true] {
            let rows = if late { &self.late } else { &self.live };
            let first = rows.times.first().copied().map(Timestamp::from_micros);
            if first.is_some_and(|first| now.since(first) >= seal.options.age_max) {
                self.seal(late, seal)?;
            }
        }
        Ok(())
    }

    /// Takes in a block that is on disk.
    pub(super) fn add_block(&mut self, file: Arc<DayFile>, block: BlockRef) {
        self.last = self.last.max(Some(block.to));
        let (_, blocks) = self.days.entry(file.day).or_insert_with(|| (file, Vec::new()));
        blocks.push(block);
    }

    pub(super) fn remove_before(&mut self, first: Day) {
        self.days = self.days.split_off(&first);
    }

    /// Smallest journal position among the waiting rows.
    pub(super) fn oldest_waiting(&self) -> Option<Lsn> {
        super::day::earliest(self.live.first_lsn, self.late.first_lsn)
    }

    /// The blocks that have rows in `from..=to`, in the order they were written.
    pub(super) fn blocks(&self, from: i64, to: i64) -> Vec<(Arc<DayFile>, BlockRef)> {
        let day = |micros| Day::of(Timestamp::from_micros(micros));
        if from > to {
            return Vec::new();
        }
        let days = self.days.range(day(from)..=day(to));
        days.flat_map(|(_, (file, blocks))| {
            let within = blocks.iter().filter(move |b| b.from <= to && b.to >= from);
            within.map(move |block| (Arc::clone(file), *block))
        })
        .collect()
    }

    /// Adds the waiting samples of `columns` in `from..=to` to `samples`, one entry per column.
    pub(super) fn waiting(&self, columns: &[u32], from: i64, to: i64, samples: &mut [Samples]) {
        for rows in [&self.live, &self.late] {
            for (row, micros) in rows.times.iter().enumerate() {
                if !(from..=to).contains(micros) {
                    continue;
                }
                let at = Timestamp::from_micros(*micros);
                for (column, samples) in columns.iter().zip(samples.iter_mut()) {
                    let value = rows.value(row, *column, self.series.len());
                    samples.extend(value.map(|value| (at, value)));
                }
            }
        }
    }

    /// Whether there is a row of this time. A damaged block has none: its rows may be stored anew.
    fn holds(&mut self, micros: i64) -> Result<bool, SeriesError> {
        // Live rows ascend; late ones are few.
        if self.live.times.binary_search(&micros).is_ok() || self.late.times.contains(&micros) {
            return Ok(true);
        }
        for (file, block) in self.blocks(micros, micros) {
            let cached = matches!(&self.looked_into, Some((day, offset, _))
                if *day == file.day && *offset == block.offset);
            if !cached {
                let body = file.body(block)?;
                let times = body.and_then(|body| Body::parse(&body)?.times());
                self.looked_into = Some((file.day, block.offset, times.unwrap_or_default()));
            }
            let times = self.looked_into.as_ref().map(|(_, _, times)| times);
            if times.is_some_and(|times| times.binary_search(&micros).is_ok()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What a group needs to seal its rows.
pub(super) struct Sealer<'a> {
    pub(super) options: &'a SeriesOptions,
    pub(super) days: &'a Mutex<Days>,
    /// Days before this one are removed or about to be.
    pub(super) first_day: Day,
    /// Yields a group's definition for a day's file.
    pub(super) define: &'a dyn Fn(&[SeriesId]) -> std::io::Result<Vec<u8>>,
}
