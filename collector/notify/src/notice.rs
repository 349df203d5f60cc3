//! What is said of an incident at one transition: labels to route by, texts to read.

use crate::key::fingerprint;
use crate::profile::Origin;
use collector_domain::{Condition, Incident, Text, Transition};
use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::collections::BTreeMap;

/// One alert as it was when it was decided; repeated word for word until it is taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// Whether it says that the fault is over.
    pub resolved: bool,
    /// What it is routed by.
    pub labels: BTreeMap<String, String>,
    /// What people read.
    pub annotations: BTreeMap<String, String>,
    /// Event time of the first bad sample.
    pub starts: Timestamp,
    /// When the fix was stated.
    pub ends: Option<Timestamp>,
    /// The same in all messages about the incident.
    pub fingerprint: String,
    /// Number of the incident; `None` for a test message.
    pub incident: Option<String>,
}

impl Notice {
    /// What is said of an incident as it is now.
    pub(crate) fn of(incident: &Incident, transition: Transition, origin: &Origin) -> Self {
        let resolved = transition.is_end();
        let id = incident.id.to_string();
        let subject = incident.subject.iter().map(|(n, v)| (n.to_owned(), v.to_owned()));
        let mut labels: BTreeMap<String, String> = subject.collect();
        // What is ours wins over a label of the subject that happens to have the same name.
        let own = [
            ("alertname", incident.cause.to_string()),
            ("level", incident.level.number().to_string()),
            ("clause", incident.clause.to_string()),
            ("incident", id.clone()),
            ("provider", origin.provider.clone()),
            ("hospital", origin.hospital.clone()),
            ("appliance", origin.appliance.clone()),
        ];
        labels.extend(own.map(|(name, value)| (name.to_owned(), value)));
        Self {
            resolved,
            labels,
            annotations: annotations(incident, transition),
            starts: incident.clocks.occurred,
            ends: incident.clocks.resolved.or(incident.clocks.closed).filter(|_| resolved),
            fingerprint: fingerprint(origin, incident),
            incident: Some(id),
        }
    }
}

fn annotations(incident: &Incident, transition: Transition) -> BTreeMap<String, String> {
    let (title, advice, event) = (&incident.title, &incident.advice, words(transition));
    let level = incident.level.number();
    let mut out = BTreeMap::from(
        [
            (
                "summary",
                format!(
                    "[{}] {} {level}级 {} / {}, level {level}: {}",
                    incident.id, event.zh, title.zh, event.en, title.en
                ),
            ),
            ("description", format!("{}\n{}", advice.zh, advice.en)),
            ("title_zh", title.zh.clone()),
            ("title_en", title.en.clone()),
            ("advice_zh", advice.zh.clone()),
            ("advice_en", advice.en.clone()),
            ("event", transition.as_str().to_owned()),
            ("event_zh", event.zh),
            ("event_en", event.en),
            ("state", incident.state.to_string()),
            ("condition", condition(incident.condition).to_owned()),
            ("response_due", incident.clocks.response_due.to_string()),
            ("resolution_due", incident.clocks.resolution_due.to_string()),
        ]
        .map(|(name, text)| (name.to_owned(), text)),
    );
    let known = [
        ("value", incident.value.map(|v| v.to_string())),
        ("acknowledged_by", incident.acknowledged_by.clone()),
        ("fix", incident.fix.clone()),
        // Found in data that arrived late: what it says was so then.
        ("late", incident.late.then(|| "true".to_owned())),
    ];
    let known = known.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?)));
    out.extend(known);
    out
}

fn words(transition: Transition) -> Text {
    let (zh, en) = match transition {
        Transition::Opened => ("新故障", "opened"),
        Transition::Raised => ("级别或原因变更", "raised"),
        Transition::ResponseMissed => ("响应超时", "response overdue"),
        Transition::ResolutionMissed => ("处理超时", "resolution overdue"),
        Transition::Reopened => ("故障复发", "reopened"),
        Transition::VerifyFailed => ("复测未通过", "verification failed"),
        Transition::Resolved => ("已修复", "resolved"),
        Transition::Escalated => ("无人响应，升级通知", "escalated: nobody has responded"),
        Transition::OnsiteMissed => ("到场超时", "on-site arrival overdue"),
        Transition::CoreRestored => ("核心功能恢复", "core restored"),
        Transition::ConsentAsked => ("待院方同意", "the hospital's consent is asked for"),
        Transition::Withdrawn => ("已撤销或合并", "cancelled or merged"),
    };
    Text { zh: zh.to_owned(), en: en.to_owned() }
}

fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Clear => "clear",
        Condition::Breached => "breached",
        Condition::Unknown => "unknown",
    }
}

/// A message that says of itself that it is a test.
pub fn test_notice(origin: &Origin, at: Timestamp) -> Notice {
    let pairs = |list: &[(&str, &str)]| -> BTreeMap<String, String> {
        list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    };
    Notice {
        resolved: false,
        labels: pairs(&[
            ("alertname", "wardround.test"),
            ("test", "true"),
            ("provider", &origin.provider),
            ("hospital", &origin.hospital),
            ("appliance", &origin.appliance),
        ]),
        annotations: pairs(&[
            (
                "summary",
                "[测试] 巡诊通知测试，没有故障 / test message of Wardround: there is no fault",
            ),
            ("event", "test"),
            ("event_zh", "通知测试，没有故障"),
            ("event_en", "test, there is no fault"),
        ]),
        starts: at,
        ends: None,
        fingerprint: "0000000000000000".to_owned(),
        incident: None,
    }
}
