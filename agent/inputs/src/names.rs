//! Definitions of metrics that are only known once a foreign program has named them.
//!
//! A sink tells metrics apart by the address of their `static` definition, which is what keeps a round of the fast lane free
//! of allocation and of text comparison. A foreign name gets such a definition at its first use, for the life of the process; so
//! their number has a limit, which bounds what they take.

use proto::limits::MAX_NAME_BYTES;
use shared_model::{Kind, Metric, Unit};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Most foreign definitions of one process: below 2 MiB with the longest names, and several times what a storage product's
/// exporter names.
const MAX_DEFINITIONS: usize = 8_192;

/// Metric names that begin like this are ours: rules that decide levels read them, so no foreign program may use them.
pub(crate) const OWN_PREFIX: &str = "wardround_";

static DEFINITIONS: Mutex<BTreeMap<(Box<str>, u8), &'static Metric>> = Mutex::new(BTreeMap::new());

/// The definition of a foreign name, the same one each time; `None` once there are too many. The unit is part of it so that a
/// document's mapping may declare one.
pub(crate) fn definition(
    name: &str,
    kind: Kind,
    unit: Unit,
    help: &'static str,
) -> Option<&'static Metric> {
    let mut known = DEFINITIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (Box::from(name), kind as u8 * 8 + unit as u8);
    if let Some(metric) = known.get(&key) {
        return Some(metric);
    }
    if known.len() >= MAX_DEFINITIONS {
        return None;
    }
    let name: &'static str = Box::leak(Box::from(name));
    let source = "a program outside the agent, as its configuration names it";
    let metric: &'static Metric = Box::leak(Box::new(Metric { name, kind, unit, help, source }));
    known.insert(key, metric);
    Some(metric)
}

/// A text of the configuration for the life of the process; as many as it has tables.
pub(crate) fn for_ever(text: &str) -> &'static str {
    Box::leak(Box::from(text))
}

/// Whether a text may be a metric's name: Prometheus' grammar, and not longer than travels.
pub(crate) fn is_metric_name(name: &str) -> bool {
    is_name(name, b":_")
}

/// Whether a text may be a label's name.
pub(crate) fn is_label_name(name: &str) -> bool {
    is_name(name, b"_") && !name.starts_with("__")
}

fn is_name(name: &str, also: &[u8]) -> bool {
    let first = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    let allowed = |b: u8| b.is_ascii_alphanumeric() || also.contains(&b);
    first && name.len() <= MAX_NAME_BYTES && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a foreign name twice, and with another kind. Guarantees: one definition for each, at one address.
    #[test]
    fn a_name_has_one_definition() {
        let define = |kind| definition("test_names_once", kind, Unit::None, "h.").unwrap();
        assert!(std::ptr::eq(define(Kind::Gauge), define(Kind::Gauge)));
        assert!(!std::ptr::eq(define(Kind::Gauge), define(Kind::Counter)));
        assert_eq!(define(Kind::Gauge).name, "test_names_once");
    }

    /// Scenario: names of every shape. Guarantees: only what the wire takes passes.
    #[test]
    fn names_follow_the_grammar() {
        for (name, metric, label) in [
            ("up", true, true),
            ("_x9", true, true),
            ("a:b", true, false),
            ("__name__", true, false),
            ("9x", false, false),
            ("", false, false),
            ("a-b", false, false),
            ("温度", false, false),
        ] {
            assert_eq!((is_metric_name(name), is_label_name(name)), (metric, label), "{name}");
        }
        assert!(!is_metric_name(&"x".repeat(MAX_NAME_BYTES + 1)));
    }
}
