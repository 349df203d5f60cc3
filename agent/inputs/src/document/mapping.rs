//! The declared mapping: which value of a document is which metric.
//!
//! ```toml
//! [[metric]]
//! name = "wardround_storage_part_state"
//! help = "State of a disk."
//! value = "/nodes/*/disks/*/state"
//! enum = { ONLINE = 0, REBUILD = 1, FAILED = 2 }
//! labels = { node = "/nodes/*/name", part = "/nodes/*/disks/*/slot" }
//! ```
//!
//! In a label's pointer each `*` is the member that the same `*` of the value's pointer stands for. `"*1"` is that member's
//! own key or index, and what begins with `=` is said as it stands.

use super::pointer::Pointer;
use crate::names::{OWN_PREFIX, is_label_name, is_metric_name};
use proto::limits::{MAX_LABELS, RESERVED_LABELS};
use serde::Deserialize;
use shared_model::{Kind, Unit};
use shared_runtime::config::ConfigErrors;
use std::collections::BTreeMap;
use std::path::Path;

/// Most metrics of a mapping.
const MAX_METRICS: usize = 256;
/// Most members of an enumeration.
const MAX_MEMBERS: usize = 256;
/// Names of ours that a mapping may fill, so that the standard's rules judge any product: `docs/inputs.md` lists them.
const NORMAL_FORM: &str = "wardround_storage_";

/// A mapping file.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Mapping {
    /// In the order in which samples are made.
    pub(super) metric: Vec<Mapped>,
}

/// One metric.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mapped {
    /// Its name.
    pub(super) name: String,
    /// What it says, in one sentence.
    pub(super) help: String,
    /// How its values behave. Default `gauge`.
    #[serde(default)]
    pub(super) kind: MappedKind,
    /// Unit of the values after `scale`. Default `none`.
    #[serde(default)]
    pub(super) unit: MappedUnit,
    /// Where its values stand.
    pub(super) value: Pointer,
    /// What each number is multiplied with. Default 1.
    #[serde(default = "one")]
    pub(super) scale: f64,
    /// Numbers of texts; a text that is not among them is complained of. Default: texts are read as numbers.
    #[serde(default)]
    pub(super) r#enum: BTreeMap<String, f64>,
    /// Labels: a pointer, `*1` to `*4`, or `=text`.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, LabelSource>,
    /// Whether it may be missing without a complaint. Default false.
    #[serde(default)]
    pub(super) optional: bool,
}

/// Where a label's value comes from.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum LabelSource {
    /// What stands there.
    At(Pointer),
    /// The key or index of the n-th `*`, from 0.
    Star(usize),
    /// A text of the mapping.
    Text(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MappedKind {
    #[default]
    Gauge,
    Counter,
    Info,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MappedUnit {
    #[default]
    None,
    Seconds,
    Bytes,
    BytesPerSecond,
    Ratio,
}

fn one() -> f64 {
    1.0
}

impl TryFrom<String> for LabelSource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(text) = text.strip_prefix('=') {
            return Ok(Self::Text(text.to_owned()));
        }
        if let Some(number) = text.strip_prefix('*') {
            let number = number.parse::<usize>().ok().filter(|n| (1..=4).contains(n));
            return number.map(|n| Self::Star(n - 1)).ok_or_else(|| "write *1 to *4".to_owned());
        }
        text.parse().map(Self::At)
    }
}

impl Mapping {
    /// Reads and checks a file.
    pub(super) fn load(path: &Path) -> Result<Self, ConfigErrors> {
        shared_runtime::config::load(Some(path), Self::check)
    }

    fn check(&self, errors: &mut ConfigErrors) {
        if !(1..=MAX_METRICS).contains(&self.metric.len()) {
            errors.add("metric", format!("write 1 to {MAX_METRICS} tables [[metric]]"));
        }
        for (at, mapped) in self.metric.iter().enumerate() {
            mapped.check(&format!("metric[{at}]"), errors);
        }
    }
}

impl Mapped {
    fn check(&self, path: &str, errors: &mut ConfigErrors) {
        if !is_metric_name(&self.name) {
            errors
                .add(format!("{path}.name"), "write a metric's name such as array_pool_free_ratio");
        } else if self.name.starts_with(OWN_PREFIX) && !self.name.starts_with(NORMAL_FORM) {
            let what = "of the names that begin with wardround_ a mapping may fill wardround_storage_… only";
            errors.add(format!("{path}.name"), what);
        }
        if self.help.trim().is_empty() || self.help.len() > 512 {
            errors.add(format!("{path}.help"), "write one sentence, up to 512 bytes");
        }
        if !self.scale.is_finite() || self.scale == 0.0 {
            errors.add(format!("{path}.scale"), "write a number other than 0");
        }
        if self.r#enum.len() > MAX_MEMBERS || self.r#enum.values().any(|v| !v.is_finite()) {
            errors.add(format!("{path}.enum"), format!("write up to {MAX_MEMBERS} finite numbers"));
        }
        if self.labels.len() > MAX_LABELS {
            errors.add(format!("{path}.labels"), format!("at most {MAX_LABELS} labels"));
        }
        for (label, source) in &self.labels {
            let path = format!("{path}.labels.{label}");
            if !is_label_name(label) || RESERVED_LABELS.contains(&label.as_str()) {
                errors.add(path.clone(), "is not a label's name, or one that the collector gives");
            }
            let stars = match source {
                LabelSource::At(pointer) => pointer.stars(),
                LabelSource::Star(at) => at + 1,
                LabelSource::Text(_) => 0,
            };
            if stars > self.value.stars() {
                let needs = [format!("{path}.value")];
                errors.add_from(needs, path, "has more * than the pointer of the value");
            }
        }
    }

    /// How its values behave.
    pub(super) fn kind(&self) -> Kind {
        match self.kind {
            MappedKind::Gauge => Kind::Gauge,
            MappedKind::Counter => Kind::Counter,
            MappedKind::Info => Kind::Info,
        }
    }

    /// The unit of its values.
    pub(super) fn unit(&self) -> Unit {
        match self.unit {
            MappedUnit::None => Unit::None,
            MappedUnit::Seconds => Unit::Seconds,
            MappedUnit::Bytes => Unit::Bytes,
            MappedUnit::BytesPerSecond => Unit::BytesPerSecond,
            MappedUnit::Ratio => Unit::Ratio,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        match shared_runtime::config::parse::<Mapping>(text, Mapping::check) {
            Ok(_) => Vec::new(),
            Err(errors) => {
                errors.faults.iter().map(|f| format!("{}: {}", f.path, f.what)).collect()
            }
        }
    }

    /// Scenario: a mapping that uses everything, an empty one, and one with every fault. Guarantees: each fault is told with its
    /// key; names that decide levels cannot be filled.
    #[test]
    fn mappings_are_checked() {
        let full = r#"
            [[metric]]
            name = "wardround_storage_part_state"
            help = "State of a disk."
            kind = "gauge"
            unit = "none"
            value = "/nodes/*/disks/*/state"
            scale = 1
            enum = { OK = 0, FAILED = 2 }
            labels = { node = "/nodes/*/name", slot = "*2", vendor = "=x" }
            optional = true
        "#;
        assert_eq!(faults(full), Vec::<String>::new());
        assert_eq!(faults(""), ["metric: write 1 to 256 tables [[metric]]"]);
        let found = faults(
            r#"
            [[metric]]
            name = "wardround_core_service_up"
            help = ""
            value = "/a/*"
            scale = 0
            enum = { x = inf }
            labels = { host = "=x", b = "/a/*/*", c = "*2" }
            [[metric]]
            name = "a-b"
            help = "h."
            value = "a"
            "#,
        );
        for begin in [
            "metric[0].name: of the names",
            "metric[0].help: ",
            "metric[0].scale: ",
            "metric[0].enum: ",
            "metric[0].labels.host: is not",
            "metric[0].labels.b: has more *",
            "metric[0].labels.c: has more *",
            "metric[1].value: a pointer begins with /",
        ] {
            assert!(found.iter().any(|fault| fault.starts_with(begin)), "{begin}: {found:#?}");
        }
    }
}
