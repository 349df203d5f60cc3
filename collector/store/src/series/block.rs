//! The body of a block: the rows of one group over some minutes.
//!
//! Little-endian: rows u32, columns u32, length of the packed times u32, length of pco's header u8, pco's header, packed
//! times (microseconds, i64), one word per column (see [`super::column`]), the columns' bytes. One time column serves
//! all series of the group.

use super::SeriesError;
use super::column;
use super::pack::{Packed, Packer};
use super::rows::Rows;

const HEAD_BYTES: usize = 13;

/// Packs rows in order of time. `exponents` has one entry per column and is kept for the next block.
pub(super) fn encode(rows: &Rows, exponents: &mut [u8]) -> Result<Vec<u8>, SeriesError> {
    let packer = Packer::default();
    let header = packer.header()?;
    let order = rows.order();
    let times: Vec<i64> = order.iter().map(|row| rows.times[*row]).collect();
    let mut packed_times = Vec::new();
    packer.pack(&times, &mut packed_times)?;

    let columns = exponents.len();
    let mut body = Vec::with_capacity(HEAD_BYTES + columns * 16);
    body.extend_from_slice(&(times.len() as u32).to_le_bytes());
    body.extend_from_slice(&(columns as u32).to_le_bytes());
    body.extend_from_slice(&(packed_times.len() as u32).to_le_bytes());
    body.push(header.len() as u8);
    body.extend_from_slice(&header);
    body.extend_from_slice(&packed_times);
    let directory = body.len();
    body.resize(directory + columns * 4, 0);

    let absent = rows.absent_by_column();
    let mut values = Vec::with_capacity(order.len());
    let mut present = Vec::with_capacity(order.len());
    for (index, exponent) in exponents.iter_mut().enumerate() {
        let gaps = absent.get(&(index as u32));
        values.clear();
        present.clear();
        for row in &order {
            let there = gaps.is_none_or(|gaps| !gaps.contains(&(*row as u32)));
            present.push(there);
            if there {
                values.push(rows.bits[row * columns + index]);
            }
        }
        let gaps = gaps.map(|_| &present[..]);
        let word = column::encode(&values, gaps, exponent, &packer, &mut body)?;
        let at = directory + index * 4;
        body[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    Ok(body)
}

/// A body that was read. Its checksum was compared before; what does not fit all the same yields `None`.
pub(super) struct Body<'a> {
    rows: usize,
    packed: Packed,
    times: &'a [u8],
    directory: &'a [u8],
    columns: &'a [u8],
}

impl<'a> Body<'a> {
    /// Splits the bytes of a body.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
        let rows = u32_at(head, 0)?;
        let columns = u32_at(head, 4)?;
        let times = u32_at(head, 8)?;
        let (header, rest) = rest.split_at_checked(usize::from(head[12]))?;
        let (times, rest) = rest.split_at_checked(times)?;
        let (directory, columns) = rest.split_at_checked(columns.checked_mul(4)?)?;
        let packed = Packed::new(header)?;
        Some(Self { rows, packed, times, directory, columns })
    }

    /// Times in microseconds, ascending.
    pub(super) fn times(&self) -> Option<Vec<i64>> {
        self.packed.unpack(self.times, self.rows)
    }

    /// The values of the columns `wanted`, which are ascending, row by row.
    pub(super) fn columns(&self, wanted: &[u32]) -> Option<Vec<Vec<Option<f64>>>> {
        let mut found = Vec::with_capacity(wanted.len());
        let mut wanted = wanted.iter().peekable();
        let mut at = 0;
        for (index, word) in self.directory.chunks_exact(4).enumerate() {
            let Some(next) = wanted.peek() else {
                break;
            };
            let word = u32::from_le_bytes(word.try_into().ok()?);
            let end = at + column::length(word);
            if **next as usize == index {
                let bytes = self.columns.get(at..end)?;
                found.push(column::decode(word, bytes, self.rows, &self.packed)?);
                wanted.next();
            }
            at = end;
        }
        wanted.peek().is_none().then_some(found)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(four)).ok()
}
