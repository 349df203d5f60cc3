//! What a session checks before the engine sees anything: checksums, sizes, and that batches fit the catalog.

use proto::wire::{self, NackCode};
use proto::{
    BatchError, BodyDecoder, CatalogDigest, CatalogError, DecodeError, apply_catalog, catalog_digest, decode_catalog,
};
use shared_model::{Batch, Catalog, Lane, Seq};
use std::collections::BTreeMap;
use std::sync::Arc;
use tonic::Status;

/// The state of one session's checks: its own copy of the catalog and a decoder with its buffers.
pub(crate) struct Validator {
    catalog: Option<Arc<Catalog>>,
    /// Columns of each set.
    widths: BTreeMap<u32, usize>,
    decoder: BodyDecoder,
}

impl Validator {
    /// Starts from what the collector knows of the stream.
    pub(crate) fn new(catalog: Option<Arc<Catalog>>) -> Result<Self, Status> {
        let decoder = BodyDecoder::new().map_err(|_| Status::resource_exhausted("no memory for a session"))?;
        let mut validator = Self { catalog, widths: BTreeMap::new(), decoder };
        validator.measure();
        Ok(validator)
    }

    /// Generation and digest of the catalog known here.
    pub(crate) fn version(&self) -> Option<(u32, CatalogDigest)> {
        self.catalog.as_ref().map(|c| (c.generation, catalog_digest(c)))
    }

    /// Takes in a catalog and returns what it said.
    pub(crate) fn catalog(&mut self, message: &wire::Catalog) -> Result<Catalog, CatalogError> {
        let said = decode_catalog(message)?;
        let mut full = self.catalog.as_deref().cloned().unwrap_or_default();
        apply_catalog(&mut full, said.clone())?;
        self.catalog = Some(Arc::new(full));
        self.measure();
        Ok(said)
    }

    /// Decodes a batch and holds it against the catalog; else the code and reason of the refusal.
    pub(crate) fn batch(&mut self, message: &wire::Batch) -> Result<(Seq, Lane, Batch), (NackCode, String)> {
        let (seq, lane, batch) = message.decode(&mut self.decoder).map_err(|error| {
            let code = match &error {
                BatchError::Body { source: DecodeError::Frame(proto::FrameError::Checksum { .. }), .. } => {
                    NackCode::Checksum
                }
                _ => NackCode::Invalid,
            };
            (code, shared_runtime::telemetry::chain(&error))
        })?;
        for block in &batch.blocks {
            let Some(&width) = self.widths.get(&block.set) else {
                return Err((NackCode::UnknownCatalog, format!("set {} is not defined", block.set)));
            };
            if block.values.len() != width * block.times.len() {
                let found = block.values.len() / block.times.len().max(1);
                return Err((NackCode::Invalid, format!("set {} has {width} series, the block {found}", block.set)));
            }
        }
        Ok((seq, lane, batch))
    }

    fn measure(&mut self) {
        let sets = self.catalog.iter().flat_map(|c| &c.sets);
        self.widths = sets.map(|s| (s.id, s.references.len())).collect();
    }
}
