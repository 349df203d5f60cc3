//! What people do, as the bodies of `POST /api/v1/incidents/{id}/{act}`.

use crate::problem::{Code, Problem};
use collector_domain::{ACT_TEXT_MAX_CHARS, Category, Deed, Disputed, IncidentId, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared_model::{Labels, Level, Timestamp};
use std::collections::BTreeMap;

/// The acts, by their word in the path; those without a body first.
pub(crate) const ACTS: [&str; 18] = [
    "acknowledge",
    "arrive",
    "confirm-core",
    "verify",
    "consent",
    "sign",
    "dispatch",
    "resolve",
    "reopen",
    "ask",
    "decline",
    "separate",
    "dispute",
    "settle-dispute",
    "diagnose",
    "prevent",
    "back-up",
    "note",
];

/// The deed of an act that takes no body.
pub(crate) fn without_body(act: &str) -> Option<Deed> {
    Some(match act {
        "acknowledge" => Deed::Acknowledge,
        "arrive" => Deed::Arrive,
        "confirm-core" => Deed::ConfirmCore,
        "verify" => Deed::Verify,
        "consent" => Deed::Consent,
        "sign" => Deed::Sign,
        _ => return None,
    })
}

/// The deed of an act with its body.
pub(crate) fn with_body(act: &str, body: Value) -> Result<Deed, Problem> {
    let deed = match act {
        "dispatch" => {
            let Dispatch { engineer } = read(body)?;
            Deed::Dispatch { engineer }
        }
        "resolve" => {
            let Fix { fix } = read(body)?;
            Deed::Resolve { fix }
        }
        "reopen" => Deed::Reopen { reason: read::<Reason>(body)?.reason },
        "decline" => Deed::Decline { reason: read::<Reason>(body)?.reason },
        "ask" => ask(read(body)?)?,
        "separate" => {
            let Separate { rule, subject, reason } = read(body)?;
            let subject = Labels::from_pairs(subject.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            Deed::Separate { rule: rule.into(), subject, reason }
        }
        "dispute" => {
            let Dispute { about, statement } = read(body)?;
            Deed::Dispute { about, statement }
        }
        "settle-dispute" => {
            let Outcome { outcome } = read(body)?;
            Deed::SettleDispute { outcome }
        }
        "diagnose" => {
            let Diagnosis { category, root_cause } = read(body)?;
            Deed::Diagnose { category, root_cause }
        }
        "prevent" => {
            let Prevention { measure, owner, due } = read(body)?;
            let due: Timestamp = due
                .parse()
                .map_err(|_| invalid("due: write an instant as 2026-12-31T00:00:00Z"))?;
            Deed::Prevent { measure, owner, due }
        }
        "back-up" => {
            let Backup { reference, waived } = read(body)?;
            Deed::BackUp { reference, waived }
        }
        "note" => {
            let Note { text } = read(body)?;
            Deed::Note { text }
        }
        other => {
            let detail = format!("no act '{other}': there are {}", ACTS.join(", "));
            return Err(Problem::new(Code::NotFound, detail));
        }
    };
    for (name, text) in deed.texts() {
        let chars = text.chars().count();
        if chars > ACT_TEXT_MAX_CHARS {
            return Err(invalid(format!(
                "{name} has {chars} characters, at most {ACT_TEXT_MAX_CHARS} are kept"
            )));
        }
    }
    Ok(deed)
}

fn ask(Ask { request, into, level, reason }: Ask) -> Result<Deed, Problem> {
    let request = match (request, into, level) {
        (RequestWord::Cancel, None, None) => Request::Cancel,
        (RequestWord::Merge, Some(into), None) => {
            let into: IncidentId = into
                .parse()
                .map_err(|_| invalid("into: write an incident's number as W-000012 or 12"))?;
            Request::Merge { into }
        }
        (RequestWord::Lower, None, Some(level)) => {
            let level = Level::try_from(level).map_err(|e| invalid(e.to_string()))?;
            Request::Lower { level }
        }
        _ => return Err(invalid("cancel goes alone, merge with into, lower with level")),
    };
    Ok(Deed::Ask { request, reason })
}

fn read<T: DeserializeOwned>(body: Value) -> Result<T, Problem> {
    serde_json::from_value(body).map_err(|e| invalid(e.to_string()))
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidBody, detail)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dispatch {
    /// Who goes.
    engineer: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fix {
    /// What was done.
    fix: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RequestWord {
    Cancel,
    Merge,
    Lower,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    request: RequestWord,
    /// Of `merge`: the incident that stays.
    into: Option<String>,
    /// Of `lower`: the milder level.
    level: Option<u8>,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Separate {
    rule: String,
    subject: BTreeMap<String, String>,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dispute {
    about: Disputed,
    statement: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outcome {
    outcome: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Diagnosis {
    category: Category,
    root_cause: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prevention {
    measure: String,
    owner: String,
    /// An instant such as `2026-12-31T00:00:00Z`.
    due: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Backup {
    /// The backup, or the reason for doing without.
    reference: String,
    #[serde(default)]
    waived: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    text: String,
}
