//! What people do to incidents.

use crate::IncidentId;
use serde::{Deserialize, Serialize};

/// Roles of accounts. `Viewer` reads; `Engineer` acts on incidents; `Approver` is the hospital.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Acknowledges, works on, resolves.
    Engineer,
    /// The hospital: confirms.
    Approver,
    /// Accounts, roles, tokens, revocation.
    SecurityAdmin,
    /// Settings and rules.
    SystemAdmin,
    /// Reads the audit trail; cannot act.
    Auditor,
}

impl Role {
    /// Whether the role may act on incidents.
    pub fn may_act(self) -> bool {
        matches!(self, Self::Engineer | Self::Approver)
    }
}

/// One act of a named person.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// 响应: stops the response clock.
    Acknowledge {
        /// Which incident.
        incident: IncidentId,
        /// Account name.
        by: String,
    },
    /// 修复: states the fix. Stops the resolution clock once the check is normal.
    Resolve {
        /// Which incident.
        incident: IncidentId,
        /// Account name.
        by: String,
        /// What was done; required.
        fix: String,
    },
    /// 复测: judges the component's checks again, on samples newer than this act.
    Verify {
        /// Which incident.
        incident: IncidentId,
        /// Account name.
        by: String,
    },
}

impl Act {
    /// The incident acted on.
    pub fn incident(&self) -> IncidentId {
        match self {
            Self::Acknowledge { incident, .. }
            | Self::Resolve { incident, .. }
            | Self::Verify { incident, .. } => *incident,
        }
    }

    /// Who acts.
    pub fn by(&self) -> &str {
        match self {
            Self::Acknowledge { by, .. } | Self::Resolve { by, .. } | Self::Verify { by, .. } => by,
        }
    }
}

/// Why an act was refused. Nothing changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ActRefused {
    /// No such incident.
    #[error("incident {0} does not exist")]
    Unknown(IncidentId),
    /// Not possible in the incident's state, for example acknowledged twice. Says by whom and when it got there.
    #[error("incident {incident} is {state}: {hint}")]
    WrongState {
        /// Which incident.
        incident: IncidentId,
        /// Its state.
        state: String,
        /// What is possible now.
        hint: String,
    },
    /// It changed after it was looked at. Says who changed it last and when.
    #[error("incident {incident} is {state} and changed after revision {expected}: {hint}")]
    Changed {
        /// Which incident.
        incident: IncidentId,
        /// Its state.
        state: String,
        /// The revision that the act was decided on.
        expected: u64,
        /// Its last change.
        hint: String,
    },
    /// The check is still breached or has no data.
    #[error("incident {incident} cannot be resolved: {why}")]
    StillBreached {
        /// Which incident.
        incident: IncidentId,
        /// Which check, and its value.
        why: String,
    },
    /// A required text is missing.
    #[error("{0} is required")]
    Missing(&'static str),
}
