//! Rows of a group that are not in a block yet.

use shared_journal::Lsn;
use shared_model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Rows in the order they came, row after row in one vector.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Microseconds since the epoch.
    pub(super) times: Vec<i64>,
    /// Bits of the values, `columns` per row; without meaning where `absent` names the place.
    pub(super) bits: Vec<u64>,
    /// Row and column of the values that are missing, ascending.
    absent: Vec<(u32, u32)>,
    /// Smallest journal position among the rows.
    pub(super) first_lsn: Option<Lsn>,
}

impl Rows {
    pub(super) fn push(&mut self, at: Timestamp, values: &[Option<f64>], lsn: Lsn) {
        let row = self.times.len() as u32;
        self.times.push(at.as_micros());
        let mut gaps = false;
        self.bits.extend(values.iter().map(|value| {
            gaps |= value.is_none();
            value.map_or(0, f64::to_bits)
        }));
        if gaps {
            let missing = values.iter().enumerate().filter(|(_, v)| v.is_none());
            self.absent.extend(missing.map(|(column, _)| (row, column as u32)));
        }
        self.first_lsn = Some(self.first_lsn.map_or(lsn, |first| first.min(lsn)));
    }

    /// Forgets the rows and keeps the memory for the next ones.
    pub(super) fn clear(&mut self) {
        self.times.clear();
        self.bits.clear();
        self.absent.clear();
        self.first_lsn = None;
    }

    /// Row numbers in order of time.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        order.sort_by_key(|row| self.times[*row]);
        order
    }

    /// The rows without a value, for each column that lacks one.
    pub(super) fn absent_by_column(&self) -> BTreeMap<u32, BTreeSet<u32>> {
        let mut columns: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (row, column) in &self.absent {
            columns.entry(*column).or_default().insert(*row);
        }
        columns
    }

    /// The value of one place. `width` is the number of columns.
    pub(super) fn value(&self, row: usize, column: u32, width: usize) -> Option<f64> {
        if self.absent.binary_search(&(row as u32, column)).is_ok() {
            return None;
        }
        let bits = self.bits.get(row * width + column as usize)?;
        Some(f64::from_bits(*bits))
    }
}
