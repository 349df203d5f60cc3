//! The small values that all JSON types share.

use collector_domain::{Condition, Role, Text, Tier};
use serde::{Serialize, Serializer};
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;

/// An instant: `2026-11-23T03:04:05.678Z`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct TimeJson(pub(crate) Timestamp);

impl Serialize for TimeJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A measured number. JSON knows no infinities, so those and NaN are the strings `+Inf`, `-Inf` and `NaN`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct NumberJson(pub(crate) f64);

impl Serialize for NumberJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            v if v.is_nan() => serializer.serialize_str("NaN"),
            f64::INFINITY => serializer.serialize_str("+Inf"),
            f64::NEG_INFINITY => serializer.serialize_str("-Inf"),
            v => serializer.serialize_f64(v),
        }
    }
}

/// A text in Chinese and English.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub(crate) struct TextJson {
    zh: String,
    en: String,
}

impl From<&Text> for TextJson {
    fn from(text: &Text) -> Self {
        Self { zh: text.zh.clone(), en: text.en.clone() }
    }
}

/// A label set as an object.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub(crate) struct LabelsJson(BTreeMap<String, String>);

impl From<&Labels> for LabelsJson {
    fn from(labels: &Labels) -> Self {
        let pairs = labels.iter();
        Self(pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
    }
}

/// The word for a condition.
pub(crate) const fn condition_word(condition: Condition) -> &'static str {
    match condition {
        Condition::Clear => "clear",
        Condition::Breached => "breached",
        Condition::Unknown => "unknown",
    }
}

/// The word for a tier.
pub(crate) const fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Predicate => "predicate",
        Tier::Advisory => "advisory",
        Tier::Deviation => "deviation",
        Tier::Incident => "incident",
    }
}

/// The word for a role.
pub(crate) const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Engineer => "engineer",
        Role::Approver => "approver",
        Role::SecurityAdmin => "security_admin",
        Role::SystemAdmin => "system_admin",
        Role::Auditor => "auditor",
    }
}
