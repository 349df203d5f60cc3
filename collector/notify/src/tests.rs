//! Decisions over time-lines: what people did and what broke, against what is told.

mod ladder;

use crate::{Attempts, Notifications, Origin, Profile, Receiver, body, retry_after};
use collector_domain::{
    Actor, Clocks, Condition, DeliveryOutcome, DeliveryReport, Entry, EntryKind, Fate, Incident,
    IncidentId, IncidentState, LevelChange, NODE_LOST, NODE_SILENT, NODES_LOST, NewSilence, Sheet,
    Silence, SilenceChange, SilenceMatcher, SilenceRefused, Text, Transition,
};
use shared_model::{BootTime, Labels, Level, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + second)
}

fn text(text: &str) -> Text {
    Text { zh: format!("中{text}"), en: text.to_owned() }
}

fn incident(id: u64, level: Level, host: &str) -> Incident {
    Incident {
        id: IncidentId(id),
        cause: "os.cpu_busy".into(),
        subject: Labels::from_pairs([("host", host), ("device", "sda")]),
        clause: "3.2".parse().unwrap(),
        title: text("busy"),
        advice: text("look"),
        level,
        level_highest: level,
        levels: vec![LevelChange { at: at(0), level, why: "opened".to_owned() }],
        state: IncidentState::Open,
        condition: Condition::Breached,
        value: Some(0.5),
        late: false,
        clocks: Clocks::started(at(-10), at(0), at(300), at(3_600)),
        links: vec![],
        reopened: 0,
        acknowledged_by: None,
        fix: None,
        notes: vec![],
        evidence: vec![],
        sheet: Sheet::default(),
    }
}

fn receiver(name: &str, levels: &[Level], send_resolved: bool) -> Receiver {
    Receiver {
        name: name.into(),
        levels: levels.to_vec(),
        send_resolved,
        after: Duration::ZERO,
        group_wait: Duration::ZERO,
        per_minute: None,
    }
}

/// A profile of one hospital.
fn profile(receivers: Vec<Receiver>) -> Profile {
    let word = str::to_owned;
    let origin = Origin { provider: word("p"), hospital: word("h"), appliance: word("a") };
    Profile { origin, receivers }
}

const ALL: [Level; 4] = [Level::One, Level::Two, Level::Three, Level::Four];

/// Notifications under test with the incidents they are told of.
struct Desk {
    notify: Notifications,
    incidents: BTreeMap<IncidentId, Incident>,
}

impl Desk {
    fn new(receivers: Vec<Receiver>) -> Self {
        let mut notify = Notifications::default();
        notify.configure(at(0), profile(receivers));
        Self { notify, incidents: BTreeMap::new() }
    }

    fn open(&mut self, second: i64, id: u64, level: Level, host: &str) {
        let incident = incident(id, level, host);
        let kind = EntryKind::Opened {
            cause: Arc::clone(&incident.cause),
            subject: incident.subject.clone(),
            clause: incident.clause.clone(),
            level,
            occurred: incident.clocks.occurred,
            value: None,
            response_due: incident.clocks.response_due,
            resolution_due: incident.clocks.resolution_due,
            onsite_due: None,
            started: None,
            evidence: vec![],
            late: false,
        };
        self.incidents.insert(incident.id, incident);
        self.entry(second, id, kind);
    }

    fn entry(&mut self, second: i64, id: u64, kind: EntryKind) {
        let entry =
            Entry { at: at(second), incident: IncidentId(id), actor: Actor::Collector, kind };
        self.notify.entries(at(second), &[entry], &self.incidents);
    }

    fn acknowledge(&mut self, second: i64, id: u64) {
        let incident = self.incidents.get_mut(&IncidentId(id)).unwrap();
        incident.state = IncidentState::Acknowledged;
        incident.clocks.acknowledged = Some(at(second));
        self.entry(second, id, EntryKind::Acknowledged { in_time: true });
    }

    fn resolve(&mut self, second: i64, id: u64) {
        let incident = self.incidents.get_mut(&IncidentId(id)).unwrap();
        incident.state = IncidentState::Resolved;
        incident.clocks.resolved = Some(at(second));
        self.entry(second, id, EntryKind::Resolved { fix: "x".to_owned(), in_time: true });
    }

    fn silence(&mut self, second: i64, host: &str, until: i64) -> Silence {
        let matchers =
            vec![SilenceMatcher { name: "host".to_owned(), values: vec![host.to_owned()] }];
        let new = NewSilence {
            matchers,
            by: "zhang".to_owned(),
            reason: "maintenance".to_owned(),
            start: None,
            end: at(until),
        };
        self.notify.silence(at(second), &SilenceChange::Create(new)).unwrap()
    }

    fn tick(&mut self, second: i64) {
        self.notify.release(at(second), &self.incidents);
    }

    /// Takes everything that is pending, in order; `receiver/incident/transition` of each.
    fn take(&mut self, second: i64) -> Vec<String> {
        let mut taken = Vec::new();
        let names: BTreeSet<Arc<str>> =
            self.notify.pending().map(|p| Arc::clone(&p.receiver)).collect();
        for name in names {
            while let Some(head) = self.notify.heads(&name).first().map(|p| (*p).clone()) {
                let event = &head.notice.annotations["event"];
                taken.push(format!("{name}/{}/{event}", head.incident.0));
                let outcome = DeliveryOutcome::Told { status: 200 };
                self.notify.report(at(second), &DeliveryReport { key: head.key, outcome });
            }
        }
        taken
    }

    fn fates(&self, id: u64) -> Vec<String> {
        let deliveries = self.notify.deliveries(IncidentId(id)).iter();
        deliveries
            .map(|d| format!("{}/{}/{}", d.receiver, d.transition.as_str(), d.fate.as_str()))
            .collect()
    }
}

/// Scenario: an incident from opening to relapse, every entry of its life among them. Guarantees: exactly the transitions that
/// concern people are told, each once, in order, and no key comes twice.
#[test]
fn a_life_is_told_in_order() {
    let mut desk = Desk::new(vec![receiver("noc", &ALL, true)]);
    desk.open(0, 1, Level::Three, "db1");
    desk.entry(1, 1, EntryKind::Linked { rule: "x".into(), subject: Labels::default() });
    desk.entry(300, 1, EntryKind::ResponseMissed);
    let cleared =
        EntryKind::Condition { condition: Condition::Clear, at_event: at(310), value: None };
    desk.entry(310, 1, cleared);
    desk.acknowledge(320, 1);
    desk.entry(3_600, 1, EntryKind::ResolutionMissed);
    desk.resolve(3_700, 1);
    desk.entry(3_710, 1, EntryKind::VerifyAsked);
    desk.entry(3_720, 1, EntryKind::VerifyFailed { why: "x".to_owned() });
    let keys: BTreeSet<_> = desk.notify.pending().map(|p| Arc::clone(&p.key)).collect();
    let told = desk.take(3_730);
    assert_eq!(
        told,
        ["opened", "response_missed", "resolution_missed", "resolved", "verify_failed"]
            .map(|event| format!("noc/1/{event}"))
    );
    assert_eq!(keys.len(), told.len());
    assert!(desk.take(3_740).is_empty());
    assert!(desk.fates(1).iter().all(|f| f.ends_with("/told")), "{:?}", desk.fates(1));
}

/// Scenario: receivers that want some levels, or no resolutions. Guarantees: each is told of its levels only, from the moment
/// an incident rises into them, and of the end of what it was told of.
#[test]
fn receivers_are_told_of_their_levels() {
    let mut desk =
        Desk::new(vec![receiver("all", &ALL, false), receiver("pager", &[Level::One], true)]);
    desk.open(0, 1, Level::Two, "db1");
    assert_eq!(desk.take(1), ["all/1/opened"]);
    let incident = desk.incidents.get_mut(&IncidentId(1)).unwrap();
    incident.level = Level::One;
    let raised = EntryKind::Reclassified {
        cause: "db.down".into(),
        clause: "2.2".parse().unwrap(),
        level: Level::One,
        why: "x".to_owned(),
        resolution_due: at(900),
        onsite_due: None,
    };
    desk.entry(2, 1, raised);
    assert_eq!(desk.take(3), ["all/1/raised", "pager/1/raised"]);
    desk.resolve(4, 1);
    assert_eq!(desk.take(5), ["pager/1/resolved"]);
    desk.open(6, 2, Level::Two, "db1");
    desk.resolve(7, 2);
    assert_eq!(desk.take(8), ["all/2/opened"]);
}

/// Scenario: a silence over one of two hosts (T12). Guarantees: it mutes that one only and its trace names the silence; when it ends
/// unacknowledged the newest transition is told once, with the key it always had; the end of what was told is never muted.
#[test]
fn a_silence_mutes_until_it_ends() {
    let mut desk = Desk::new(vec![receiver("noc", &ALL, true)]);
    let silence = desk.silence(0, "db1", 100);
    desk.open(10, 1, Level::Three, "db1");
    desk.open(10, 2, Level::Three, "db2");
    desk.entry(50, 1, EntryKind::ResponseMissed);
    assert_eq!(desk.take(51), ["noc/2/opened"]);
    assert_eq!(desk.fates(1), ["noc/opened/silenced", "noc/response_missed/silenced"]);
    let muted = desk.notify.deliveries(IncidentId(1)).to_vec();
    assert!(muted.iter().all(|d| d.silences == [silence.id]));
    desk.tick(99);
    assert!(desk.take(99).is_empty());
    desk.tick(100);
    assert_eq!(desk.take(100), ["noc/1/response_missed"]);
    desk.tick(101);
    assert!(desk.take(101).is_empty());
    let after = desk.notify.deliveries(IncidentId(1));
    let released = after.iter().find(|d| d.released.is_some()).unwrap();
    assert_eq!((&released.key, released.released), (&muted[1].key, Some(at(100))));
    desk.silence(110, "db1", 1_000);
    desk.resolve(120, 1);
    assert_eq!(desk.take(121), ["noc/1/resolved"]);
}

/// Scenario: the silence ends after a person has responded, after the repair, by hand, or while another one holds on.
/// Guarantees: only what nobody knows of yet is told.
#[test]
fn the_end_of_a_silence_tells_only_what_is_needed() {
    let mut desk = Desk::new(vec![receiver("noc", &ALL, true)]);
    let first = desk.silence(0, "db1", 100);
    for id in 1..=4 {
        desk.open(10, id, Level::Three, "db1");
    }
    desk.acknowledge(20, 1);
    desk.acknowledge(20, 2);
    desk.entry(30, 2, EntryKind::ResolutionMissed);
    desk.acknowledge(20, 3);
    desk.resolve(40, 3);
    let second = desk.silence(50, "db1", 200);
    desk.notify.silence(at(60), &expire(&first)).unwrap();
    desk.tick(60);
    assert!(desk.take(60).is_empty(), "the second silence holds on");
    desk.notify.silence(at(70), &expire(&second)).unwrap();
    desk.tick(70);
    assert_eq!(desk.take(70), ["noc/2/resolution_missed", "noc/4/opened"]);
    let ended = desk.notify.silence(at(80), &expire(&first));
    assert_eq!(ended, Err(SilenceRefused::Ended { id: first.id, end: at(60) }));
}

fn expire(silence: &Silence) -> SilenceChange {
    SilenceChange::Expire { id: silence.id, by: "li".to_owned() }
}

/// Scenario: tries that fail, are refused, come twice or are of nobody. Guarantees: failing keeps it pending with its count and
/// error; the first end of a delivery stands.
#[test]
fn reports_have_effect_once() {
    let mut desk = Desk::new(vec![receiver("noc", &ALL, true)]);
    desk.open(0, 1, Level::One, "db1");
    let key = Arc::clone(&desk.notify.heads("noc")[0].key);
    let mut report = |outcome| {
        desk.notify.report(at(5), &DeliveryReport { key: Arc::clone(&key), outcome });
        desk.notify.deliveries(IncidentId(1))[0].clone()
    };
    report(DeliveryOutcome::Failed { why: "refused".to_owned() });
    let twice = report(DeliveryOutcome::Failed { why: "e".repeat(1_000) });
    assert_eq!((twice.attempts, &twice.fate), (2, &Fate::Pending));
    assert_eq!(twice.last_error.unwrap().len(), 200);
    report(DeliveryOutcome::Told { status: 204 });
    let told = report(DeliveryOutcome::Refused { status: 400, why: "late".to_owned() });
    assert_eq!(told.fate, Fate::Told { at: at(5), status: 204 });
    let (_, counts) = desk.notify.counts().next().unwrap();
    assert_eq!((counts.told, counts.failed, counts.refused), (1, 2, 0));
    let nobody = DeliveryReport { key: "x".into(), outcome: DeliveryOutcome::Told { status: 200 } };
    desk.notify.report(at(6), &nobody);
}

/// Scenario: a receiver that is down during more incidents than its queue holds, then gone from the configuration.
/// Guarantees: minor levels stop short of the places reserved for severe ones, what is left out says so, nothing stays pending
/// for a receiver that is gone.
#[test]
fn a_full_queue_keeps_places_for_severe_levels() {
    let mut desk = Desk::new(vec![receiver("noc", &ALL, true)]);
    for id in 1..=1_600 {
        desk.open(0, id, Level::Three, "db1");
    }
    assert_eq!(desk.notify.pending().count(), 1_536);
    assert_eq!(desk.fates(1_600), ["noc/opened/left_out"]);
    for id in 2_001..=2_600 {
        desk.open(0, id, Level::One, "db1");
    }
    assert_eq!(desk.notify.pending().count(), 2_048);
    assert_eq!(desk.notify.heads("noc")[0].incident, IncidentId(2_001), "severe ones go first");
    let left_out = desk.notify.counts().next().unwrap().1.left_out;
    assert_eq!(left_out, 64 + 88);
    desk.notify.configure(at(9), profile(vec![]));
    assert_eq!(desk.notify.pending().count(), 0);
    assert_eq!(desk.notify.counts().next().unwrap().1.left_out, left_out + 2_048);
}

/// Scenario: the same story folded twice, once over a copy that was written and read half way. Guarantees: the same keys; other
/// receivers, incidents, numbers and appliances have others.
#[test]
fn keys_are_stable_and_distinct() {
    let story = |reread: bool| {
        let mut desk = Desk::new(vec![receiver("a", &ALL, true), receiver("b", &ALL, true)]);
        desk.open(0, 1, Level::One, "db1");
        if reread {
            let written = serde_json::to_vec(&desk.notify).unwrap();
            desk.notify = serde_json::from_slice(&written).unwrap();
        }
        desk.open(1, 2, Level::One, "db1");
        desk.entry(2, 1, EntryKind::ResponseMissed);
        desk.notify.pending().map(|p| Arc::clone(&p.key)).collect::<BTreeSet<_>>()
    };
    let keys = story(false);
    assert_eq!((keys.len(), &keys), (6, &story(true)));
    let mut other = Desk::new(vec![receiver("a", &ALL, true)]);
    other
        .notify
        .configure(at(0), Profile { origin: Origin::default(), ..other.notify.profile().clone() });
    other.open(0, 1, Level::One, "db1");
    assert!(!keys.contains(&other.notify.heads("a")[0].key));
}

/// Scenario: the body of a firing and a resolved message. Guarantees: exactly Alertmanager's fields with its types, the
/// signature-relevant ones filled, both languages, links to the incident.
#[test]
fn the_body_is_alertmanagers_version_4() {
    let mut desk = Desk::new(vec![receiver("noc", &ALL, true)]);
    desk.open(0, 1, Level::One, "db1");
    desk.resolve(60, 1);
    let mut heads: Vec<_> = desk.notify.pending().collect();
    heads.sort_by_key(|p| p.order);
    let [firing, resolved] = [0, 1].map(|i| -> serde_json::Value {
        serde_json::from_slice(&body(&heads[i].notice, "noc", "https://c:8443")).unwrap()
    });
    let fields = |v: &serde_json::Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        fields(&firing),
        [
            "alerts",
            "commonAnnotations",
            "commonLabels",
            "externalURL",
            "groupKey",
            "groupLabels",
            "receiver",
            "status",
            "truncatedAlerts",
            "version"
        ]
    );
    let alert = &firing["alerts"][0];
    assert_eq!(
        fields(alert),
        ["annotations", "endsAt", "fingerprint", "generatorURL", "labels", "startsAt", "status"]
    );
    assert_eq!((&firing["version"], &firing["truncatedAlerts"]), (&"4".into(), &0.into()));
    assert_eq!(firing["groupKey"], "{}:{incident=\"W-000001\"}");
    assert_eq!(alert["generatorURL"], "https://c:8443/api/v1/incidents/W-000001");
    assert_eq!(alert["endsAt"], "0001-01-01T00:00:00Z");
    assert_eq!(alert["startsAt"], at(-10).to_string());
    for (label, value) in [
        ("alertname", "os.cpu_busy"),
        ("level", "1"),
        ("clause", "3.2"),
        ("incident", "W-000001"),
        ("hospital", "h"),
        ("appliance", "a"),
        ("host", "db1"),
        ("device", "sda"),
    ] {
        assert_eq!(alert["labels"][label], value);
    }
    let summary = alert["annotations"]["summary"].as_str().unwrap();
    assert!(summary.contains("新故障 1级 中busy / opened, level 1: busy"), "{summary}");
    assert_eq!(
        (&resolved["status"], &resolved["alerts"][0]["endsAt"]),
        (&"resolved".into(), &at(60).to_string().into())
    );
    assert_eq!(resolved["alerts"][0]["fingerprint"], alert["fingerprint"]);
}

/// Scenario: failures in a row, with and without a wish of the receiver. Guarantees: 1 s doubling to 60 s within a fifth; a
/// wish is a floor of at most an hour.
#[test]
fn waits_double_up_to_a_minute() {
    let secs = Duration::from_secs;
    for (failures, wait) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (40, 60)] {
        let [low, middle, high] = [0.0, 0.5, 1.0].map(|j| retry_after(failures, None, j));
        assert_eq!(middle, secs(wait));
        assert!(low >= secs(wait).mul_f64(0.79) && high <= secs(wait).mul_f64(1.21));
    }
    assert_eq!(retry_after(1, Some(secs(30)), 0.0), secs(30));
    assert_eq!(retry_after(7, Some(secs(1)), 0.5), secs(60));
    assert_eq!(retry_after(1, Some(secs(999_999)), 0.5), secs(3_600));
}

/// Scenario: one message fails, then the receiver itself. Guarantees: the message waits alone, the receiver with all; an answer
/// ends the receiver's wait.
#[test]
fn a_bad_message_does_not_hold_up_the_others() {
    let now = BootTime::from_micros(1_000_000);
    let later = now.plus(Duration::from_secs(2));
    let mut attempts = Attempts::default();
    attempts.message_failed(&"a".into(), now, 0.5);
    assert_eq!((attempts.is_due("a", now), attempts.is_due("b", now)), (false, true));
    assert_eq!(attempts.next_due(["a"].into_iter(), now), Some(now.plus(Duration::from_secs(1))));
    assert_eq!(attempts.next_due(["a", "b"].into_iter(), now), None);
    attempts.receiver_failed(now, None, 0.5);
    assert!(!attempts.is_due("b", now) && attempts.is_due("b", later));
    attempts.answered("b");
    assert!(attempts.is_due("b", now) && !attempts.is_due("a", now));
}

/// Scenario: failures of each level just before and at the end of their time. Guarantees: levels 1 and 2 are tried for a week,
/// 3 and 4 for a day.
#[test]
fn severe_levels_are_tried_longer() {
    for (level, limit) in ALL.into_iter().zip([7, 7, 1, 1]) {
        let mut desk = Desk::new(vec![receiver("noc", &ALL, true)]);
        desk.open(0, 1, level, "db1");
        let pending = desk.notify.heads("noc")[0].clone();
        assert!(!pending.is_over(at(limit * 86_400 - 1)) && pending.is_over(at(limit * 86_400)));
    }
}

/// Scenario: matchers of every kind of name. Guarantees: all must hold, a missing label holds for none.
#[test]
fn matchers_follow_the_incident() {
    let incident = incident(7, Level::Two, "db1");
    let holds = |name: &str, values: &[&str]| {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        SilenceMatcher { name: name.to_owned(), values }.matches(&incident)
    };
    for (name, values, expected) in [
        ("rule", &["os.cpu_busy"][..], true),
        ("alertname", &["a", "os.cpu_busy"], true),
        ("level", &["1", "2"], true),
        ("level", &["3"], false),
        ("clause", &["3.2"], true),
        ("incident", &["W-000007"], true),
        ("host", &["db2", "db1"], true),
        ("host", &["db"], false),
        ("nothing", &[""], false),
    ] {
        assert_eq!(holds(name, values), expected, "{name} {values:?}");
    }
    assert_eq!(Transition::Opened.as_str(), "opened");
}

/// Scenario: silences of rules while a silent node turns out to be lost, alone and with others. Guarantees: who silenced its silence is
/// not told of its loss; the loss of several is told unless it is named.
#[test]
fn a_silent_node_stays_silenced_when_it_is_lost() {
    for (cause, rule, expected) in [
        (NODE_LOST, NODE_SILENT, true),
        (NODE_LOST, NODE_LOST, true),
        (NODE_SILENT, NODE_LOST, false),
        (NODES_LOST, NODE_SILENT, false),
        (NODES_LOST, NODES_LOST, true),
    ] {
        let incident = Incident { cause: cause.into(), ..incident(7, Level::Two, "db1") };
        let matcher = SilenceMatcher { name: "rule".to_owned(), values: vec![rule.to_owned()] };
        assert_eq!(matcher.matches(&incident), expected, "{cause} {rule}");
    }
}
