//! Indexes that serve nobody (clause 3.3).

use super::named;
use super::row::Row;
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError, bounded, named_lines};
use agent_probe::Sink;
use shared_model::{Metric, Unit, topic};

/// The most indexes that are read.
const INDEXES_MAX: usize = 2_000;

/// The most indexes of a fault that are named.
const NAMED_MAX: usize = 20;

static COUNT: Metric = gauge(
    "wardround_db_indexes",
    Unit::None,
    "Indexes of users by fault: invalid (unusable), redundant (another one begins with the same columns), unused.",
    "DBA_INDEXES, DBA_IND_COLUMNS, DBA_INDEX_USAGE",
);

static METRICS: [&Metric; 1] = [&COUNT];

/// A row for each fault of an index, 2,001 at most: fault, name; one without a name for each fault that is looked for. Read at each inspection.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View { name, sql, metrics: &METRICS, pace: Pace::Inspection, emit }
}

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, INDEXES_MAX, "indexes");
    let mut lines = Vec::new();
    for fault in ["invalid", "redundant", "unused"] {
        let Some(mut names) = named(rows, fault)? else { continue };
        sink.put(&COUNT, &[("kind", fault)], names.len() as f64);
        names.truncate(NAMED_MAX);
        lines.extend(named_lines(fault, &names));
    }
    sink.show(topic::INDEXES, lines);
    complaint
}
