//! The body of a webhook: Alertmanager's version "4", field by field, so that what receives Alertmanager's receives ours.

use crate::notice::Notice;
use serde::Serialize;
use shared_model::Timestamp;
use std::collections::BTreeMap;

/// What stands for "not ended", as Alertmanager writes it.
const NOT_ENDED: &str = "0001-01-01T00:00:00Z";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    receiver: &'a str,
    status: &'static str,
    alerts: [Alert<'a>; 1],
    group_labels: BTreeMap<&'a str, &'a str>,
    common_labels: &'a BTreeMap<String, String>,
    common_annotations: &'a BTreeMap<String, String>,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    version: &'static str,
    group_key: String,
    truncated_alerts: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'a> {
    status: &'static str,
    labels: &'a BTreeMap<String, String>,
    annotations: &'a BTreeMap<String, String>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: &'a str,
}

/// The body for one receiver. An incident is a group of its own, so there is one alert. `external_url` is where people
/// reach this collector, without a slash at its end.
pub fn body(notice: &Notice, receiver: &str, external_url: &str) -> Vec<u8> {
    let status = if notice.resolved { "resolved" } else { "firing" };
    let group = if notice.incident.is_some() { "incident" } else { "alertname" };
    let value = notice.labels.get(group).map_or("", String::as_str);
    let ends = notice.ends.as_ref().map_or_else(|| NOT_ENDED.to_owned(), Timestamp::to_string);
    let generator_url = match &notice.incident {
        Some(id) => format!("{external_url}/api/v1/incidents/{id}"),
        None => format!("{external_url}/"),
    };
    let message = Message {
        receiver,
        status,
        alerts: [Alert {
            status,
            labels: &notice.labels,
            annotations: &notice.annotations,
            starts_at: notice.starts.to_string(),
            ends_at: ends,
            generator_url,
            fingerprint: &notice.fingerprint,
        }],
        group_labels: BTreeMap::from([(group, value)]),
        common_labels: &notice.labels,
        common_annotations: &notice.annotations,
        external_url,
        version: "4",
        group_key: format!("{{}}:{{{group}=\"{value}\"}}"),
        truncated_alerts: 0,
    };
    serde_json::to_vec(&message).expect("maps of strings are JSON")
}
