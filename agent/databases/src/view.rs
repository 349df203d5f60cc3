//! What a view is: a statement, its parser, and how often it is read.

use agent_probe::{ProbeError, Sink};
use shared_model::Metric;
use std::time::Duration;

/// The most databases of one instance that are sampled; each costs about 27 series.
pub(crate) const DATABASES_MAX: usize = 64;

/// A statement with its parser. One with a parameter is given the accounts that the node's configuration allows. It yields at most
/// one row more than the parser takes, so that a cut is noticed and reported instead of being silent.
pub(crate) struct View<R: 'static> {
    /// Name in complaints.
    pub(crate) name: &'static str,
    /// The statement: no text of anybody's statement among its columns.
    pub(crate) sql: &'static str,
    /// Every metric it emits.
    pub(crate) metrics: &'static [&'static Metric],
    /// How often it is read.
    pub(crate) pace: Pace,
    /// Puts the rows into the sink.
    pub(crate) emit: fn(&[R], &mut Sink) -> Result<(), ViewError>,
}

/// How often a view is read. Between two readings the last rows are emitted again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    /// Every round.
    EachRound,
    /// Every so often.
    Every(Duration),
    /// As often as the node's configuration says, `inspection_interval`: what costs the server more and changes seldom.
    Inspection,
}

/// Why rows were not sampled, or not all of them.
#[derive(Debug)]
pub(crate) enum ViewError {
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

impl ViewError {
    /// As the runner tells it, with the name of the view.
    pub(crate) fn complaint(self, name: &str) -> ProbeError {
        let what = match self {
            Self::Column => format!("{name}: a column of another type than asked for"),
            Self::TooMany { what, limit } => {
                format!("{name}: more than {limit} {what}, the others are not sampled")
            }
        };
        ProbeError::Query { what }
    }
}

/// The first `limit` rows, and a complaint when there are more.
pub(crate) fn bounded<'a, R>(
    rows: &'a [R],
    limit: usize,
    what: &'static str,
) -> (&'a [R], Result<(), ViewError>) {
    match rows.get(..limit) {
        Some(first) if rows.len() > limit => (first, Err(ViewError::TooMany { what, limit })),
        _ => (rows, Ok(())),
    }
}

/// Names of what has one fault as lines of evidence: six in a line and three lines, so that no fault crowds out the others.
pub(crate) fn named_lines<S: AsRef<str>>(fault: &str, names: &[S]) -> impl Iterator<Item = String> {
    let line = move |names: &[S]| {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        format!("{fault}: {}", names.join(", "))
    };
    names.chunks(6).take(3).map(line)
}

/// Puts the rows of a view into the sink, and what is wrong with them into `complaints`.
pub(crate) fn emit<R>(
    view: &View<R>,
    rows: &[R],
    sink: &mut Sink,
    complaints: &mut Vec<ProbeError>,
) {
    if let Err(error) = (view.emit)(rows, sink) {
        complaints.push(error.complaint(view.name));
    }
}
