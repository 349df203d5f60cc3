//! What people do to incidents.

use crate::IncidentId;
use serde::{Deserialize, Serialize};
use shared_model::{Labels, Level, Timestamp};
use std::sync::Arc;

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
    /// Whether the role may act on incidents at all.
    pub fn may_act(self) -> bool {
        matches!(self, Self::Engineer | Self::Approver)
    }

    /// Whether the role may do this to an incident.
    pub fn may(self, deed: &Deed) -> bool {
        if deed.is_hospitals() { self == Self::Approver } else { self.may_act() }
    }
}

/// One act of a named person on an incident.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Act {
    /// Which incident.
    pub incident: IncidentId,
    /// Account name.
    pub by: String,
    /// What is done.
    #[serde(flatten)]
    pub deed: Deed,
}

/// What can be done to an incident. Texts are at most [`ACT_TEXT_MAX_CHARS`] long.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Deed {
    /// 响应: stops the response clock.
    Acknowledge,
    /// 派单: sends somebody to the appliance and starts the on-site clock (M-061).
    Dispatch {
        /// Who goes.
        engineer: String,
    },
    /// 到场: stops the on-site clock.
    Arrive,
    /// 核心恢复确认: a person says that core business runs again; the machine's own word stands beside it (M-035).
    ConfirmCore,
    /// 修复: states the fix. Stops the resolution clock once the check is normal.
    Resolve {
        /// What was done; required.
        fix: String,
    },
    /// 复测: judges the component's checks again, on samples newer than this act.
    Verify,
    /// Says that the fault is not over, after a repair was stated.
    Reopen {
        /// Why; required.
        reason: String,
    },
    /// Asks the hospital to agree to something. One thing at a time.
    Ask {
        /// What.
        request: Request,
        /// Why; required.
        reason: String,
    },
    /// The hospital agrees to what was asked. Never who asked it.
    Consent,
    /// The hospital does not agree.
    Decline {
        /// Why; required.
        reason: String,
    },
    /// The hospital takes a linked finding out: it becomes an incident of its own.
    Separate {
        /// Rule of the linked finding.
        rule: Arc<str>,
        /// Its subject.
        subject: Labels,
        /// Why; required.
        reason: String,
    },
    /// 异议: the hospital doubts a time or a statement (M-143, M-160).
    Dispute {
        /// What is doubted.
        about: Disputed,
        /// The hospital's statement; required.
        statement: String,
    },
    /// Ends the open dispute with what both agreed on.
    SettleDispute {
        /// The outcome; required.
        outcome: String,
    },
    /// 归类与定因: category and root cause, which the fault sheet needs (M-015, M-090).
    Diagnose {
        /// Category of the fault.
        category: Category,
        /// Root cause; required.
        root_cause: String,
    },
    /// 预防措施: who does what until when, so that it does not come back (M-097).
    Prevent {
        /// What; required.
        measure: String,
        /// Who is responsible; required.
        owner: String,
        /// Until when.
        due: Timestamp,
    },
    /// 修复前备份: which backup was taken before the repair, or why none was (M-092).
    BackUp {
        /// The backup's name, or the reason for doing without; required.
        reference: String,
        /// Whether it was done without.
        waived: bool,
    },
    /// 处理过程: one line of the handling record.
    Note {
        /// What was done or found; required.
        text: String,
    },
    /// 签字确认: the hospital signs the fault sheet (M-142).
    Sign,
}

/// Most characters of a text in an act: it is written to the ledger for ever and printed on the fault sheet.
pub const ACT_TEXT_MAX_CHARS: usize = 4_000;

/// What only the hospital can agree to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// It was no fault. It stays listed and is left out of the figures.
    Cancel,
    /// It is the same fault as another one, which takes over its findings.
    Merge {
        /// The incident that stays.
        into: IncidentId,
    },
    /// A milder level. The figures use the most severe one that was held (M-039).
    Lower {
        /// The level from then on.
        level: Level,
    },
}

/// What a dispute is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disputed {
    /// When it began.
    Start,
    /// The response.
    Response,
    /// The arrival.
    Arrival,
    /// The restoration of core business.
    CoreRestored,
    /// The resolution.
    Resolution,
    /// The level.
    Level,
    /// Something else.
    Other,
}

/// Categories of faults (M-015).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// 启动故障
    Startup,
    /// 连接故障
    Connection,
    /// 数据异常
    Data,
    /// 性能故障
    Performance,
    /// 硬件
    Hardware,
    /// 存储
    Storage,
    /// 网络
    Network,
    /// 备份
    Backup,
    /// 安全
    Security,
    /// 其他
    Other,
}

impl Deed {
    /// The word used in paths, JSON and the audit trail.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Dispatch { .. } => "dispatch",
            Self::Arrive => "arrive",
            Self::ConfirmCore => "confirm-core",
            Self::Resolve { .. } => "resolve",
            Self::Verify => "verify",
            Self::Reopen { .. } => "reopen",
            Self::Ask { .. } => "ask",
            Self::Consent => "consent",
            Self::Decline { .. } => "decline",
            Self::Separate { .. } => "separate",
            Self::Dispute { .. } => "dispute",
            Self::SettleDispute { .. } => "settle-dispute",
            Self::Diagnose { .. } => "diagnose",
            Self::Prevent { .. } => "prevent",
            Self::BackUp { .. } => "back-up",
            Self::Note { .. } => "note",
            Self::Sign => "sign",
        }
    }

    /// Whether only the hospital can do it.
    pub const fn is_hospitals(&self) -> bool {
        matches!(
            self,
            Self::Consent
                | Self::Decline { .. }
                | Self::Separate { .. }
                | Self::Dispute { .. }
                | Self::SettleDispute { .. }
                | Self::Sign
        )
    }

    /// The texts that a person wrote, with the names of their fields.
    pub fn texts(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Dispatch { engineer } => vec![("engineer", engineer)],
            Self::Resolve { fix } => vec![("fix", fix)],
            Self::Reopen { reason }
            | Self::Ask { reason, .. }
            | Self::Decline { reason }
            | Self::Separate { reason, .. } => vec![("reason", reason)],
            Self::Dispute { statement, .. } => vec![("statement", statement)],
            Self::SettleDispute { outcome } => vec![("outcome", outcome)],
            Self::Diagnose { root_cause, .. } => vec![("root_cause", root_cause)],
            Self::Prevent { measure, owner, .. } => vec![("measure", measure), ("owner", owner)],
            Self::BackUp { reference, .. } => vec![("reference", reference)],
            Self::Note { text } => vec![("text", text)],
            Self::Acknowledge
            | Self::Arrive
            | Self::ConfirmCore
            | Self::Verify
            | Self::Consent
            | Self::Sign => vec![],
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
    /// It is against a rule of the contract; says which and what is possible.
    #[error("incident {incident}: {why}")]
    NotAllowed {
        /// Which incident.
        incident: IncidentId,
        /// Which rule.
        why: String,
    },
}
