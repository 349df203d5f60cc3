//! What a metric is, as the probe that emits it declares it.

use serde::{Deserialize, Serialize};

/// How a metric's values behave.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// Grows until its source restarts.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A constant 1 whose labels carry the information.
    Info,
}

/// The unit of a metric. Always a base unit, as Prometheus asks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Unit {
    /// A plain number, a state or a count.
    None,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// A share between 0 and 1.
    Ratio,
}

/// A metric that a probe may emit. Declared once as a `static` beside the probe; the reference page is made from these.
#[derive(Debug)]
pub struct Metric {
    /// Its name: node_exporter's or postgres_exporter's where the same quantity exists there.
    pub name: &'static str,
    /// How its values behave.
    pub kind: Kind,
    /// The unit of its values.
    pub unit: Unit,
    /// What it says, in one English sentence.
    pub help: &'static str,
    /// Where the number is read: kernel file and field, or SQL view and column.
    pub source: &'static str,
}
