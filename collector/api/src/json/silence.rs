//! A silence as JSON.

use super::scalar::TimeJson;
use collector_domain::{Silence, SilenceMatcher};
use serde::{Deserialize, Serialize};
use shared_model::Timestamp;

/// A silence.
#[derive(Serialize, Debug)]
pub(crate) struct SilenceJson {
    /// `S-000003`.
    id: String,
    /// `pending`, `active` or `expired`.
    state: &'static str,
    /// All must hold.
    matchers: Vec<MatcherJson>,
    /// The owner's account.
    by: String,
    reason: String,
    created: TimeJson,
    start: TimeJson,
    /// It no longer mutes from here on.
    end: TimeJson,
    /// Who ended it before its time.
    ended_by: Option<String>,
}

/// One condition, both ways.
#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatcherJson {
    /// `rule`, `level`, `clause`, `incident`, or a label of the subject such as `host`.
    name: String,
    /// The value equals one of these.
    values: Vec<String>,
}

impl SilenceJson {
    /// `now` is the collector's steady time.
    pub(crate) fn of(silence: &Silence, now: Timestamp) -> Self {
        let matchers = silence
            .matchers
            .iter()
            .map(|m| MatcherJson { name: m.name.clone(), values: m.values.clone() });
        Self {
            id: silence.id.to_string(),
            state: silence.state(now).as_str(),
            matchers: matchers.collect(),
            by: silence.by.clone(),
            reason: silence.reason.clone(),
            created: TimeJson(silence.created),
            start: TimeJson(silence.start),
            end: TimeJson(silence.end),
            ended_by: silence.ended_by.clone(),
        }
    }
}

impl MatcherJson {
    /// As people read it: `host=db1|db2`.
    pub(crate) fn words(&self) -> String {
        format!("{}={}", self.name, self.values.join("|"))
    }
}

impl From<MatcherJson> for SilenceMatcher {
    fn from(json: MatcherJson) -> Self {
        Self { name: json.name, values: json.values }
    }
}
