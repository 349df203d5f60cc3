//! What a view is: a statement, its parser, and how often it is read.

use agent_probe::Sink;
use shared_model::Metric;
use std::time::Duration;
use tokio_postgres::{Error, Row};

/// The most databases of one instance that are sampled; each costs about 27 series.
pub(super) const DATABASES_MAX: usize = 64;

/// A statement with its parser. The statement yields at most one row more than the parser takes, so that a cut is
/// noticed and reported instead of being silent.
pub(super) struct View {
    /// Name in complaints.
    pub(super) name: &'static str,
    /// The statement: no parameter, no text of anybody's statement among its columns.
    pub(super) sql: &'static str,
    /// Every metric it emits.
    pub(super) metrics: &'static [&'static Metric],
    /// How often it is read; `None` for every round. Between two readings the last rows are emitted again.
    pub(super) cadence: Option<Duration>,
    /// Puts the rows into the sink.
    pub(super) emit: fn(&[Row], &mut Sink) -> Result<(), ViewError>,
}

/// Why rows were not sampled, or not all of them.
#[derive(Debug)]
pub(super) enum ViewError {
    /// A column has not the type that the statement casts to.
    Column,
    /// There are more rows than are sampled.
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many are sampled.
        limit: usize,
    },
}

impl From<Error> for ViewError {
    fn from(_: Error) -> Self {
        Self::Column
    }
}

/// The first `limit` rows, and a complaint when there are more.
pub(super) fn bounded<'a>(
    rows: &'a [Row],
    limit: usize,
    what: &'static str,
) -> (&'a [Row], Result<(), ViewError>) {
    match rows.get(..limit) {
        Some(first) if rows.len() > limit => (first, Err(ViewError::TooMany { what, limit })),
        _ => (rows, Ok(())),
    }
}
