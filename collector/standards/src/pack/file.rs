//! Rules as their files hold them. Only these types know the shape on disk.

use collector_domain::{Component, ExplainedBy, Text, Tier};
use serde::{Deserialize, Serialize};

/// What a rule does without data.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoData {
    /// The condition becomes unknown; an open breach stays a breach.
    Hold,
    /// Absence is itself a breach, once it has lasted as long as `for` and longer than a silent node needs to be noticed.
    Breach,
    /// A breach ends: only for things that legitimately vanish.
    Clear,
}

/// A file of rules. Each rule is read on its own, so that one mistake does not hide the next.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesOnDisk {
    pub(super) rules: Vec<serde_json::Value>,
}

/// One rule of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleOnDisk {
    pub(super) id: String,
    pub(super) clause: String,
    pub(super) component: Component,
    pub(super) title: Text,
    pub(super) advice: Text,
    pub(super) unit: String,
    pub(super) value: String,
    pub(super) breach: String,
    pub(super) clear: String,
    pub(super) r#for: String,
    #[serde(default = "one")]
    pub(super) min_samples: u32,
    pub(super) no_data: NoData,
    pub(super) tier: Tier,
    pub(super) level: u8,
    #[serde(default)]
    pub(super) explained_by: Vec<ExplainedBy>,
    #[serde(default)]
    pub(super) evidence: Vec<String>,
}

fn one() -> u32 {
    1
}
