//! What a session knows of its node's definitions: the catalog as it is kept, what is above the limit, and what waits for
//! its turn.

use super::RefusedBatch;
use crate::node_limits::{Account, NodeLimits};
use proto::limits::MAX_MESSAGE_BYTES;
use proto::wire::{self, NackCode};
use proto::{
    CatalogDigest, CatalogError, apply_catalog, catalog_digest, catalog_text_bytes, decode_catalog,
    encode_catalog,
};
use shared_model::{BootTime, Catalog, SeriesSet};
use shared_runtime::telemetry::chain;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tonic::Status;

/// Catalogs that may wait for the rates of series: an agent sends one, then batches that need it.
const WAITING_MAX: usize = 8;

/// What a series takes in a catalog's body, bytes, as a rule.
const SERIES_BYTES: usize = 32;

/// A catalog that brings nothing new counts as this share of its series: only a node above its limit sends one now and then,
/// when all that it adds is left out.
const NOTHING_NEW_SHARE: usize = 10;

const ADVICE: &str = "the node's other series are kept; look at what makes so many, or raise agents.series_max on the collector";

/// The definitions of one session.
pub(super) struct Definitions {
    /// As it is kept: without the sets that are above the limit. The engine has the same, or has it before it in its queue.
    pub(super) catalog: Option<Arc<Catalog>>,
    /// Columns of each set.
    widths: BTreeMap<u32, usize>,
    /// Sets that are not kept because the node has too many series.
    left_out: BTreeSet<u32>,
    /// Why a whole catalog is not kept: what it would make of the known one is more than any agent may have.
    pub(super) over: Option<String>,
    /// Catalogs that wait for the rates of series, in order.
    waiting: VecDeque<(wire::Catalog, Catalog)>,
    /// When the first of them is due.
    due_at: BootTime,
    account: Account,
    limits: NodeLimits,
}

impl Definitions {
    /// Starts from what the collector knows of the stream.
    pub(super) fn new(catalog: Option<Arc<Catalog>>, account: Account, limits: NodeLimits) -> Self {
        let mut definitions = Self {
            catalog,
            widths: BTreeMap::new(),
            left_out: BTreeSet::new(),
            over: None,
            waiting: VecDeque::new(),
            due_at: BootTime::default(),
            account,
            limits,
        };
        definitions.measure();
        definitions
    }

    /// Whether the catalog known here is what the node has, which says `version`, if it has any.
    pub(super) fn is(&self, version: Option<(u32, CatalogDigest)>) -> bool {
        match (&self.catalog, version) {
            // The digest of a large catalog takes a while: only where it decides.
            (Some(known), Some((generation, digest))) => {
                known.generation == generation && catalog_digest(known) == digest
            }
            (known, version) => known.is_none() && version.is_none(),
        }
    }

    /// Generation of the catalog known here, 0 without one.
    pub(super) fn generation(&self) -> u32 {
        self.catalog.as_ref().map_or(0, |c| c.generation)
    }

    /// About how many bytes they take in bodies, with those that wait.
    pub(super) fn bytes(&self) -> usize {
        let waiting = self.waiting.iter().map(|(_, said)| said);
        let known = self.catalog.iter().map(|known| &**known);
        waiting.chain(known).map(|c| c.series.len() * SERIES_BYTES).sum()
    }

    /// Whether a catalog that waited may be due.
    pub(super) fn may_be_due(&self, now: BootTime) -> bool {
        !self.waiting.is_empty() && now >= self.due_at
    }

    /// Takes in a catalog. Yields what is to be journalled now, which is less than what came where the node has too many
    /// series, and nothing where it is known already, or yet where it comes too fast.
    pub(super) fn take(
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
    pub(super) fn due(&mut self, now: BootTime) -> Result<Vec<wire::Catalog>, Status> {
        let mut taken = Vec::new();
        while self.may_be_due(now)
            && let Some((message, said)) = self.waiting.pop_front()
        {
            let Some(mut full) = self.applied(&said)? else { continue };
            let left_out = self.above_limit(&full.sets);
            full.sets.retain(|set| !left_out.contains(&set.id));
            // Then the engine has it from the journal or a kept state: the same record again would add nothing to a replay, and
            // the other nodes would wait while its series are bound.
            let is_known = self.catalog.as_deref() == Some(&full);
            if !is_known && let Err(wait) = self.account.new_series(self.new_series(&full), now) {
                self.due_at = now.plus(wait);
                self.waiting.push_front((message, said));
                break;
            }
            if said.base == 0 {
                (self.left_out, self.over) = (BTreeSet::new(), None);
            }
            if !is_known {
                taken.push(without(&left_out, message, said)?);
                self.account.bound(full.series.len() * SERIES_BYTES, now);
                self.catalog = Some(Arc::new(full));
                self.measure();
            }
            self.left_out.extend(left_out);
        }
        Ok(taken)
    }

    /// The whole catalog after `said`; `None` when that is more than any agent may have, or adds to what was.
    fn applied(&mut self, said: &Catalog) -> Result<Option<Catalog>, Status> {
        // A whole catalog takes the place of the known one.
        let known = self.catalog.as_deref().filter(|_| said.base != 0);
        let mut full = known.cloned().unwrap_or_default();
        match apply_catalog(&mut full, said.clone()) {
            Ok(()) if said.base != 0 && is_too_long(&full) => {
                self.over =
                    Some(format!("the definitions do not fit one message together: {ADVICE}"));
                Ok(None)
            }
            Ok(()) => Ok(Some(full)),
            Err(
                error @ (CatalogError::TooManySeries(_)
                | CatalogError::TooManySets(_)
                | CatalogError::TooMuchText),
            ) => {
                self.over = Some(format!("{error}: {ADVICE}"));
                Ok(None)
            }
            // It adds to one that was not kept.
            Err(CatalogError::Base { .. }) if self.over.is_some() => Ok(None),
            Err(error) => Err(invalid(&error)),
        }
    }

    /// How many series a catalog counts as that takes the place of the known one: those that it adds. All of them where it
    /// changes or takes away what was defined, which no agent does: the engine binds them all, and every node waits.
    /// Series of sets that are left out do not count: they are not bound.
    fn new_series(&self, full: &Catalog) -> usize {
        let kept = |catalog: &Catalog| -> usize {
            catalog.sets.iter().map(|set| set.references.len()).sum()
        };
        let all = kept(full);
        let Some(known) = &self.catalog else { return all };
        if !full.series.starts_with(&known.series) || !full.sets.starts_with(&known.sets) {
            return all;
        }
        match all.saturating_sub(kept(known)) {
            0 => all / NOTHING_NEW_SHARE,
            added => added,
        }
    }

    /// The sets that the limit of series leaves out: whole ones, the first that came stay.
    fn above_limit(&self, sets: &[SeriesSet]) -> BTreeSet<u32> {
        let mut kept = 0;
        let mut fits = |set: &SeriesSet| {
            let fits = kept + set.references.len() <= self.limits.series_max;
            kept += if fits { set.references.len() } else { 0 };
            fits
        };
        sets.iter().filter(|set| !fits(set)).map(|set| set.id).collect()
    }

    /// How many columns a set has; else why a batch with it is refused.
    pub(super) fn width(&self, set: u32) -> Result<usize, RefusedBatch> {
        if let Some(width) = self.widths.get(&set) {
            return Ok(*width);
        }
        if self.left_out.contains(&set) {
            let most = self.limits.series_max;
            let detail = format!("set {set} is above the limit of {most} series: {ADVICE}");
            return Err(RefusedBatch::new(NackCode::TooManySeries, detail));
        }
        let detail = format!("set {set} is not defined");
        Err(RefusedBatch::new(NackCode::UnknownCatalog, detail))
    }

    /// Why a batch of a generation that is not known here is refused.
    pub(super) fn not_known(&self, generation: u32, now: BootTime) -> RefusedBatch {
        if !self.waiting.is_empty() {
            let detail = "new series come too fast on this node: taken a little later";
            let retry_after = self.due_at.since(now);
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

    fn measure(&mut self) {
        let sets = self.catalog.iter().flat_map(|c| &c.sets);
        self.widths = sets.map(|s| (s.id, s.references.len())).collect();
    }
}

/// Texts up to this many bytes fit a message with all else that a catalog has, even where nothing of it compresses.
const FITTING_TEXT_BYTES: usize = MAX_MESSAGE_BYTES / 2;

/// Whether a catalog is longer than a message may be: no agent could send it as a whole, and it could not be kept.
fn is_too_long(full: &Catalog) -> bool {
    catalog_text_bytes(full) > FITTING_TEXT_BYTES && encode_catalog(full).is_err()
}

/// The message of a catalog without some of its sets.
fn without(
    left_out: &BTreeSet<u32>,
    message: wire::Catalog,
    said: Catalog,
) -> Result<wire::Catalog, Status> {
    if left_out.is_empty() {
        return Ok(message);
    }
    let sets = said.sets.into_iter().filter(|set| !left_out.contains(&set.id)).collect();
    encode_catalog(&Catalog { sets, ..said }).map_err(|e| invalid(&e))
}

fn invalid(error: &(dyn std::error::Error + 'static)) -> Status {
    Status::invalid_argument(chain(error))
}
