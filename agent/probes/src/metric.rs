//! Short forms for declaring metrics beside their probe.

use shared_model::{Kind, Metric, Unit};

/// A value that grows until its source restarts.
pub(crate) const fn counter(
    name: &'static str,
    unit: Unit,
    help: &'static str,
    source: &'static str,
) -> Metric {
    declare(name, Kind::Counter, unit, help, source)
}

/// A value that goes up and down.
pub(crate) const fn gauge(
    name: &'static str,
    unit: Unit,
    help: &'static str,
    source: &'static str,
) -> Metric {
    declare(name, Kind::Gauge, unit, help, source)
}

/// A constant 1 whose labels carry the information.
pub(crate) const fn info(name: &'static str, help: &'static str, source: &'static str) -> Metric {
    declare(name, Kind::Info, Unit::None, help, source)
}

const fn declare(
    name: &'static str,
    kind: Kind,
    unit: Unit,
    help: &'static str,
    source: &'static str,
) -> Metric {
    Metric { name, kind, unit, help, source }
}

/// References to the metrics of a table.
pub(crate) const fn references<const N: usize>(
    table: &'static [Metric; N],
) -> [&'static Metric; N] {
    let mut references = [&table[0]; N];
    let mut at = 0;
    while at < N {
        references[at] = &table[at];
        at += 1;
    }
    references
}

/// Declares a table of metrics and beside it, in the same order, the key under which each is found in its source, so
/// that the two cannot go out of step.
///
/// The metrics are elements of one `static`: a sink tells metrics apart by their address, and only a `static` has one
/// address wherever it is named.
macro_rules! metric_table {
    ($keys:ident: $key_type:ty, $metrics:ident; $($key:expr => $metric:expr),* $(,)?) => {
        pub(super) const $keys: &[$key_type] = &[$($key),*];
        pub(super) static $metrics: [&shared_model::Metric; $keys.len()] = {
            static TABLE: [shared_model::Metric; $keys.len()] = [$($metric),*];
            crate::metric::references(&TABLE)
        };
    };
}
