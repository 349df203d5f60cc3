//! Integers packed by pco in its wrapped form, so that a column carries no file header of its own.

use super::SeriesError;
use pco::data_types::Number;
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DeltaSpec};

/// On blocks of 120 rows of a node's real readings: level 8 is 1 % smaller and takes a quarter longer. Differences of the
/// first order are always taken: letting pco choose is 5 % smaller and takes three times as long.
const LEVEL: usize = 4;

/// Packs the columns of one block.
#[derive(Debug)]
pub(super) struct Packer {
    file: FileCompressor,
    config: ChunkConfig,
}

impl Default for Packer {
    fn default() -> Self {
        Self {
            file: FileCompressor::default(),
            config: ChunkConfig::default()
                .with_compression_level(LEVEL)
                .with_delta_spec(DeltaSpec::TryConsecutive(1)),
        }
    }
}

impl Packer {
    /// What a [`Packed`] needs to know, a byte or two.
    pub(super) fn header(&self) -> Result<Vec<u8>, SeriesError> {
        self.file.write_header(Vec::new()).map_err(SeriesError::Compress)
    }

    /// Appends `numbers`, of which there is at least one.
    pub(super) fn pack<T: Number>(
        &self,
        numbers: &[T],
        out: &mut Vec<u8>,
    ) -> Result<(), SeriesError> {
        let mut pack = || {
            let mut chunk = self.file.chunk_compressor(numbers, &self.config)?;
            chunk.write_meta(&mut *out)?;
            chunk.write_page(0, &mut *out)?;
            Ok(())
        };
        pack().map_err(SeriesError::Compress)
    }
}

/// Unpacks the columns of one block.
pub(super) struct Packed(FileDecompressor);

impl Packed {
    /// From the block's header, `None` when that is none.
    pub(super) fn new(header: &[u8]) -> Option<Self> {
        let (file, _) = FileDecompressor::new(header).ok()?;
        Some(Self(file))
    }

    /// Exactly `count` numbers, `None` when the bytes do not hold them.
    pub(super) fn unpack<T: Number + Default>(&self, bytes: &[u8], count: usize) -> Option<Vec<T>> {
        let mut numbers = vec![T::default(); count];
        let (mut chunk, page) = self.0.chunk_decompressor::<T, _>(bytes).ok()?;
        let mut page = chunk.page_decompressor(page, count).ok()?;
        let progress = page.read(&mut numbers).ok()?;
        (progress.n_processed == count).then_some(numbers)
    }
}
