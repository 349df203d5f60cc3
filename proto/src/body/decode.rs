//! Body to batch. The bytes may be anything.

use super::cursor::Cursor;
use super::number::restore;
use super::{CONSTANT, FLOATS, FORMAT, INTEGERS, SCALED};
use crate::frame::{FrameError, FrameReader};
use crate::limits::{MAX_BLOCKS, MAX_CELLS, MAX_ROWS};
use shared_model::{Batch, Block, Timestamp};

/// A body that cannot be read. `block` counts from 0.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The frame is damaged or too long.
    #[error("reading the body's frame")]
    Frame(#[source] FrameError),
    /// The body is of a format this build does not know.
    #[error("body format {0} is not known")]
    Format(u8),
    /// The body ends too soon, or a number in it does not fit 64 bits.
    #[error("block {block}: cut short in its {part}")]
    Truncated {
        /// Which block.
        block: usize,
        /// Which part of it.
        part: &'static str,
    },
    /// A count is out of its range.
    #[error("block {block}: {what} {found} is out of range")]
    Range {
        /// Which block.
        block: usize,
        /// Which number.
        what: &'static str,
        /// Its value.
        found: u64,
    },
    /// More cells than [`MAX_CELLS`] in all blocks together.
    #[error("block {block}: more than {MAX_CELLS} cells in the batch")]
    TooManyCells {
        /// The block that passed the limit.
        block: usize,
    },
    /// Bytes are left after the last block.
    #[error("{0} bytes after the last block")]
    Trailing(usize),
    /// There was no memory for zstd's context.
    #[error("no memory to decompress")]
    Memory,
}

/// Decodes bodies, one after the other. Keeps its buffer and zstd context.
pub struct BodyDecoder(FrameReader);

impl BodyDecoder {
    /// A decoder with an empty buffer.
    pub fn new() -> Result<Self, DecodeError> {
        FrameReader::new().map(Self).ok_or(DecodeError::Memory)
    }

    /// The batch in a frame. `raw_len` and `crc32c` are what travelled beside it; memory stays within the limits
    /// whatever they claim.
    pub fn decode(
        &mut self,
        zbody: &[u8],
        raw_len: u32,
        crc32c: u32,
        generation: u32,
    ) -> Result<Batch, DecodeError> {
        let raw = self.0.decompress(zbody, raw_len, crc32c).map_err(DecodeError::Frame)?;
        decode_raw(raw, generation)
    }
}

/// The batch in a decompressed body.
pub(super) fn decode_raw(raw: &[u8], generation: u32) -> Result<Batch, DecodeError> {
    let mut input = Cursor(raw);
    match input.byte() {
        Some(FORMAT) => {}
        Some(other) => return Err(DecodeError::Format(other)),
        None => return Err(truncated(0, "format")),
    }
    let count = input.varint().ok_or_else(|| truncated(0, "number of blocks"))?;
    let count = bounded(0, "number of blocks", count, 0, MAX_BLOCKS)?;
    let mut blocks = Vec::new();
    let mut cells = MAX_CELLS;
    for index in 0..count {
        let block = BlockReader { index, input: &mut input }.read(&mut cells)?;
        blocks.push(block);
    }
    match input.0.len() {
        0 => Ok(Batch { generation, blocks }),
        left => Err(DecodeError::Trailing(left)),
    }
}

struct BlockReader<'a, 'b> {
    index: usize,
    input: &'a mut Cursor<'b>,
}

impl<'b> BlockReader<'_, 'b> {
    /// Reads one block and takes its cells from what is left of the batch's allowance.
    fn read(&mut self, cells: &mut usize) -> Result<Block, DecodeError> {
        let set = self.count("set", 0, u32::MAX as usize)?;
        let rows = self.count("number of rows", 1, MAX_ROWS)?;
        let columns = self.count("number of columns", 0, MAX_CELLS)?;
        let left = cells.checked_sub(rows.saturating_mul(columns));
        *cells = left.ok_or(DecodeError::TooManyCells { block: self.index })?;
        let times = self.times(rows)?;
        let presence = self.presence(rows * columns)?;
        let classes = self.take(columns.div_ceil(4), "classes")?;
        let class = |column: usize| classes[column / 4] >> (column % 4 * 2) & 3;
        let scaled = (0..columns).filter(|&c| class(c) == SCALED).count();
        let mut scales = self.take(scaled, "scales")?.iter();
        let mut values = vec![None; rows * columns];
        for column in 0..columns {
            let scale = match class(column) {
                SCALED => scales.next().copied().unwrap_or_default(),
                _ => 0,
            };
            let mut cells = Cells { values: &mut values, presence, columns, column };
            match class(column) {
                CONSTANT => self.constant(&mut cells)?,
                INTEGERS | SCALED => self.integers(&mut cells, scale)?,
                _ => {}
            }
        }
        for column in (0..columns).filter(|&c| class(c) == FLOATS) {
            let mut cells = Cells { values: &mut values, presence, columns, column };
            let (input, block) = (&mut *self.input, self.index);
            cells.fill(|| input.float().ok_or_else(|| truncated(block, "floats")))?;
        }
        Ok(Block { set: set as u32, times, values })
    }

    fn constant(&mut self, cells: &mut Cells<'_>) -> Result<(), DecodeError> {
        let mut known = None;
        let (input, block) = (&mut *self.input, self.index);
        cells.fill(|| match known {
            Some(value) => Ok(value),
            None => {
                let integer = input.signed().ok_or_else(|| truncated(block, "integers"))?;
                Ok(*known.insert(integer as f64))
            }
        })
    }

    fn integers(&mut self, cells: &mut Cells<'_>, scale: u8) -> Result<(), DecodeError> {
        let block = self.index;
        let mut integer = 0i64;
        let input = &mut *self.input;
        cells.fill(|| {
            let delta = input.signed().ok_or_else(|| truncated(block, "integers"))?;
            integer = integer.wrapping_add(delta);
            restore(integer, scale).ok_or(DecodeError::Range {
                block,
                what: "scale",
                found: scale.into(),
            })
        })
    }

    fn times(&mut self, rows: usize) -> Result<Vec<Timestamp>, DecodeError> {
        let short = || truncated(self.index, "times");
        let mut time = self.input.signed().ok_or_else(short)?;
        // Every further row takes at least one byte, so a count that lies cannot make this allocate.
        let mut times = Vec::with_capacity(rows.min(self.input.0.len() + 1));
        times.push(Timestamp::from_micros(time));
        for _ in 1..rows {
            let step = self.input.varint().ok_or_else(short)?;
            let later =
                i64::try_from(step).ok().filter(|&s| s > 0).and_then(|s| time.checked_add(s));
            time = later.ok_or(DecodeError::Range {
                block: self.index,
                what: "step between rows",
                found: step,
            })?;
            times.push(Timestamp::from_micros(time));
        }
        Ok(times)
    }

    /// The bitmap of cells, `None` when every cell has a value.
    fn presence(&mut self, cells: usize) -> Result<Option<&'b [u8]>, DecodeError> {
        match self.input.byte() {
            Some(0) => Ok(None),
            Some(1) => self.take(cells.div_ceil(8), "presence").map(Some),
            Some(found) => Err(DecodeError::Range {
                block: self.index,
                what: "presence flag",
                found: found.into(),
            }),
            None => Err(truncated(self.index, "presence")),
        }
    }

    fn count(&mut self, what: &'static str, from: usize, to: usize) -> Result<usize, DecodeError> {
        let found = self.input.varint().ok_or_else(|| truncated(self.index, what))?;
        bounded(self.index, what, found, from, to)
    }

    fn take(&mut self, length: usize, part: &'static str) -> Result<&'b [u8], DecodeError> {
        self.input.take(length).ok_or_else(|| truncated(self.index, part))
    }
}

/// One column of a block's cells.
struct Cells<'a> {
    values: &'a mut [Option<f64>],
    presence: Option<&'a [u8]>,
    columns: usize,
    column: usize,
}

impl Cells<'_> {
    /// Fills the cells that have a value, from the first row to the last.
    fn fill(
        &mut self,
        mut next: impl FnMut() -> Result<f64, DecodeError>,
    ) -> Result<(), DecodeError> {
        for at in (self.column..self.values.len()).step_by(self.columns) {
            if self.presence.is_none_or(|bits| bits[at / 8] >> (at % 8) & 1 == 1) {
                self.values[at] = Some(next()?);
            }
        }
        Ok(())
    }
}

fn truncated(block: usize, part: &'static str) -> DecodeError {
    DecodeError::Truncated { block, part }
}

fn bounded(
    block: usize,
    what: &'static str,
    found: u64,
    from: usize,
    to: usize,
) -> Result<usize, DecodeError> {
    let count = usize::try_from(found).ok().filter(|n| (from..=to).contains(n));
    count.ok_or(DecodeError::Range { block, what, found })
}
