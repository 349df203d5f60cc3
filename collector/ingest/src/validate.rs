//! What a session checks before the engine sees anything: checksums, sizes, that batches fit the catalog, and that the
//! node keeps to its limits of series and samples.

use crate::node_limits::{Account, NodeLimits};
use proto::wire::{self, NackCode};
use proto::{
    BatchError, BodyDecoder, CatalogDigest, CatalogError, DecodeError, apply_catalog,
    catalog_digest, decode_catalog, encode_catalog,
};
use shared_model::{Batch, BootTime, Catalog, Lane, Seq, SeriesSet};
use shared_runtime::telemetry::chain;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;

/// Catalogs that may wait for the rate of new series: an agent sends one, then batches that need it.
const WAITING_MAX: usize = 8;

/// The state of one session's checks: its own copy of the catalog and a decoder with its buffers.
pub(crate) struct Validator {
    /// As it is kept: without the sets that are above the limit.
    catalog: Option<Arc<Catalog>>,
    /// Columns of each set.
    widths: BTreeMap<u32, usize>,
    /// Sets that are not kept because the node has too many series.
    left_out: BTreeSet<u32>,
    /// Why a whole catalog is not kept: what it would make of the known one is more than any agent may have.
    over: Option<String>,
    /// Catalogs that wait for the rate of new series, in order.
    waiting: VecDeque<(wire::Catalog, Catalog)>,
    /// When the first of them is due.
    wait: Duration,
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
        let mut validator = Self {
            catalog,
            widths: BTreeMap::new(),
            left_out: BTreeSet::new(),
            over: None,
            waiting: VecDeque::new(),
            wait: Duration::ZERO,
            decoder,
            account,
            limits,
        };
        validator.measure();
        Ok(validator)
    }

    /// Generation and digest of the catalog known here.
    pub(crate) fn version(&self) -> Option<(u32, CatalogDigest)> {
        self.catalog.as_ref().map(|c| (c.generation, catalog_digest(c)))
    }

    /// Takes in a catalog. Yields what is to be journalled now, which is less than what came where the node has too many
    /// series, and nothing yet where they come too fast.
    pub(crate) fn catalog(
        &mut self,
        message: wire::Catalog,
        now: BootTime,
    ) -> Result<Vec<wire::Catalog>, Status> {
        let said = decode_catalog(&message).map_err(|e| invalid(&e))?;
        if self.waiting.len() >= WAITING_MAX {
            return Err(Status::resource_exhausted(
                "definitions come faster than new series are taken: look at what makes series on this node",
            ));
        }
        self.waiting.push_back((message, said));
        self.due(now)
    }

    /// What is to be journalled of the catalogs that waited.
    pub(crate) fn due(&mut self, now: BootTime) -> Result<Vec<wire::Catalog>, Status> {
        let mut taken = Vec::new();
        while let Some((message, said)) = self.waiting.pop_front() {
            let mut full = self.catalog.as_deref().cloned().unwrap_or_default();
            let before = full.series.len();
            match apply_catalog(&mut full, said.clone()) {
                Ok(()) => {}
                Err(
                    error @ (CatalogError::TooManySeries(_)
                    | CatalogError::TooManySets(_)
                    | CatalogError::TooMuchText),
                ) => {
                    self.over = Some(format!("{error}: {ADVICE}"));
                    continue;
                }
                // It adds to one that was not kept.
                Err(CatalogError::Base { .. }) if self.over.is_some() => continue,
                Err(error) => return Err(invalid(&error)),
            }
            let new = full.series.len().saturating_sub(before);
            if let Err(wait) = self.account.new_series(new, now) {
                self.wait = wait;
                self.waiting.push_front((message, said));
                break;
            }
            taken.push(self.keep(message, said, full)?);
        }
        Ok(taken)
    }

    /// Keeps a catalog as far as the limit of series allows: whole sets, in order. Yields what is to be journalled.
    fn keep(
        &mut self,
        message: wire::Catalog,
        said: Catalog,
        mut full: Catalog,
    ) -> Result<wire::Catalog, Status> {
        if said.base == 0 {
            (self.left_out, self.over) = (BTreeSet::new(), None);
        }
        let mut kept = 0;
        let most = self.limits.series_max;
        let mut fits = |set: &SeriesSet| {
            let fits = kept + set.references.len() <= most;
            kept += if fits { set.references.len() } else { 0 };
            fits
        };
        let out: BTreeSet<u32> =
            full.sets.iter().filter(|set| !fits(set)).map(|set| set.id).collect();
        let message = if out.is_empty() {
            message
        } else {
            full.sets.retain(|set| !out.contains(&set.id));
            let sets = said.sets.into_iter().filter(|set| !out.contains(&set.id)).collect();
            encode_catalog(&Catalog { sets, ..said }).map_err(|e| invalid(&e))?
        };
        self.left_out.extend(out);
        self.catalog = Some(Arc::new(full));
        self.measure();
        Ok(message)
    }

    /// Decodes a batch and holds it against catalog and limits; else the code and reason of the refusal.
    pub(crate) fn batch(
        &mut self,
        message: &wire::Batch,
        now: BootTime,
    ) -> Result<(Seq, Lane, Batch), RefusedBatch> {
        let known = self.catalog.as_ref().map_or(0, |c| c.generation);
        if message.catalog_generation > known {
            return Err(self.not_known(message.catalog_generation));
        }
        let (seq, lane, batch) = message.decode(&mut self.decoder).map_err(|error| {
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
        let mut samples = 0;
        for block in &batch.blocks {
            let Some(&width) = self.widths.get(&block.set) else {
                return Err(self.no_set(block.set));
            };
            if block.values.len() != width * block.times.len() {
                let found = block.values.len() / block.times.len().max(1);
                let detail = format!("set {} has {width} series, the block {found}", block.set);
                return Err(RefusedBatch::new(NackCode::Invalid, detail));
            }
            samples += block.values.len();
        }
        if let Err(retry_after) = self.account.samples(samples, lane, now) {
            let most = self.limits.samples_per_second;
            let detail = format!("more than {most} samples a second of this node");
            return Err(RefusedBatch { code: NackCode::Busy, retry_after, detail });
        }
        Ok((seq, lane, batch))
    }

    /// A batch of a catalog that is not known here.
    fn not_known(&self, generation: u32) -> RefusedBatch {
        if !self.waiting.is_empty() {
            let detail = "new series come too fast on this node: taken a little later";
            let retry_after = self.wait;
            return RefusedBatch { code: NackCode::Busy, retry_after, detail: detail.to_owned() };
        }
        match &self.over {
            Some(why) => RefusedBatch::new(NackCode::TooManySeries, why.clone()),
            None => {
                let detail = format!("catalog generation {generation} is not known");
                RefusedBatch::new(NackCode::UnknownCatalog, detail)
            }
        }
    }

    fn no_set(&self, set: u32) -> RefusedBatch {
        if self.left_out.contains(&set) {
            let most = self.limits.series_max;
            let detail = format!("set {set} is above the limit of {most} series: {ADVICE}");
            return RefusedBatch::new(NackCode::TooManySeries, detail);
        }
        RefusedBatch::new(NackCode::UnknownCatalog, format!("set {set} is not defined"))
    }

    fn measure(&mut self) {
        let sets = self.catalog.iter().flat_map(|c| &c.sets);
        self.widths = sets.map(|s| (s.id, s.references.len())).collect();
    }
}

const ADVICE: &str = "the node's other series are kept; look at what makes so many, or raise agents.series_max on the collector";

fn invalid(error: &(dyn std::error::Error + 'static)) -> Status {
    Status::invalid_argument(chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node_limits::Accounts;
    use proto::{BodyEncoder, encode_catalog};
    use shared_model::{Block, Kind, NodeIdentity, SeriesDef, Timestamp, Unit};

    const NOW: BootTime = BootTime::from_micros(1);

    fn validator(catalog: Option<Arc<Catalog>>, limits: NodeLimits) -> Validator {
        let node = NodeIdentity::new("p", "h", "a", "n").unwrap();
        Validator::new(catalog, Accounts::new(limits).of(&node), limits).unwrap()
    }

    /// `sets` sets of two series each, as generation `sets`.
    fn sets(from: u32, to: u32) -> wire::Catalog {
        let series = (from * 2 - 1..=to * 2).map(|reference| SeriesDef {
            reference,
            name: "node_load1".into(),
            kind: Kind::Gauge,
            unit: Unit::None,
            labels: vec![("n".into(), reference.to_string().into())],
        });
        let sets = (from..=to).map(|id| SeriesSet {
            id,
            job: "node".into(),
            instance: "".into(),
            references: vec![id * 2 - 1, id * 2],
        });
        let (series, sets) = (series.collect(), sets.collect());
        encode_catalog(&Catalog { generation: to, base: from - 1, series, sets }).unwrap()
    }

    fn catalog() -> wire::Catalog {
        sets(1, 1)
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

    fn refused(v: &mut Validator, b: &wire::Batch) -> Result<(), NackCode> {
        v.batch(b, NOW).map(drop).map_err(|refused| refused.code)
    }

    /// Scenario: a batch that fits its catalog, and one with each fault. Guarantees: only the first passes; every other gets
    /// the code that makes the agent do the right thing.
    #[test]
    fn only_fitting_batches_pass() {
        let mut validator = validator(None, NodeLimits::default());
        assert_eq!(refused(&mut validator, &batch(1, 2)), Err(NackCode::UnknownCatalog));
        assert_eq!(validator.catalog(catalog(), NOW).unwrap(), [catalog()]);
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
        let mut first = validator(None, NodeLimits::default());
        first.catalog(catalog(), NOW).unwrap();
        let mut second = validator(first.catalog.clone(), NodeLimits::default());
        assert_eq!(second.version(), first.version());
        assert_eq!(refused(&mut second, &batch(1, 2)), Ok(()));
    }

    /// Scenario: four sets of two series at a limit of five, at once, as additions, and again after a session. Guarantees:
    /// the first two sets are kept and pass, batches with the others are refused for their number, never as unknown.
    #[test]
    fn series_above_the_limit_are_left_out() {
        let limits = NodeLimits { series_max: 5, ..NodeLimits::default() };
        let expect = |v: &mut Validator| {
            assert_eq!([1, 2].map(|set| refused(v, &batch(set, 2))), [Ok(()), Ok(())]);
            for set in [3, 4] {
                let answer = v.batch(&batch(set, 2), NOW).unwrap_err();
                assert_eq!(answer.code, NackCode::TooManySeries);
                assert!(answer.detail.contains("limit of 5 series"), "{}", answer.detail);
            }
            assert_eq!(refused(v, &batch(5, 2)), Err(NackCode::UnknownCatalog));
        };
        let mut at_once = validator(None, limits);
        // The rate of new series lets a first catalog pass that is above the limit.
        let journalled = at_once.catalog(sets(1, 4), NOW).unwrap();
        let kept = decode_catalog(&journalled[0]).unwrap();
        assert_eq!(kept.sets.iter().map(|s| s.id).collect::<Vec<_>>(), [1, 2]);
        expect(&mut at_once);
        let mut again = validator(at_once.catalog.clone(), limits);
        again.catalog(sets(1, 4), NOW).unwrap();
        expect(&mut again);
        let mut added = validator(None, limits);
        added.catalog(sets(1, 2), NOW).unwrap();
        added.catalog(sets(3, 4), NOW).unwrap();
        expect(&mut added);
    }

    /// Scenario: more series than any agent may have, in additions, and then more of them. Guarantees: the known ones go on,
    /// batches of the rest are refused for their number, and a whole catalog within the limit mends it.
    #[test]
    fn a_million_series_change_nothing() {
        let limits = NodeLimits { samples_per_second: u32::MAX, ..NodeLimits::default() };
        let mut validator = validator(None, limits);
        validator.catalog(sets(1, 4000), NOW).unwrap();
        for part in 1..5 {
            let from = part * 4000 + 1;
            // A set id above the greatest would be malformed, so that the same few carry them.
            let mut more = decode_catalog(&sets(from, from + 3999)).unwrap();
            more.sets = Vec::new();
            validator
                .catalog(encode_catalog(&more).unwrap(), BootTime::from_micros(1 << 50))
                .unwrap();
        }
        assert!(validator.over.is_some());
        assert_eq!(refused(&mut validator, &batch(4000, 2)), Ok(()));
        let mut beyond = batch(1, 2);
        beyond.catalog_generation = 20_000;
        assert_eq!(refused(&mut validator, &beyond), Err(NackCode::TooManySeries));
        validator.catalog(sets(1, 1), NOW).unwrap();
        assert_eq!(refused(&mut validator, &batch(1, 2)), Ok(()));
        assert_eq!(refused(&mut validator, &beyond), Err(NackCode::UnknownCatalog));
    }

    /// Scenario: new series beyond the rate, then time passes. Guarantees: batches that need them are busy with the time to
    /// wait, which is true; nothing is refused for good.
    #[test]
    fn new_series_have_a_rate() {
        let limits = NodeLimits { series_max: 60, ..NodeLimits::default() };
        let mut validator = validator(None, limits);
        validator.catalog(sets(1, 30), NOW).unwrap();
        assert_eq!(validator.catalog(sets(31, 32), NOW).unwrap(), []);
        let mut waiting = batch(1, 2);
        waiting.catalog_generation = 32;
        let answer = validator.batch(&waiting, NOW).unwrap_err();
        assert_eq!(answer.code, NackCode::Busy);
        assert!(answer.retry_after > Duration::ZERO);
        let later = NOW.plus(answer.retry_after);
        assert_eq!(validator.due(later).unwrap().len(), 1);
        assert!(validator.batch(&waiting, later).is_ok());
    }

    /// Scenario: a node sends more samples than it may. Guarantees: busy, with the time to wait, which is true.
    #[test]
    fn samples_have_a_rate() {
        let limits = NodeLimits { samples_per_second: 1, ..NodeLimits::default() };
        let mut validator = validator(None, limits);
        validator.catalog(catalog(), NOW).unwrap();
        let passed = (0..20).filter(|_| refused(&mut validator, &batch(1, 2)).is_ok()).count();
        assert_eq!(passed, 5);
        let answer = validator.batch(&batch(1, 2), NOW).unwrap_err();
        assert_eq!(answer.code, NackCode::Busy);
        assert!(validator.batch(&batch(1, 2), NOW.plus(answer.retry_after)).is_ok());
    }
}
