//! What a session checks before the engine sees anything: checksums, sizes, that batches fit the catalog, and that the
//! node keeps to its limits of series and samples.

mod definitions;
#[cfg(test)]
mod tests;

use crate::node_limits::{Account, NodeLimits};
use definitions::Definitions;
use proto::limits::MAX_RAW_BYTES;
use proto::wire::{self, NackCode};
use proto::{BatchError, BodyDecoder, CatalogDigest, DecodeError};
use shared_model::{Batch, BootTime, Catalog, Lane, Seq};
use shared_runtime::telemetry::chain;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;

/// The state of one session's checks: its own copy of the catalog and a decoder with its buffers.
pub(crate) struct Validator {
    definitions: Definitions,
    decoder: BodyDecoder,
    account: Account,
    limits: NodeLimits,
}

/// A batch that is not taken.
#[derive(Debug)]
pub(crate) struct RefusedBatch {
    /// What the agent is to do.
    pub(crate) code: NackCode,
    /// Not to be sent again sooner.
    pub(crate) retry_after: Duration,
    /// Why.
    pub(crate) detail: String,
}

impl RefusedBatch {
    fn new(code: NackCode, detail: impl Into<String>) -> Self {
        Self { code, retry_after: Duration::ZERO, detail: detail.into() }
    }
}

impl Validator {
    /// Starts from what the collector knows of the stream.
    pub(crate) fn new(
        catalog: Option<Arc<Catalog>>,
        account: Account,
        limits: NodeLimits,
    ) -> Result<Self, Status> {
        let decoder = BodyDecoder::new()
            .map_err(|_| Status::resource_exhausted("no memory for a session"))?;
        let definitions = Definitions::new(catalog, account.clone(), limits);
        Ok(Self { definitions, decoder, account, limits })
    }

    /// Whether the catalog known here is what the node has, which says `version`, if it has any.
    pub(crate) fn knows(&self, version: Option<(u32, CatalogDigest)>) -> bool {
        self.definitions.is(version)
    }

    /// About how many bytes the definitions take that are known here, those that wait among them.
    pub(crate) fn known_bytes(&self) -> usize {
        self.definitions.bytes()
    }

    /// Takes in a catalog. Yields what is to be journalled now, which is less than what came where the node has too many
    /// series, and nothing where it is known already, or yet where it comes too fast.
    pub(crate) fn catalog(
        &mut self,
        message: wire::Catalog,
        now: BootTime,
    ) -> Result<Vec<wire::Catalog>, Status> {
        self.definitions.take(message, now)
    }

    /// Whether a catalog that waited may be due.
    pub(crate) fn may_be_due(&self, now: BootTime) -> bool {
        self.definitions.may_be_due(now)
    }

    /// What is to be journalled of the catalogs that waited.
    pub(crate) fn due(&mut self, now: BootTime) -> Result<Vec<wire::Catalog>, Status> {
        self.definitions.due(now)
    }

    /// Decodes a batch and holds it against catalog and limits; else the code and reason of the refusal.
    pub(crate) fn batch(
        &mut self,
        message: &wire::Batch,
        now: BootTime,
    ) -> Result<(Seq, Lane, Batch), RefusedBatch> {
        if message.catalog_generation > self.definitions.generation() {
            return Err(self.definitions.not_known(message.catalog_generation, now));
        }
        let (seq, lane, batch) = message.decode(&mut self.decoder).map_err(|error| {
            self.account.was_false(body_bytes(&message.zbody, message.raw_len), now);
            let code = match &error {
                BatchError::Body {
                    source: DecodeError::Frame(proto::FrameError::Checksum { .. }),
                    ..
                } => NackCode::Checksum,
                _ => NackCode::Invalid,
            };
            // The number stands beside it; without it repeated refusals are one record of the audit trail.
            let cause: &(dyn std::error::Error + 'static) = match &error {
                BatchError::Body { source, .. } => source,
                other => other,
            };
            RefusedBatch::new(code, chain(cause))
        })?;
        // The length of a body says little of its cells: an absent one takes an eighth of a byte.
        let cells: usize = batch.blocks.iter().map(|block| block.values.len()).sum();
        let unpacked = (cells * size_of::<Option<f64>>()).saturating_sub(message.raw_len as usize);
        self.account.unpacked(unpacked, now);
        for block in &batch.blocks {
            let width = self.definitions.width(block.set)?;
            if block.values.len() != width * block.times.len() {
                let found = block.values.len() / block.times.len().max(1);
                let detail = format!("set {} has {width} series, the block {found}", block.set);
                return Err(RefusedBatch::new(NackCode::Invalid, detail));
            }
        }
        if let Err(retry_after) = self.account.samples(cells, lane, now) {
            let most = self.limits.samples_per_second;
            let detail = format!("more than {most} samples a second of this node");
            return Err(RefusedBatch { code: NackCode::Busy, retry_after, detail });
        }
        Ok((seq, lane, batch))
    }
}

/// What reading a body costs, in bytes packed and unpacked. One that claims more than the limit is not unpacked.
pub(crate) fn body_bytes(zbody: &[u8], raw_len: u32) -> usize {
    let raw_len = usize::try_from(raw_len).unwrap_or(usize::MAX);
    zbody.len() + if raw_len <= MAX_RAW_BYTES { raw_len } else { 0 }
}
