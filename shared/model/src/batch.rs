//! What travels from an agent to the collector, as both hold it in memory. `proto` knows how it looks on the wire.

use crate::{Kind, SeqRange, Timestamp, Unit};

/// Definitions that make batches readable: series by reference, and sets that fix the order of columns.
///
/// A catalog is either full (`base` 0) or adds to generation `base`. References and set ids are given by the agent,
/// start at 1 and are never redefined within a stream.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Catalog {
    /// Generation after these definitions; starts at 1.
    pub generation: u32,
    /// Generation these definitions add to, 0 for a full catalog.
    pub base: u32,
    /// Series defined here.
    pub series: Vec<SeriesDef>,
    /// Sets defined here.
    pub sets: Vec<SeriesSet>,
}

/// One series of an agent. Identity labels (`hospital`, `appliance`, `host`, `instance`, `job`) are never in it: the
/// collector adds them.
#[derive(Clone, PartialEq, Debug)]
pub struct SeriesDef {
    /// The agent's number for the series.
    pub reference: u32,
    /// Metric name.
    pub name: Box<str>,
    /// How its values behave.
    pub kind: Kind,
    /// Unit of its values.
    pub unit: Unit,
    /// Labels in order of name, without the metric name.
    pub labels: Vec<(Box<str>, Box<str>)>,
}

/// A fixed list of series that one probe samples together: the columns of a [`Block`].
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SeriesSet {
    /// The agent's number for the set.
    pub id: u32,
    /// `node`, `postgres`, …: becomes the label `job`.
    pub job: Box<str>,
    /// `host:port` of a database instance, empty for the node itself: becomes the label `instance`.
    pub instance: Box<str>,
    /// The series, in the order of columns.
    pub references: Vec<u32>,
}

/// Which way a batch goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Lane {
    /// Sent as its round ends.
    Live,
    /// Sent from the spool after a session was lost.
    Backfill,
}

/// What one round of probes yielded.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Batch {
    /// Catalog generation the set ids refer to.
    pub generation: u32,
    /// The readings, one block per set.
    pub blocks: Vec<Block>,
}

/// Samples of one set: a table of `times.len()` rows and one column per series of the set.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Block {
    /// The set that names the columns.
    pub set: u32,
    /// Node's wall clock at each row, ascending.
    pub times: Vec<Timestamp>,
    /// Row by row; `None` where the source had no value this time.
    pub values: Vec<Option<f64>>,
}

/// Why sequence numbers will never arrive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum GapReason {
    /// The spool's byte budget was used up.
    Budget,
    /// The record on disk was damaged.
    Damaged,
    /// Written to memory but not yet to disk when power went.
    Unsynced,
    /// The collector refused the record for good.
    Refused,
}

/// A declared loss: these sequence numbers hold nothing any more.
#[derive(Clone, PartialEq, Debug)]
pub struct Gap {
    /// The numbers that are lost.
    pub lost: SeqRange,
    /// Why.
    pub reason: GapReason,
    /// Time of the first lost sample, where it is known.
    pub first: Option<Timestamp>,
    /// Time of the last lost sample, where it is known.
    pub last: Option<Timestamp>,
}
