//! Planned changes (计划内变更): announced in time and approved by the hospital, their windows are no downtime (M-172).

use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::fmt;

/// Characters of a title or reason.
pub const CHANGE_TEXT_MAX_CHARS: usize = 1_000;
/// Documents of one change.
pub const CHANGE_DOCUMENTS_MAX: usize = 32;
/// Database services of one change.
pub const CHANGE_SERVICES_MAX: usize = 64;

/// A change's number, given in order from 1. Printed `C-000001`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeId(pub u64);

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C-{:06}", self.0)
    }
}

impl std::str::FromStr for ChangeId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix("C-").unwrap_or(text).parse().map(Self)
    }
}

/// What a document of a change is (M-019).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// 方案
    Plan,
    /// 测试报告
    TestReport,
    /// 回退方案
    Rollback,
}

/// A document, by its hash: what was agreed on cannot be exchanged later.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// Name of the file.
    pub name: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// What is planned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewChange {
    /// What is done.
    pub title: String,
    /// Plan, test report and way back.
    pub documents: Vec<Document>,
    /// Names of the database services it stops; empty for all.
    pub services: Vec<String>,
    /// The window begins.
    pub start: Timestamp,
    /// The window ends; what is down after it is downtime.
    pub end: Timestamp,
}

/// A planned change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Its number.
    pub id: ChangeId,
    /// What is planned.
    pub plan: NewChange,
    /// Who handed it in.
    pub by: String,
    /// When.
    pub submitted: Timestamp,
    /// The window may begin from here on: so many working days after it was handed in.
    pub earliest: Timestamp,
    /// A year's notice of holidays that is not known yet can move `earliest`.
    pub provisional: bool,
    /// Where it stands.
    pub state: ChangeState,
}

/// Where a change stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ChangeState {
    /// The hospital has not answered.
    Submitted,
    /// The hospital approved it.
    Approved {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The hospital did not approve it.
    Declined {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// It will not be done.
    Withdrawn {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

impl ChangeState {
    /// The word used in JSON.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Approved { .. } => "approved",
            Self::Declined { .. } => "declined",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

impl Change {
    /// Whether it was handed in soon enough for its window.
    pub fn is_announced_in_time(&self) -> bool {
        self.earliest <= self.plan.start
    }

    /// Whether its window is deducted from downtime: announced in time, and approved before it began.
    pub fn is_deducted(&self) -> bool {
        let approved =
            matches!(self.state, ChangeState::Approved { at, .. } if at <= self.plan.start);
        approved && self.is_announced_in_time()
    }

    /// Whether it is about a database service.
    pub fn concerns(&self, service: &str) -> bool {
        self.plan.services.is_empty() || self.plan.services.iter().any(|s| s == service)
    }
}

/// What people do with changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChangeAct {
    /// Account name.
    pub by: String,
    /// What is done.
    #[serde(flatten)]
    pub deed: ChangeDeed,
}

/// What can be done with changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum ChangeDeed {
    /// Hands one in.
    Submit {
        /// What is planned.
        plan: NewChange,
    },
    /// The hospital approves it. Never who handed it in.
    Approve {
        /// Which.
        change: ChangeId,
    },
    /// The hospital does not approve it.
    Decline {
        /// Which.
        change: ChangeId,
        /// Why; required.
        reason: String,
    },
    /// It will not be done.
    Withdraw {
        /// Which.
        change: ChangeId,
        /// Why; required.
        reason: String,
    },
}

impl ChangeDeed {
    /// Whether only the hospital can do it.
    pub const fn is_hospitals(&self) -> bool {
        matches!(self, Self::Approve { .. } | Self::Decline { .. })
    }

    /// The word used in paths and the audit trail.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Submit { .. } => "submit",
            Self::Approve { .. } => "approve",
            Self::Decline { .. } => "decline",
            Self::Withdraw { .. } => "withdraw",
        }
    }
}

/// Why an act on a change was refused. Nothing changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChangeRefused {
    /// No such change.
    #[error("change {0} does not exist")]
    Unknown(ChangeId),
    /// Not possible any more.
    #[error("change {change}: {why}")]
    NotAllowed {
        /// Which.
        change: ChangeId,
        /// Why.
        why: String,
    },
    /// A required text or document is missing.
    #[error("{0} is required")]
    Missing(&'static str),
    /// Something is out of its limits; says what and what the limits are.
    #[error("{0}")]
    Invalid(String),
}
