//! A double of the daemon: fixed state, and acts by the simplest rules that can answer in every way.

use collector_api::{
    Account, ActError, Answer, Archive, AuditFuture, AuditView, CheckpointFuture, Desk,
    FiguresFuture, FindingView, ForeignFuture, NodeState, NodeView, Rejected, SelfMetric,
    SelfMetricKind, SilenceError, password,
};
use collector_domain::{
    Act, ActRefused, AuditEvent, Auditor, Change, ChangeAct, ChangeId, ChangeRefused, Clocks,
    Component, Condition, Contract, Deed, Delivery, Exhibit, ForeignAlert, Incident, IncidentId,
    IncidentRevision, IncidentSet, IncidentState, Judgement, LevelChange, Link, Matcher, Note,
    Period, Report, ReportRefused, Role, Roster, RosterChange, RosterRefused, Rule, SeriesData,
    SeriesReader, Sheet, Silence, SilenceChange, SilenceRefused, Text, Tier, Topology,
};
use collector_incidents::{Facts, Machine, figures};
use collector_notify::Notifications;
use shared_model::{AccountIdentity, Labels, Level, NodeIdentity, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::watch;

/// Password of every account of the double.
pub(crate) const PASSWORD: &str = "twelve or more";

/// Every role with the name of its account.
pub(crate) const ROLES: [(&str, Role); 6] = [
    ("viewer", Role::Viewer),
    ("engineer", Role::Engineer),
    ("approver", Role::Approver),
    ("security_admin", Role::SecurityAdmin),
    ("system_admin", Role::SystemAdmin),
    ("auditor", Role::Auditor),
];

/// The steady time of the double: 2026-11-23T03:00:00Z.
pub(crate) fn now() -> Timestamp {
    "2026-11-23T03:00:00Z".parse().unwrap()
}

/// What tests may change under way.
pub(crate) struct State {
    pub(crate) incidents: Vec<Incident>,
    pub(crate) findings: Vec<FindingView>,
    pub(crate) nodes: Vec<NodeView>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) contract: Contract,
    pub(crate) accounts: Vec<Account>,
    pub(crate) ready: Result<(), String>,
    pub(crate) revisions: watch::Sender<u64>,
    pub(crate) access: watch::Sender<()>,
    pub(crate) takes_acts: bool,
    /// Acts never finish.
    pub(crate) stalls: bool,
    pub(crate) acts: Vec<Act>,
    /// Closed incidents beyond those in memory; the error is that of an archive that is being rebuilt.
    pub(crate) archived: Result<Vec<Incident>, String>,
    /// The real rules of silences.
    pub(crate) notify: Notifications,
    /// The real rules of planned changes and reports, on a board of its own.
    pub(crate) machine: Machine,
    /// Alerts of other systems, with the account that sent them.
    pub(crate) foreign: Vec<(String, ForeignAlert)>,
    /// What that led to.
    pub(crate) facts: Facts,
    /// Labels of the series, each with one sample of value 1 at [`now`].
    pub(crate) series: Vec<Labels>,
}

pub(crate) struct Double(pub(crate) Mutex<State>, pub(crate) Arc<Audited>);

/// What the audit log was told.
#[derive(Default)]
pub(crate) struct Audited(pub(crate) Mutex<Vec<AuditEvent>>);

impl Auditor for Audited {
    fn note(&self, event: AuditEvent) {
        self.0.lock().unwrap().push(event);
    }
}

impl Audited {
    /// Everything since the last call, as `who action object outcome detail`.
    pub(crate) fn take(&self) -> Vec<String> {
        let events = std::mem::take(&mut *self.0.lock().unwrap());
        let line = |e: AuditEvent| {
            let text =
                format!("{} {:?} {} {:?} {}", e.who, e.action, e.object, e.outcome, e.detail);
            text.trim_end().to_owned()
        };
        events.into_iter().map(line).collect()
    }
}

impl Double {
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.0.lock().unwrap())
    }
}

/// One hash for all accounts: hashing takes its time.
fn password_hash() -> String {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| password::hash(PASSWORD).unwrap()).clone()
}

pub(crate) fn text(zh: &str, en: &str) -> Text {
    Text { zh: zh.to_owned(), en: en.to_owned() }
}

fn at(text: &str) -> Timestamp {
    format!("2026-11-23T{text}Z").parse().unwrap()
}

/// An incident that was detected at `detected` (`HH:MM:SS`) and is open.
pub(crate) fn incident(id: u64, level: Level, host: &str, detected: &str) -> Incident {
    let detected = at(detected);
    Incident {
        id: IncidentId(id),
        cause: "os.cpu_busy".into(),
        subject: Labels::from_pairs([("hospital", "h1"), ("appliance", "a1"), ("host", host)]),
        clause: "3.2".parse().unwrap(),
        title: text("CPU 使用率过高", "CPU busy too long"),
        advice: text("查看进程", "look at the processes"),
        level,
        level_highest: level,
        levels: vec![LevelChange { at: detected, level, why: "opened".to_owned() }],
        state: IncidentState::Open,
        condition: Condition::Breached,
        value: Some(0.9375),
        late: false,
        clocks: Clocks::started(
            detected,
            detected,
            detected.plus(level.response_limit()),
            detected.plus(level.resolution_limit()),
        ),
        links: vec![],
        reopened: 0,
        acknowledged_by: None,
        fix: None,
        notes: vec![],
        evidence: vec![],
        sheet: Sheet::default(),
    }
}

fn rule(id: &str, zh: &str, en: &str, tier: Tier) -> Rule {
    Rule {
        id: id.into(),
        clause: "3.2".parse().unwrap(),
        component: Component::Os,
        title: text(zh, en),
        advice: text("查看", "look"),
        tier,
        level: Level::Three,
        explained_by: vec![],
        evidence: vec![],
    }
}

fn said(time: &str, topic: &str, line: &str) -> Exhibit {
    let (instance, topic) = ("db-1:5432".to_owned(), topic.to_owned());
    Exhibit { at: at(time), instance, topic, lines: vec![line.to_owned()] }
}

fn node(name: &str, state: NodeState, last_seen: Option<&str>) -> NodeView {
    NodeView {
        identity: NodeIdentity::new("acme", "h1", "a1", name).unwrap(),
        state,
        last_seen: last_seen.map(at),
        clock_offset_seconds: last_seen.map(|_| 0.0012),
        agent_version: last_seen.map(|_| "0.1.0".to_owned()),
        series: last_seen.map(|_| 1_834),
    }
}

fn finding(
    rule: &str,
    pairs: &[(&str, &str)],
    condition: Condition,
    value: Option<f64>,
) -> FindingView {
    FindingView {
        rule: rule.into(),
        subject: Labels::from_pairs(pairs.iter().copied()),
        since: Some(at("02:41:10")),
        judgement: Judgement {
            condition,
            judged_at: at("02:59:59"),
            within_limit: condition == Condition::Clear,
            value,
        },
        evidence: match rule {
            "fs.usage" => vec![said("02:41:10", "db.indexes", "unused: his.visit.i")],
            _ => vec![],
        },
    }
}

/// Incidents in every kind of clock: overdue, urgent, running, acknowledged, watched, closed.
fn incidents() -> Vec<Incident> {
    let mut down = incident(4, Level::One, "db-1", "02:53:00");
    down.cause = "db.down".into();
    down.clause = "2.2/3.1".parse().unwrap();
    down.title = text("核心数据库不可用", "core database down");
    down.clocks.response_missed = Some(at("02:58:00"));
    down.links = vec![Link {
        rule: "os.cpu_busy".into(),
        subject: Labels::from_pairs([("host", "db-1")]),
        at: at("02:53:05"),
        condition: Condition::Breached,
        value: None,
    }];
    down.evidence = vec![said("02:53:00", "db.blocking", "11 app@his, <idle>")];
    let mut taken = incident(3, Level::Two, "db-2", "02:20:00");
    taken.state = IncidentState::Acknowledged;
    taken.clocks.acknowledged = Some(at("02:23:00"));
    taken.acknowledged_by = Some("engineer".to_owned());
    taken.notes = vec![Note {
        at: at("02:23:00"),
        by: "engineer".to_owned(),
        text: "acknowledged".to_owned(),
    }];
    let mut normal_again = incident(5, Level::Three, "st-1", "02:58:30");
    normal_again.condition = Condition::Clear;
    let mut closed = incident(1, Level::Three, "st-1", "01:00:00");
    closed.state = IncidentState::Closed;
    closed.clocks.closed = Some(at("02:00:00"));
    let mut watched = incident(2, Level::Three, "st-2", "01:10:00");
    watched.state = IncidentState::Watching;
    watched.late = true;
    watched.clocks.acknowledged = Some(at("01:11:00"));
    watched.clocks.resolved = Some(at("01:30:00"));
    watched.clocks.watch_until = Some("2026-11-24T01:40:00Z".parse().unwrap());
    vec![closed, watched, taken, down, normal_again]
}

impl Default for State {
    fn default() -> Self {
        let account = |(name, role): (&str, Role)| Account {
            name: name.to_owned(),
            role,
            password_hash: password_hash(),
        };
        Self {
            incidents: incidents(),
            findings: vec![
                finding(
                    "fs.usage",
                    &[("host", "st-1"), ("mountpoint", "/data")],
                    Condition::Breached,
                    Some(0.83),
                ),
                finding(
                    "ib.errors",
                    &[("host", "db-2"), ("device", "mlx5_0")],
                    Condition::Unknown,
                    None,
                ),
            ],
            nodes: vec![
                node("db-2", NodeState::Fresh, Some("02:59:59")),
                node("db-1", NodeState::Silent, Some("02:52:58")),
                node("st-1", NodeState::NeverSeen, None),
            ],
            rules: vec![
                rule("os.cpu_busy", "CPU 使用率过高", "CPU busy too long", Tier::Incident),
                rule("fs.usage", "磁盘使用率超限", "file system too full", Tier::Deviation),
                rule("ib.errors", "IB 误码率", "InfiniBand error rate", Tier::Advisory),
            ],
            contract: Contract::default(),
            accounts: ROLES.map(account).to_vec(),
            ready: Ok(()),
            revisions: watch::Sender::new(9),
            access: watch::Sender::new(()),
            takes_acts: true,
            stalls: false,
            acts: vec![],
            archived: Ok(vec![]),
            notify: Notifications::default(),
            machine: Machine::new(&[], Contract::default(), Topology::default()),
            foreign: vec![],
            facts: Facts::default(),
            series: vec![Labels::from_pairs([("__name__", "up"), ("host", "db-1")])],
        }
    }
}

impl Desk for Double {
    fn steady_now(&self) -> Timestamp {
        now()
    }

    fn hospital(&self) -> Text {
        text("第一人民医院", "First People's Hospital")
    }

    fn contract(&self) -> Contract {
        self.read(|s| s.contract.clone())
    }

    fn incidents(&self) -> Arc<IncidentSet> {
        let all = self.read(|s| s.incidents.clone());
        let incidents = all.into_iter().map(at_some_revision).collect();
        Arc::new(IncidentSet { revision: 9, incidents })
    }

    fn revisions(&self) -> watch::Receiver<u64> {
        self.read(|s| s.revisions.subscribe())
    }

    fn archive(&self) -> Arc<dyn Archive> {
        Arc::new(Archived(self.read(|s| s.archived.clone())))
    }

    fn nodes(&self) -> Vec<NodeView> {
        self.read(|s| s.nodes.clone())
    }

    fn findings(&self) -> Vec<FindingView> {
        self.read(|s| s.findings.clone())
    }

    fn rules(&self) -> Arc<[Rule]> {
        self.read(|s| s.rules.clone()).into()
    }

    fn act(&self, act: Act, expected: Option<u64>) -> Answer<'_, IncidentRevision, ActRefused> {
        let mut state = self.0.lock().unwrap();
        if state.stalls {
            return Box::pin(std::future::pending());
        }
        let result = match expected {
            // Every incident of this double was changed last at the revision of its own number.
            Some(expected) if expected < act.incident.0 => Err(ActRefused::Changed {
                incident: act.incident,
                state: "open".to_owned(),
                expected,
                hint: "changed by li".to_owned(),
            }
            .into()),
            _ => perform(&mut state, &act),
        };
        state.acts.push(act);
        Box::pin(async { result.map(at_some_revision) })
    }

    fn silences(&self) -> Vec<Silence> {
        self.read(|s| s.notify.silences().cloned().collect())
    }

    fn silence(&self, change: SilenceChange) -> Answer<'_, Silence, SilenceRefused> {
        let mut state = self.0.lock().unwrap();
        let result = if state.takes_acts {
            state.notify.silence(now(), &change).map_err(Into::into)
        } else {
            Err(SilenceError::Unavailable("the journal is full".to_owned()))
        };
        Box::pin(async { result })
    }

    fn report(&self, report: Report) -> Answer<'_, IncidentRevision, ReportRefused> {
        let mut state = self.0.lock().unwrap();
        let opened = match state.machine.report(now(), &report) {
            Ok((id, _)) => Ok(at_some_revision(state.machine.incident(id).unwrap().clone())),
            Err(refused) => Err(refused.into()),
        };
        Box::pin(async { opened })
    }

    fn changes(&self) -> Arc<BTreeMap<ChangeId, Change>> {
        self.read(|s| Arc::clone(s.machine.changes()))
    }

    fn change(&self, act: ChangeAct) -> Answer<'_, Change, ChangeRefused> {
        let mut state = self.0.lock().unwrap();
        let done = if state.takes_acts {
            state.machine.change(now(), &act).map_err(Into::into).map(|(id, entries)| {
                entries.iter().for_each(|entry| state.facts.take(entry));
                state.machine.changes()[&id].clone()
            })
        } else {
            Err(Rejected::Unavailable("the journal is full".to_owned()))
        };
        Box::pin(async { done })
    }

    fn foreign(&self, by: String, alerts: Vec<ForeignAlert>) -> ForeignFuture<'_> {
        let mut state = self.0.lock().unwrap();
        let taken = if state.takes_acts { Ok(()) } else { Err("it is stopping".to_owned()) };
        state.foreign.extend(alerts.into_iter().map(|alert| (by.clone(), alert)));
        Box::pin(async { taken })
    }

    fn roster(&self) -> Arc<Roster> {
        self.read(|s| Arc::clone(s.machine.roster()))
    }

    fn set_roster(&self, change: RosterChange) -> Answer<'_, Arc<Roster>, RosterRefused> {
        let mut state = self.0.lock().unwrap();
        let done = state.machine.set_roster(now(), &change);
        let done = done.map(|_| Arc::clone(state.machine.roster())).map_err(Into::into);
        Box::pin(async { done })
    }

    fn figures(&self, period: Period) -> FiguresFuture<'_> {
        let figures = self.read(|s| match s.takes_acts {
            true => Ok(figures(&s.facts, &s.incidents, &s.contract, period, now())),
            false => Err("the ledger cannot be read".to_owned()),
        });
        Box::pin(async { figures })
    }

    fn deliveries(&self, incident: IncidentId) -> Vec<Delivery> {
        self.read(|s| s.notify.deliveries(incident).to_vec())
    }

    fn checkpoint(&self) -> CheckpointFuture<'_> {
        let text = if self.read(|s| s.takes_acts) { Ok("{}\n") } else { Err("it is stopping") };
        Box::pin(async move { text.map(str::to_owned).map_err(str::to_owned) })
    }

    fn series(&self) -> Arc<dyn SeriesReader> {
        Arc::new(Series(self.read(|s| s.series.clone())))
    }

    fn account(&self, name: &str) -> Option<Account> {
        self.read(|s| s.accounts.iter().find(|a| a.name == name).cloned())
    }

    fn client(&self, identity: &AccountIdentity, _cert_serial: &str) -> Result<Role, String> {
        let account = self.account(identity.account());
        account.map(|a| a.role).ok_or_else(|| "its account does not exist".to_owned())
    }

    fn access_changes(&self) -> watch::Receiver<()> {
        self.read(|s| s.access.subscribe())
    }

    fn ready(&self) -> Result<(), String> {
        self.read(|s| s.ready.clone())
    }

    fn self_metrics(&self) -> Vec<SelfMetric> {
        vec![SelfMetric {
            name: "wardround_ingest_batches_total".to_owned(),
            help: "Batches taken".to_owned(),
            kind: SelfMetricKind::Counter,
            values: vec![(Labels::from_pairs([("host", "a\"b\\c\nd")]), 42.0)],
        }]
    }

    fn auditor(&self) -> Arc<dyn Auditor> {
        Arc::clone(&self.1) as _
    }

    fn audit(&self, before: Option<u64>, limit: u64) -> AuditFuture<'_> {
        let events = self.1.0.lock().unwrap();
        let views = events.iter().zip(1..).map(|(event, number)| AuditView {
            number,
            event: event.clone(),
            count: 1,
            lost: 0,
        });
        let mut views: Vec<_> = views.filter(|v| before.is_none_or(|b| v.number < b)).collect();
        views.reverse();
        views.truncate(usize::try_from(limit).unwrap());
        Box::pin(async { Ok(views) })
    }
}

fn at_some_revision(incident: Incident) -> IncidentRevision {
    IncidentRevision { revision: incident.id.0, incident: Arc::new(incident) }
}

fn perform(state: &mut State, act: &Act) -> Result<Incident, ActError> {
    if !state.takes_acts {
        return Err(ActError::Unavailable("the journal is full".to_owned()));
    }
    let id = act.incident;
    let found = state.incidents.iter_mut().find(|i| i.id == id);
    let incident = found.ok_or(ActRefused::Unknown(id))?;
    let wrong_state = ActRefused::WrongState {
        incident: id,
        state: incident.state.to_string(),
        hint: "look at its state".to_owned(),
    };
    match &act.deed {
        Deed::Acknowledge if incident.state != IncidentState::Open => Err(wrong_state.into()),
        Deed::Resolve { fix } if fix.trim().is_empty() => Err(ActRefused::Missing("fix").into()),
        Deed::Resolve { .. } if incident.condition != Condition::Clear => {
            Err(ActRefused::StillBreached { incident: id, why: "os.cpu_busy is 0.94".to_owned() }
                .into())
        }
        Deed::Verify if incident.state != IncidentState::Resolved => Err(wrong_state.into()),
        Deed::Consent => {
            let why = "nothing was asked of the hospital".to_owned();
            Err(ActRefused::NotAllowed { incident: id, why }.into())
        }
        Deed::Acknowledge => {
            incident.state = IncidentState::Acknowledged;
            incident.acknowledged_by = Some(act.by.clone());
            incident.clocks.acknowledged = Some(now());
            Ok(incident.clone())
        }
        Deed::Resolve { fix } => {
            incident.state = IncidentState::Resolved;
            incident.fix = Some(fix.trim().to_owned());
            incident.clocks.resolved = Some(now());
            Ok(incident.clone())
        }
        Deed::Verify => {
            incident.state = IncidentState::Verifying;
            Ok(incident.clone())
        }
        // What becomes of the others is the machine's business.
        _ => Ok(incident.clone()),
    }
}

struct Series(Vec<Labels>);

impl SeriesReader for Series {
    fn select(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Vec<SeriesData> {
        let matching = self.0.iter().filter(|l| matchers.iter().all(|m| m.matches(l)));
        let inside = (from..=to).contains(&now());
        let data = matching
            .filter(|_| inside)
            .map(|labels| SeriesData { labels: labels.clone(), samples: vec![(now(), 1.0)] });
        data.collect()
    }
}

struct Archived(Result<Vec<Incident>, String>);

impl Archive for Archived {
    fn get(&self, id: IncidentId) -> Result<Option<Incident>, String> {
        Ok(self.0.clone()?.into_iter().find(|i| i.id == id))
    }

    fn visit(&self, visit: &mut dyn FnMut(Incident)) -> Result<(), String> {
        self.0.clone()?.into_iter().rev().for_each(visit);
        Ok(())
    }
}
