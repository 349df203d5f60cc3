//! What a session checks before the engine sees anything: checksums, sizes, and that batches fit the catalog.

use proto::wire::{self, NackCode};
use proto::{
    BatchError, BodyDecoder, CatalogDigest, CatalogError, DecodeError, apply_catalog,
    catalog_digest, decode_catalog,
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
        let decoder = BodyDecoder::new()
            .map_err(|_| Status::resource_exhausted("no memory for a session"))?;
        let mut validator = Self { catalog, widths: BTreeMap::new(), decoder };
        validator.measure();
        Ok(validator)
    }

    /// Generation and digest of the catalog known here.
    pub(crate) fn version(&self) -> Option<(u32, CatalogDigest)> {
        self.catalog.as_ref().map(|c| (c.generation, catalog_digest(c)))
    }

    /// Takes in a catalog.
    pub(crate) fn catalog(&mut self, message: &wire::Catalog) -> Result<(), CatalogError> {
        let said = decode_catalog(message)?;
        let mut full = self.catalog.as_deref().cloned().unwrap_or_default();
        apply_catalog(&mut full, said)?;
        self.catalog = Some(Arc::new(full));
        self.measure();
        Ok(())
    }

    /// Decodes a batch and holds it against the catalog; else the code and reason of the refusal.
    pub(crate) fn batch(
        &mut self,
        message: &wire::Batch,
    ) -> Result<(Seq, Lane, Batch), (NackCode, String)> {
        let (seq, lane, batch) = message.decode(&mut self.decoder).map_err(|error| {
            let code = match &error {
                BatchError::Body {
                    source: DecodeError::Frame(proto::FrameError::Checksum { .. }),
                    ..
                } => NackCode::Checksum,
                _ => NackCode::Invalid,
            };
            (code, shared_runtime::telemetry::chain(&error))
        })?;
        for block in &batch.blocks {
            let Some(&width) = self.widths.get(&block.set) else {
                return Err((
                    NackCode::UnknownCatalog,
                    format!("set {} is not defined", block.set),
                ));
            };
            if block.values.len() != width * block.times.len() {
                let found = block.values.len() / block.times.len().max(1);
                return Err((
                    NackCode::Invalid,
                    format!("set {} has {width} series, the block {found}", block.set),
                ));
            }
        }
        Ok((seq, lane, batch))
    }

    fn measure(&mut self) {
        let sets = self.catalog.iter().flat_map(|c| &c.sets);
        self.widths = sets.map(|s| (s.id, s.references.len())).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::{BodyEncoder, encode_catalog};
    use shared_model::{Block, Kind, SeriesDef, SeriesSet, Timestamp, Unit};

    fn catalog() -> wire::Catalog {
        let series = (1..=2).map(|reference| SeriesDef {
            reference,
            name: "node_load1".into(),
            kind: Kind::Gauge,
            unit: Unit::None,
            labels: vec![("n".into(), reference.to_string().into())],
        });
        let set =
            SeriesSet { id: 1, job: "node".into(), instance: "".into(), references: vec![1, 2] };
        let catalog = Catalog { generation: 1, base: 0, series: series.collect(), sets: vec![set] };
        encode_catalog(&catalog).unwrap()
    }

    fn batch(set: u32, columns: usize) -> wire::Batch {
        let block =
            Block { set, times: vec![Timestamp::from_secs(9)], values: vec![Some(1.5); columns] };
        let body = BodyEncoder::new()
            .unwrap()
            .encode(&Batch { generation: 1, blocks: vec![block] })
            .unwrap();
        wire::Batch::new(Seq(1), Lane::Live, 1, &body)
    }

    /// Scenario: a batch that fits its catalog, and one with each fault. Guarantees: only the first passes; every other gets
    /// the code that makes the agent do the right thing.
    #[test]
    fn only_fitting_batches_pass() {
        let mut validator = Validator::new(None).unwrap();
        let refused =
            |v: &mut Validator, b: &wire::Batch| v.batch(b).map(drop).map_err(|(code, _)| code);
        assert_eq!(refused(&mut validator, &batch(1, 2)), Err(NackCode::UnknownCatalog));
        validator.catalog(&catalog()).unwrap();
        assert_eq!(refused(&mut validator, &batch(1, 2)), Ok(()));
        assert_eq!(refused(&mut validator, &batch(2, 2)), Err(NackCode::UnknownCatalog));
        assert_eq!(refused(&mut validator, &batch(1, 3)), Err(NackCode::Invalid));
        let mut flipped = batch(1, 2);
        flipped.crc32c ^= 1;
        assert_eq!(refused(&mut validator, &flipped), Err(NackCode::Checksum));
        let mut lying = batch(1, 2);
        lying.raw_len += 1;
        assert_eq!(refused(&mut validator, &lying), Err(NackCode::Invalid));
    }

    /// Scenario: a session that starts from a catalog the collector knows. Guarantees: its version is told, batches pass at once.
    #[test]
    fn a_known_catalog_needs_no_resending() {
        let mut first = Validator::new(None).unwrap();
        first.catalog(&catalog()).unwrap();
        let mut second = Validator::new(first.catalog.clone()).unwrap();
        assert_eq!(second.version(), first.version());
        assert!(second.batch(&batch(1, 2)).is_ok());
    }
}
