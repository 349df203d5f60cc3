//! Streams of nodes as the fold knows them.

use super::fold::Sample;
use super::record::BatchRecord;
use collector_domain::SeriesId;
use collector_store::series::GroupId;
use serde::{Deserialize, Serialize};
use shared_model::{
    Batch, Catalog, Labels, Lane, NAME, NodeIdentity, Seq, SeqSet, SeriesDef, SeriesSet, Timestamp,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Offsets up to this are the agents' own business; beyond, their samples are judged on the collector's time.
const TRUSTED_OFFSET_US: i64 = 2_000_000;
/// A live batch cannot be further ahead of the collector than a trusted offset and what two readings may differ by.
const AHEAD_MAX: Duration = Duration::from_secs(3);
/// A live batch cannot be older: a session that is held up ends after half a minute.
const LIVE_AGE_MAX: Duration = Duration::from_secs(60);
/// Samples further in the future than this are not judged, wherever they come from.
const FUTURE_MAX: Duration = Duration::from_secs(60);
/// Steps of a node's clock that are remembered for what it spooled before them. A clock that is set more often is broken.
const STEPS_MAX: usize = 64;

/// One stream of a node: the name space of its sequence numbers, and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) node: NodeIdentity,
    pub(crate) stream: [u8; 16],
    /// What was taken, declared losses included.
    pub(crate) acked: SeqSet,
    /// Samples taken, for the books: stored plus declared gaps must be everything.
    pub(crate) batches: u64,
    pub(crate) lost: u64,
    pub(crate) catalog: Option<Arc<Catalog>>,
    pub(crate) columns: BTreeMap<u32, Columns>,
    pub(crate) session_no: u64,
    pub(crate) open: bool,
    pub(crate) agent_version: String,
    /// The collector's wall clock minus the node's, as it was measured last.
    pub(crate) clock_offset_us: i64,
    pub(crate) last_heard: Option<Timestamp>,
    /// A session was opened and no batch of it has come yet.
    pub(crate) reopened: bool,
    /// Steps of the node's clock by the number of the record that told them.
    steps: BTreeMap<Seq, i64>,
}

/// The series of a catalog by the agent's numbers.
pub(crate) type Defined<'c> = HashMap<u32, &'c SeriesDef>;

/// See [`Defined`].
pub(crate) fn defined(catalog: &Catalog) -> Defined<'_> {
    catalog.series.iter().map(|def| (def.reference, def)).collect()
}

/// Where the columns of a set go.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) series: Vec<SeriesId>,
    /// `None` while they are judged only: the store has no room for them.
    pub(crate) group: Option<GroupId>,
}

/// A [`Stream`] as the state file holds it; columns are made again from the catalog.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredStream {
    node: NodeIdentity,
    stream: [u8; 16],
    acked: SeqSet,
    batches: u64,
    lost: u64,
    catalog_wire: Option<Vec<u8>>,
    session_no: u64,
    open: bool,
    agent_version: String,
    clock_offset_us: i64,
    last_heard: Option<Timestamp>,
    #[serde(default)]
    reopened: bool,
    #[serde(default)]
    steps: BTreeMap<Seq, i64>,
}

impl Stream {
    pub(crate) fn new(node: NodeIdentity, stream: [u8; 16]) -> Self {
        Self {
            node,
            stream,
            acked: SeqSet::default(),
            batches: 0,
            lost: 0,
            catalog: None,
            columns: BTreeMap::new(),
            session_no: 0,
            open: false,
            agent_version: String::new(),
            clock_offset_us: 0,
            last_heard: None,
            reopened: false,
            steps: BTreeMap::new(),
        }
    }

    /// What is added to the times of a batch before it is judged, microseconds: nothing while the node's clock is right, else
    /// what maps it to the collector's steady time, which is `ahead_us` before the wall clock that the offset was measured
    /// against.
    ///
    /// A live batch left the node when its round ended. When its times say otherwise, the clock was set since the offset was
    /// measured, and the batch itself tells the new one.
    pub(crate) fn shift_us(
        &mut self,
        record: &BatchRecord,
        batch: &Batch,
        now: Timestamp,
        ahead_us: i64,
    ) -> i64 {
        let offset_us = self.clock_offset_us.saturating_add(ahead_us);
        let newest = batch.blocks.iter().flat_map(|block| &block.times).max();
        let Some(newest) = newest.filter(|_| record.lane == Lane::Live) else {
            return trusted(offset_us.saturating_add(self.stepped_after(record.seq)));
        };
        let shift_us = trusted(offset_us);
        let judged_at = shifted(*newest, shift_us);
        if judged_at <= now.plus(AHEAD_MAX) && now.since(judged_at) <= LIVE_AGE_MAX {
            return shift_us;
        }
        let shift_us = now.as_micros().saturating_sub(newest.as_micros());
        self.clock_offset_us = shift_us.saturating_sub(ahead_us);
        trusted(shift_us)
    }

    /// Adds the samples of a batch that any rule may judge. What would lie in the future after all is left out: it must not
    /// make what comes in its time look old.
    pub(crate) fn samples(
        &self,
        batch: &Batch,
        shift_us: i64,
        now: Timestamp,
        out: &mut Vec<Sample>,
    ) {
        let latest = now.plus(FUTURE_MAX);
        for block in &batch.blocks {
            let Some(columns) = self.columns.get(&block.set) else { continue };
            let width = columns.series.len().max(1);
            for (&at, values) in block.times.iter().zip(block.values.chunks(width)) {
                let at = shifted(at, shift_us);
                if at <= latest {
                    let known = columns.series.iter().zip(values);
                    out.extend(known.filter_map(|(&id, v)| Some((at, id, (*v)?))));
                }
            }
        }
    }

    /// The node's clock was set by `step_us` before the record with this number.
    pub(crate) fn stepped(&mut self, seq: Seq, step_us: i64) {
        self.steps.insert(seq, step_us);
        while self.steps.len() > STEPS_MAX {
            self.steps.pop_first();
        }
    }

    /// By how much the clock was set after the record with this number was made.
    fn stepped_after(&self, seq: Seq) -> i64 {
        self.steps.range(seq..).fold(0, |sum, (_, step)| sum.saturating_add(*step))
    }

    /// The full labels of each series of a set, in the order of its columns.
    pub(crate) fn labels(&self, defined: &Defined<'_>, set: &SeriesSet) -> Vec<Labels> {
        let host = self.node.node();
        let instance = if set.instance.is_empty() { host } else { &set.instance };
        let own = [
            ("hospital", self.node.hospital()),
            ("appliance", self.node.appliance()),
            ("host", host),
            ("instance", instance),
            ("job", &*set.job),
        ];
        let labels = |reference: &u32| {
            let def = defined.get(reference);
            let name = def.map_or("", |d| &*d.name);
            let theirs = def.into_iter().flat_map(|d| &d.labels).map(|(n, v)| (&**n, &**v));
            Labels::from_pairs(theirs.chain(own).chain([(NAME, name)]))
        };
        set.references.iter().map(labels).collect()
    }

    pub(crate) fn store(&self) -> StoredStream {
        let wire = self.catalog.as_ref().and_then(|c| proto::encode_catalog(c).ok());
        StoredStream {
            node: self.node.clone(),
            stream: self.stream,
            acked: self.acked.clone(),
            batches: self.batches,
            lost: self.lost,
            catalog_wire: wire.map(|w| prost::Message::encode_to_vec(&w)),
            session_no: self.session_no,
            open: self.open,
            agent_version: self.agent_version.clone(),
            clock_offset_us: self.clock_offset_us,
            last_heard: self.last_heard,
            reopened: self.reopened,
            steps: self.steps.clone(),
        }
    }

    pub(crate) fn restore(stored: StoredStream) -> Result<Self, String> {
        let catalog = match stored.catalog_wire {
            None => None,
            Some(bytes) => Some(Arc::new(decode_catalog(&bytes)?)),
        };
        Ok(Self {
            node: stored.node,
            stream: stored.stream,
            acked: stored.acked,
            batches: stored.batches,
            lost: stored.lost,
            catalog,
            columns: BTreeMap::new(),
            session_no: stored.session_no,
            open: stored.open,
            agent_version: stored.agent_version,
            clock_offset_us: stored.clock_offset_us,
            last_heard: stored.last_heard,
            reopened: stored.reopened,
            steps: stored.steps,
        })
    }
}

/// An offset that matters, or none.
fn trusted(offset_us: i64) -> i64 {
    if offset_us.saturating_abs() <= TRUSTED_OFFSET_US { 0 } else { offset_us }
}

fn shifted(at: Timestamp, shift_us: i64) -> Timestamp {
    Timestamp::from_micros(at.as_micros().saturating_add(shift_us))
}

/// A catalog from its wire bytes.
pub(crate) fn decode_catalog(bytes: &[u8]) -> Result<Catalog, String> {
    let wire: proto::wire::Catalog =
        prost::Message::decode(bytes).map_err(|e: prost::DecodeError| e.to_string())?;
    proto::decode_catalog(&wire).map_err(|e| shared_runtime::telemetry::chain(&e))
}
