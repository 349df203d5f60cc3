//! Batches on the wire.

use crate::body::{BodyDecoder, DecodeError, EncodedBody};
use crate::wire;
use shared_model::{Batch, Lane, Seq};

/// A batch message that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Number 0, or the greatest number, which is never given.
    #[error("sequence number {0} is not allowed")]
    Seq(u64),
    /// The lane is not known.
    #[error("batch {seq}: lane {lane} is not known")]
    Lane {
        /// The batch.
        seq: u64,
        /// The number found.
        lane: i32,
    },
    /// The body is damaged.
    #[error("batch {seq}")]
    Body {
        /// The batch.
        seq: u64,
        /// How.
        source: DecodeError,
    },
}

impl wire::Batch {
    /// The message for an encoded body; the bytes are shared, not copied.
    pub fn new(seq: Seq, lane: Lane, generation: u32, body: &EncodedBody) -> Self {
        let lane = match lane {
            Lane::Live => wire::Lane::Live,
            Lane::Backfill => wire::Lane::Backfill,
        };
        Self {
            seq: seq.0,
            lane: lane.into(),
            catalog_generation: generation,
            crc32c: body.crc32c,
            raw_len: body.raw_len,
            zbody: body.zbody.clone(),
        }
    }

    /// Number and lane, checked; the body stays as it is.
    pub fn header(&self) -> Result<(Seq, Lane), BatchError> {
        if self.seq == 0 || self.seq == u64::MAX {
            return Err(BatchError::Seq(self.seq));
        }
        match wire::Lane::try_from(self.lane) {
            Ok(wire::Lane::Live) => Ok((Seq(self.seq), Lane::Live)),
            Ok(wire::Lane::Backfill) => Ok((Seq(self.seq), Lane::Backfill)),
            Err(_) => Err(BatchError::Lane { seq: self.seq, lane: self.lane }),
        }
    }

    /// Number, lane and content.
    pub fn decode(&self, decoder: &mut BodyDecoder) -> Result<(Seq, Lane, Batch), BatchError> {
        let (seq, lane) = self.header()?;
        let batch = decoder.decode(&self.zbody, self.raw_len, self.crc32c, self.catalog_generation);
        let batch = batch.map_err(|source| BatchError::Body { seq: self.seq, source })?;
        Ok((seq, lane, batch))
    }
}
