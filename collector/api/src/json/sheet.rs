//! The fault sheet as JSON: what people wrote of an incident.

use super::scalar::TimeJson;
use collector_domain::{Asked, Category, Dispute, Disputed, Prevention, Request, Sheet};
use serde::Serialize;

/// The fault sheet; `null` and empty lists are what nobody wrote yet.
#[derive(Serialize, Debug)]
pub(crate) struct SheetJson {
    category: Option<Category>,
    root_cause: Option<String>,
    preventions: Vec<PreventionJson>,
    backup: Option<BackupJson>,
    /// What the hospital was asked and has not answered.
    asked: Option<AskedJson>,
    disputes: Vec<DisputeJson>,
    /// Who was sent to the appliance.
    engineer: Option<String>,
    signed_by: Option<String>,
    /// The incident that took over its findings.
    merged_into: Option<String>,
}

#[derive(Serialize, Debug)]
struct PreventionJson {
    measure: String,
    owner: String,
    due: TimeJson,
}

#[derive(Serialize, Debug)]
struct BackupJson {
    reference: String,
    waived: bool,
}

#[derive(Serialize, Debug)]
struct AskedJson {
    /// `cancel`, `merge` or `lower`.
    request: &'static str,
    into: Option<String>,
    level: Option<u8>,
    by: String,
    at: TimeJson,
    reason: String,
}

#[derive(Serialize, Debug)]
struct DisputeJson {
    about: Disputed,
    by: String,
    at: TimeJson,
    statement: String,
    outcome: Option<String>,
    settled: Option<TimeJson>,
}

impl From<&Sheet> for SheetJson {
    fn from(sheet: &Sheet) -> Self {
        Self {
            category: sheet.diagnosis.as_ref().map(|d| d.0),
            root_cause: sheet.diagnosis.as_ref().map(|d| d.1.clone()),
            preventions: sheet.preventions.iter().map(Into::into).collect(),
            backup: sheet
                .backup
                .clone()
                .map(|(reference, waived)| BackupJson { reference, waived }),
            asked: sheet.asked.as_ref().map(Into::into),
            disputes: sheet.disputes.iter().map(Into::into).collect(),
            engineer: sheet.dispatched.clone(),
            signed_by: sheet.signed_by.clone(),
            merged_into: sheet.merged_into.map(|id| id.to_string()),
        }
    }
}

impl From<&Prevention> for PreventionJson {
    fn from(Prevention { measure, owner, due }: &Prevention) -> Self {
        Self { measure: measure.clone(), owner: owner.clone(), due: TimeJson(*due) }
    }
}

impl From<&Asked> for AskedJson {
    fn from(Asked { request, by, at, reason }: &Asked) -> Self {
        let (request, into, level) = match request {
            Request::Cancel => ("cancel", None, None),
            Request::Merge { into } => ("merge", Some(into.to_string()), None),
            Request::Lower { level } => ("lower", None, Some(level.number())),
        };
        Self { request, into, level, by: by.clone(), at: TimeJson(*at), reason: reason.clone() }
    }
}

impl From<&Dispute> for DisputeJson {
    fn from(Dispute { about, by, at, statement, outcome }: &Dispute) -> Self {
        Self {
            about: *about,
            by: by.clone(),
            at: TimeJson(*at),
            statement: statement.clone(),
            outcome: outcome.as_ref().map(|o| o.1.clone()),
            settled: outcome.as_ref().map(|o| TimeJson(o.0)),
        }
    }
}
