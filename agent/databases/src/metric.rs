//! Short constructors, so that a view's metrics read as a table.

use shared_model::{Kind, Metric, Unit};

/// A value that goes up and down.
pub(crate) const fn gauge(
    name: &'static str,
    unit: Unit,
    help: &'static str,
    source: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, help, source }
}

/// A value that grows until the server's statistics are reset.
pub(crate) const fn counter(
    name: &'static str,
    unit: Unit,
    help: &'static str,
    source: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Counter, unit, help, source }
}
