//! What comes in: alerts of a Prometheus, and the webhook of another Alertmanager.

use crate::Peer;
use crate::app::App;
use crate::audit::{self, Caller};
use crate::auth::Person;
use crate::extract::Body;
use crate::json::role_word;
use crate::problem::{Code, Problem};
use axum::Extension;
use axum::extract::State;
use collector_domain::{
    AuditAction, FOREIGN_ALERTS_MAX, FOREIGN_LABEL_MAX_CHARS, FOREIGN_LABELS_MAX, ForeignAlert,
};
use jiff::Timestamp as Rfc3339;
use serde::Deserialize;
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Zero time, which stands for "not ended".
const NEVER: &str = "0001-01-01T00:00:00Z";

/// One alert as both ways have it; fields that decide nothing here are not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Posted {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: Option<String>,
    ends_at: Option<String>,
}

/// A webhook, version 4.
#[derive(Deserialize)]
pub(crate) struct Hook {
    version: String,
    alerts: Vec<HookAlert>,
}

/// One alert of a webhook.
#[derive(Deserialize)]
pub(crate) struct HookAlert {
    /// `firing` or `resolved`.
    status: String,
    #[serde(flatten)]
    alert: Posted,
}

/// `POST /alertmanager/api/v2/alerts`.
pub(crate) async fn post_alerts(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    Body(alerts): Body<Vec<Posted>>,
) -> Result<(), Problem> {
    let now = app.desk.steady_now();
    let alerts = alerts.into_iter().map(|alert| alert.read(now)).collect();
    take(&app, &person, peer, alerts).await
}

/// `POST /alertmanager/webhook`. What fires has no end there, and holds until it is said to be resolved or for as long as an alert
/// without an end does.
pub(crate) async fn webhook(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    Body(hook): Body<Hook>,
) -> Result<(), Problem> {
    if hook.version != "4" {
        let detail = format!("version '{}' is not 4", hook.version);
        return Err(Problem::new(Code::InvalidBody, detail));
    }
    let now = app.desk.steady_now();
    let read = |HookAlert { status, alert }: HookAlert| {
        let mut alert = alert.read(now)?;
        alert.ends = if status == "resolved" { alert.ends.or(Some(now)) } else { None };
        Ok(alert)
    };
    let alerts = hook.alerts.into_iter().map(read).collect();
    take(&app, &person, peer, alerts).await
}

async fn take(
    app: &App,
    person: &Person,
    peer: Option<Extension<Peer>>,
    alerts: Result<Vec<ForeignAlert>, Problem>,
) -> Result<(), Problem> {
    let peer = peer.map(|Extension(Peer(address))| address);
    let caller = Caller { name: &person.name, peer };
    let taken = taken(app, person, alerts).await;
    match &taken {
        // Each minute from each Prometheus: what it led to is in the ledger.
        Ok(()) => {}
        Err(why) => audit::refused(app, caller, AuditAction::Foreign, "alerts", why),
    }
    taken
}

async fn taken(
    app: &App,
    person: &Person,
    alerts: Result<Vec<ForeignAlert>, Problem>,
) -> Result<(), Problem> {
    if !person.role.may_act() {
        let role = role_word(person.role);
        let detail = format!("the role {role} reads; a program that sends alerts is an engineer");
        return Err(Problem::new(Code::RoleMayNotAct, detail));
    }
    let alerts = alerts?;
    if alerts.len() > FOREIGN_ALERTS_MAX {
        let detail = format!("{} alerts: at most {FOREIGN_ALERTS_MAX} at once", alerts.len());
        return Err(Problem::new(Code::InvalidBody, detail));
    }
    app.desk
        .foreign(person.name.clone(), alerts)
        .await
        .map_err(|why| Problem::new(Code::Unavailable, why).retry_after(Duration::from_secs(2)))
}

impl Posted {
    fn read(self, now: Timestamp) -> Result<ForeignAlert, Problem> {
        let invalid = |what: String| Problem::new(Code::InvalidBody, what);
        let fits = |text: &String| text.chars().count() <= FOREIGN_LABEL_MAX_CHARS;
        if self.labels.is_empty() || self.labels.len() > FOREIGN_LABELS_MAX {
            return Err(invalid(format!("an alert has 1 to {FOREIGN_LABELS_MAX} labels")));
        }
        if let Some((name, _)) = self.labels.iter().find(|(n, v)| !fits(n) || !fits(v)) {
            let cut: String = name.chars().take(40).collect();
            return Err(invalid(format!(
                "label '{cut}' or its value is longer than {FOREIGN_LABEL_MAX_CHARS} characters"
            )));
        }
        let time = |text: Option<String>| match text.filter(|t| t != NEVER) {
            None => Ok(None),
            Some(text) => instant(&text).map(Some).ok_or_else(|| {
                invalid(format!("'{text}' is not a time such as 2026-11-23T03:04:05Z"))
            }),
        };
        let (starts, ends) = (time(self.starts_at)?, time(self.ends_at)?);
        let pairs = self.labels.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let says = ["summary", "description", "message"];
        let summary = says.into_iter().find_map(|name| self.annotations.get(name));
        Ok(ForeignAlert {
            labels: Labels::from_pairs(pairs),
            summary: summary.cloned().unwrap_or_default(),
            starts: starts.unwrap_or(now),
            ends,
        })
    }
}

/// RFC 3339 with any offset, as other systems write it.
fn instant(text: &str) -> Option<Timestamp> {
    let parsed: Rfc3339 = text.parse().ok()?;
    Some(Timestamp::from_micros(parsed.as_microsecond()))
}
