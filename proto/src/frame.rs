//! One zstd frame with a checksum beside it: how bodies of batches and catalogs travel and are kept.

use crate::limits::MAX_RAW_BYTES;
use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};

/// zstd level 1: higher levels gain a few percent on such short inputs and cost a multiple.
const LEVEL: i32 = 1;

/// Bytes that are not the frame they claim to be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The checksum does not fit: damaged on the way or on disk.
    #[error("checksum is {found:08x}, expected {expected:08x}")]
    Checksum {
        /// CRC32C of the bytes.
        found: u32,
        /// What was claimed.
        expected: u32,
    },
    /// The claimed length is above the limit; nothing was decompressed.
    #[error("raw length {raw_len} is above the limit of {MAX_RAW_BYTES} bytes")]
    TooLong {
        /// What was claimed.
        raw_len: u64,
    },
    /// Decompression yields another length than claimed.
    #[error("raw length is {found}, expected {expected}")]
    Length {
        /// What came out.
        found: usize,
        /// What was claimed.
        expected: usize,
    },
    /// Not a zstd frame, or one that yields more than claimed.
    #[error("not a zstd frame of the claimed length: {0}")]
    Zstd(String),
}

/// Compresses; keeps its context.
pub(crate) struct FrameWriter(Compressor<'static>);

/// Decompresses; keeps its context and buffer, which is never longer than [`MAX_RAW_BYTES`].
pub(crate) struct FrameReader {
    context: Decompressor<'static>,
    raw: Vec<u8>,
}

impl FrameWriter {
    /// `None` when there is no memory for the context.
    pub(crate) fn new() -> Option<Self> {
        Compressor::new(LEVEL).ok().map(Self)
    }

    /// The frame and its CRC32C.
    pub(crate) fn compress(&mut self, raw: &[u8]) -> Result<(Bytes, u32), FrameError> {
        let frame = self.0.compress(raw).map_err(|e| FrameError::Zstd(e.to_string()))?;
        let crc = crc32c::crc32c(&frame);
        // The buffer had room for the worst case; what is kept in memory and sent is only what is used.
        Ok((Bytes::copy_from_slice(&frame), crc))
    }
}

impl FrameReader {
    /// `None` when there is no memory for the context.
    pub(crate) fn new() -> Option<Self> {
        Decompressor::new().ok().map(|context| Self { context, raw: Vec::new() })
    }

    /// Checks the checksum and the claimed length, and yields the content.
    pub(crate) fn decompress(
        &mut self,
        frame: &[u8],
        raw_len: u32,
        expected: u32,
    ) -> Result<&[u8], FrameError> {
        let found = crc32c::crc32c(frame);
        if found != expected {
            return Err(FrameError::Checksum { found, expected });
        }
        let length = usize::try_from(raw_len).unwrap_or(usize::MAX);
        if length > MAX_RAW_BYTES {
            return Err(FrameError::TooLong { raw_len: raw_len.into() });
        }
        self.raw.clear();
        self.raw.resize(length, 0);
        let found = self
            .context
            .decompress_to_buffer(frame, self.raw.as_mut_slice())
            .map_err(|e| FrameError::Zstd(e.to_string()))?;
        if found != length {
            return Err(FrameError::Length { found, expected: length });
        }
        Ok(&self.raw)
    }
}
