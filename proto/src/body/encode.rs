//! Batch to body.

use super::cursor::{put_signed, put_varint};
use super::number::{KIBI, LADDER, fits_kibi, scaled};
use super::{CONSTANT, FLOATS, FORMAT, INTEGERS, SCALED};
use crate::frame::{FrameError, FrameWriter};
use crate::limits::{MAX_BLOCKS, MAX_CELLS, MAX_MESSAGE_BYTES, MAX_RAW_BYTES, MAX_ROWS};
use bytes::Bytes;
use shared_model::{Batch, Block};

/// Room a message needs beside the body, bytes.
const ENVELOPE_BYTES: usize = 64;

/// A body as it is spooled, sent and journaled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedBody {
    /// The zstd frame.
    pub zbody: Bytes,
    /// CRC32C of the frame.
    pub crc32c: u32,
    /// Length before compression, bytes.
    pub raw_len: u32,
}

/// A batch that cannot travel.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// More blocks than [`MAX_BLOCKS`].
    #[error("{0} blocks are above the limit of {MAX_BLOCKS}")]
    TooManyBlocks(usize),
    /// A block without rows or with more than [`MAX_ROWS`].
    #[error("block of set {set} has {rows} rows, expected 1 to {MAX_ROWS}")]
    Rows {
        /// Its set.
        set: u32,
        /// Its rows.
        rows: usize,
    },
    /// The values are not a whole number of rows.
    #[error("block of set {set} has {values} values in {rows} rows")]
    Ragged {
        /// Its set.
        set: u32,
        /// Its values.
        values: usize,
        /// Its rows.
        rows: usize,
    },
    /// A row is not later than the one before.
    #[error("block of set {set}: row {row} is not later than the row before")]
    Order {
        /// Its set.
        set: u32,
        /// The row, counted from 0.
        row: usize,
    },
    /// More cells than [`MAX_CELLS`].
    #[error("the batch has more than {MAX_CELLS} cells")]
    TooManyCells,
    /// The body is longer than a message may be.
    #[error("the body has {0} bytes, too long for a message")]
    TooLong(usize),
    /// zstd failed.
    #[error("compressing the body")]
    Frame(#[source] FrameError),
    /// There was no memory for zstd's context.
    #[error("no memory to compress")]
    Memory,
}

/// Encodes batches, one after the other. Keeps its buffers and zstd context.
pub struct BodyEncoder {
    frame: FrameWriter,
    raw: Vec<u8>,
    integers: Vec<u8>,
    floats: Vec<u8>,
    column: Vec<f64>,
    mantissas: Vec<i64>,
}

impl BodyEncoder {
    /// An encoder with empty buffers.
    pub fn new() -> Result<Self, EncodeError> {
        Ok(Self {
            frame: FrameWriter::new().ok_or(EncodeError::Memory)?,
            raw: Vec::new(),
            integers: Vec::new(),
            floats: Vec::new(),
            column: Vec::new(),
            mantissas: Vec::new(),
        })
    }

    /// The body of `batch`; its generation travels beside it. On an error the encoder stays usable.
    pub fn encode(&mut self, batch: &Batch) -> Result<EncodedBody, EncodeError> {
        if batch.blocks.len() > MAX_BLOCKS {
            return Err(EncodeError::TooManyBlocks(batch.blocks.len()));
        }
        let cells: usize = batch.blocks.iter().map(|b| b.values.len()).sum();
        if cells > MAX_CELLS {
            return Err(EncodeError::TooManyCells);
        }
        self.raw.clear();
        self.raw.push(FORMAT);
        put_varint(&mut self.raw, batch.blocks.len() as u64);
        for block in &batch.blocks {
            self.block(block)?;
        }
        if self.raw.len() > MAX_RAW_BYTES {
            return Err(EncodeError::TooLong(self.raw.len()));
        }
        let (zbody, crc32c) = self.frame.compress(&self.raw).map_err(EncodeError::Frame)?;
        if zbody.len() > MAX_MESSAGE_BYTES - ENVELOPE_BYTES {
            return Err(EncodeError::TooLong(zbody.len()));
        }
        Ok(EncodedBody { zbody, crc32c, raw_len: self.raw.len() as u32 })
    }

    fn block(&mut self, block: &Block) -> Result<(), EncodeError> {
        let (set, rows) = (block.set, block.times.len());
        if rows == 0 || rows > MAX_ROWS {
            return Err(EncodeError::Rows { set, rows });
        }
        let values = block.values.len();
        if !values.is_multiple_of(rows) {
            return Err(EncodeError::Ragged { set, values, rows });
        }
        let columns = values / rows;
        put_varint(&mut self.raw, set.into());
        put_varint(&mut self.raw, rows as u64);
        put_varint(&mut self.raw, columns as u64);
        self.times(block)?;
        self.presence(&block.values);
        self.columns(&block.values, columns);
        Ok(())
    }

    fn times(&mut self, block: &Block) -> Result<(), EncodeError> {
        put_signed(&mut self.raw, block.times[0].as_micros());
        for (at, pair) in block.times.windows(2).enumerate() {
            let step = pair[1].as_micros().checked_sub(pair[0].as_micros());
            let step = step.and_then(|s| u64::try_from(s).ok()).filter(|&s| s > 0);
            let (set, row) = (block.set, at + 1);
            put_varint(&mut self.raw, step.ok_or(EncodeError::Order { set, row })?);
        }
        Ok(())
    }

    fn presence(&mut self, values: &[Option<f64>]) {
        if values.iter().all(Option::is_some) {
            self.raw.push(0);
            return;
        }
        self.raw.push(1);
        for eight in values.chunks(8) {
            let bits = eight.iter().enumerate();
            let byte = bits.fold(0u8, |byte, (at, v)| byte | u8::from(v.is_some()) << at);
            self.raw.push(byte);
        }
    }

    fn columns(&mut self, values: &[Option<f64>], columns: usize) {
        self.integers.clear();
        self.floats.clear();
        let classes_at = self.raw.len();
        self.raw.resize(classes_at + columns.div_ceil(4), 0);
        for index in 0..columns {
            self.column.clear();
            let cells = values[index..].iter().step_by(columns);
            self.column.extend(cells.copied().flatten());
            let class = self.column();
            self.raw[classes_at + index / 4] |= class << (index % 4 * 2);
        }
        self.raw.extend_from_slice(&self.integers);
        self.raw.extend_from_slice(&self.floats);
    }

    /// Writes the values in `self.column` and says in which class.
    fn column(&mut self) -> u8 {
        let Some(scale) = self.integer_scale() else {
            for value in &self.column {
                self.floats.extend_from_slice(&value.to_le_bytes());
            }
            return FLOATS;
        };
        let scale = if scale == 0 && fits_kibi(&self.mantissas) {
            self.mantissas.iter_mut().for_each(|m| *m >>= 10);
            KIBI
        } else {
            scale
        };
        let constant = self.mantissas.windows(2).all(|w| w[0] == w[1]);
        if scale == 0 && constant {
            if let Some(&only) = self.mantissas.first() {
                put_signed(&mut self.integers, only);
            }
            return CONSTANT;
        }
        let mut before = 0;
        for &mantissa in &self.mantissas {
            put_signed(&mut self.integers, mantissa - before);
            before = mantissa;
        }
        if scale == 0 {
            return INTEGERS;
        }
        self.raw.push(scale);
        SCALED
    }

    /// Fills `self.mantissas` under the first scale of the ladder that is exact for the whole column.
    fn integer_scale(&mut self) -> Option<u8> {
        LADDER.into_iter().find(|&scale| {
            self.mantissas.clear();
            self.column.iter().all(|&value| {
                let mantissa = scaled(value, scale);
                self.mantissas.extend(mantissa);
                mantissa.is_some()
            })
        })
    }
}
