//! Rules as the incident machine sees them. How a rule computes its value is `collector-standards`' business.

use serde::{Deserialize, Serialize};
use shared_model::{Clause, Level};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A text in both languages.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// What a breach of a rule leads to (mission §2.8.1: breach is not yet a fault).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Input of a classification (is this standby usable?). Shown, never an incident by itself.
    Predicate,
    /// Before the contract limit: no clock, daily digest.
    Advisory,
    /// The limit is touched: listed in the inspection, no clock.
    Deviation,
    /// The limit is breached for the sustained window: an incident with its clocks.
    Incident,
}

/// Which part of the appliance a rule speaks of: the sections of the inspection form (M-014).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// Database instance.
    Instance,
    /// File systems and disks.
    Storage,
    /// Logs and archives.
    Log,
    /// Sessions and locks.
    Session,
    /// Backups.
    Backup,
    /// Accounts, privileges, encryption.
    Security,
    /// Operating system.
    Os,
    /// Server hardware.
    Hw,
    /// InfiniBand.
    Ib,
    /// Distributed storage cluster.
    Cluster,
    /// The hospital's business services.
    Business,
    /// The monitoring itself.
    Monitoring,
}

/// A cause that explains a finding of another rule, so that the finding is linked and opens nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainedBy {
    /// The causing rule.
    pub rule: Arc<str>,
    /// Label of the cause -> template over the symptom's labels, such as `device: "/dev/{device}"`. All must agree.
    pub on: BTreeMap<String, String>,
}

/// A rule of the standards pack without its arithmetic.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// Stable id such as `os.cpu_busy`.
    pub id: Arc<str>,
    /// Clause of the standard.
    pub clause: Clause,
    /// Part of the appliance.
    pub component: Component,
    /// Title of a breach.
    pub title: Text,
    /// Runbook.
    pub advice: Text,
    /// What a breach leads to.
    pub tier: Tier,
    /// Level of the incident it opens.
    pub level: Level,
    /// Causes that explain its findings.
    pub explained_by: Vec<ExplainedBy>,
    /// Topics of evidence that explain its findings, of [`shared_model::topic`].
    pub evidence: Vec<String>,
}
