//! Short constructors, so that a probe's metrics read as a table.

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

/// A value that grows until its source restarts.
pub(crate) const fn counter(
    name: &'static str,
    unit: Unit,
    help: &'static str,
    source: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Counter, unit, help, source }
}

/// A constant 1 whose labels carry the information.
pub(crate) const fn info(name: &'static str, help: &'static str, source: &'static str) -> Metric {
    Metric { name, kind: Kind::Info, unit: Unit::None, help, source }
}
