//! What amtool and Grafana read: unfinished incidents as alerts, silences, receivers, the status.

use super::matcher::Matcher;
use crate::app::App;
use crate::json::TimeJson;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{RawQuery, State};
use collector_domain::{Incident, Silence, SilenceMatcher, SilenceState};
use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared_model::{Level, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// An alert as version 2 of the API has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alert {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: TimeJson,
    updated_at: TimeJson,
    ends_at: TimeJson,
    fingerprint: String,
    receivers: Vec<Value>,
    status: Status,
    #[serde(rename = "generatorURL")]
    generator_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    state: &'static str,
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
}

/// How long an alert is said to hold: it is listed again by whoever asks again.
const HOLDS_FOR: Duration = Duration::from_secs(300);

/// Unfinished incidents. `filter` may come often; `silenced=false` leaves out what a silence mutes.
pub(crate) async fn alerts(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Alert>>, Problem> {
    let pairs = pairs(query.as_deref().unwrap_or_default());
    let filters = pairs.iter().filter(|(name, _)| name == "filter");
    let filters: Vec<Matcher> =
        filters.map(|(_, text)| Matcher::parse(text)).collect::<Result<_, _>>()?;
    let is_off = |flag: &str| pairs.iter().any(|(name, value)| name == flag && value == "false");
    let (now, silences) = (app.desk.steady_now(), app.desk.silences());
    let set = app.desk.incidents();
    let open = set.incidents.iter().filter(|i| !i.state.is_over());
    let alerts = open.map(|incident| Alert::of(incident, now, &silences));
    let wanted = alerts.filter(|alert| {
        let is_silenced = alert.status.state == "suppressed";
        filters.iter().all(|f| f.matches(&alert.labels))
            && !(is_silenced && is_off("silenced"))
            && (is_silenced || !is_off("active"))
    });
    Ok(Json(wanted.collect()))
}

impl Alert {
    fn of(incident: &Incident, now: Timestamp, silences: &[Silence]) -> Self {
        let subject = incident.subject.iter().map(|(n, v)| (n.to_owned(), v.to_owned()));
        let mut labels: BTreeMap<String, String> = subject.collect();
        let severity = if incident.level <= Level::Two { "critical" } else { "warning" };
        let own = [
            ("alertname", incident.cause.to_string()),
            ("level", incident.level.number().to_string()),
            ("severity", severity.to_owned()),
            ("clause", incident.clause.to_string()),
            ("incident", incident.id.to_string()),
        ];
        labels.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let silenced_by: Vec<String> =
            silences.iter().filter(|s| s.mutes(incident, now)).map(|s| s.id.to_string()).collect();
        let state = if silenced_by.is_empty() { "active" } else { "suppressed" };
        let title = &incident.title;
        let digest = Sha256::digest(format!("{labels:?}"));
        Self {
            annotations: BTreeMap::from([
                ("summary", format!("{} / {}", title.zh, title.en)),
                ("description", format!("{}\n{}", incident.advice.zh, incident.advice.en)),
                ("state", incident.state.to_string()),
            ]),
            starts_at: TimeJson(incident.clocks.occurred),
            updated_at: TimeJson(now),
            ends_at: TimeJson(now.plus(HOLDS_FOR)),
            fingerprint: HEXLOWER.encode(&digest[..8]),
            receivers: vec![json!({"name": "wardround"})],
            status: Status { state, silenced_by, inhibited_by: Vec::new() },
            generator_url: format!("/api/v1/incidents/{}", incident.id),
            labels,
        }
    }
}

/// All silences.
pub(crate) async fn silences(State(app): State<Arc<App>>) -> Json<Vec<Value>> {
    let now = app.desk.steady_now();
    let silence = |s: Silence| {
        let state = match s.state(now) {
            SilenceState::Pending => "pending",
            SilenceState::Active => "active",
            SilenceState::Expired => "expired",
        };
        let matchers: Vec<Value> = s.matchers.iter().map(matcher).collect();
        json!({
            "id": s.id.to_string(), "status": {"state": state}, "updatedAt": s.created.to_string(),
            "comment": s.reason, "createdBy": s.by, "startsAt": s.start.to_string(),
            "endsAt": s.end.to_string(), "matchers": matchers,
        })
    };
    Json(app.desk.silences().into_iter().map(silence).collect())
}

fn matcher(matcher: &SilenceMatcher) -> Value {
    let SilenceMatcher { name, values } = matcher;
    json!({"name": name, "value": values.join("|"), "isRegex": values.len() > 1, "isEqual": true})
}

/// The one receiver: who is told of what is the configuration's.
pub(crate) async fn receivers() -> Json<Value> {
    Json(json!([{"name": "wardround"}]))
}

/// What it is. There is no cluster and no configuration in Alertmanager's form.
pub(crate) async fn status(State(app): State<Arc<App>>) -> Json<Value> {
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({
        "cluster": {"status": "disabled", "peers": []},
        "config": {"original": "# Wardround: see /api/v1/rules and the collector's own configuration\n"},
        "uptime": app.desk.steady_now().to_string(),
        "versionInfo": {
            "version": version, "revision": "wardround", "branch": "", "buildUser": "",
            "buildDate": "", "goVersion": "",
        },
    }))
}

/// Names and values of a query in which a name may come often, with percent and plus signs decoded; what is not UTF-8 is replaced.
fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
            match byte {
                b'+' => bytes.push(b' '),
                b'%' => {
                    let (high, low) = (hex(rest.next()), hex(rest.next()));
                    let value = high.zip(low).and_then(|(h, l)| u8::try_from(h * 16 + l).ok());
                    bytes.extend(value);
                }
                other => bytes.push(other),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decode(name), decode(value))
    };
    query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}
