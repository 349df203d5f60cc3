use super::*;
use crate::facts::row::Cell;
use crate::facts::session::Answer;
use crate::facts::{accounts, server};
use shared_model::{BootTime, Timestamp};
use std::collections::VecDeque;
use std::sync::Mutex;

static SERVER: View<Row> = server::view("server", "server");
static SLOW: View<Row> =
    View { name: "slow", sql: "slow", pace: Pace::Every(Duration::from_secs(5)), ..SERVER };
static ACCOUNTS: View<Row> = accounts::view("accounts", "accounts");
static ENGINE: Engine = Engine {
    name: "engine",
    views: &[&SERVER, &SLOW, &ACCOUNTS],
    accounts: &ACCOUNTS,
    metrics: OnceLock::new(),
};

/// Time that stands where it is put.
#[derive(Default)]
struct Still(Mutex<u64>);

impl Clock for Still {
    fn wall(&self) -> Timestamp {
        Timestamp::from_micros(0)
    }

    fn boot(&self) -> BootTime {
        BootTime::from_micros(*self.0.lock().unwrap() * 1_000_000)
    }
}

/// What a server says, in order: to an attempt to connect, or to a statement.
type Script = Arc<Mutex<VecDeque<(&'static str, Result<Vec<Row>, Failure>)>>>;

struct Scripted(Script);

fn said(script: &Script, to: &str) -> Result<Vec<Row>, Failure> {
    let (expected, answer) = script.lock().unwrap().pop_front().expect("an answer is left");
    assert_eq!(to, expected);
    answer
}

impl Client for Scripted {
    fn open(&self) -> Answer<'_, Box<dyn Session>> {
        let opened = said(&self.0, "open");
        let session: Box<dyn Session> = Box::new(Self(Arc::clone(&self.0)));
        Box::pin(async move { opened.map(|_| session) })
    }
}

impl Session for Scripted {
    fn query(&mut self, sql: &'static str) -> Answer<'_, Vec<Row>> {
        let answer = said(&self.0, sql);
        Box::pin(async move { answer })
    }
}

fn failure(kind: FailureKind) -> Result<Vec<Row>, Failure> {
    Err(Failure { kind, what: "error 7".to_owned() })
}

fn numbers() -> Result<Vec<Row>, Failure> {
    Ok(vec![Row([1.0, 10.0, 60.0, 0.0].map(Cell::Number).to_vec())])
}

fn risks() -> Result<Vec<Row>, Failure> {
    let row = |account: Cell| Row(vec![Cell::Text("superuser".into()), account]);
    let names = [Cell::Null, Cell::Text("SYS".into()), Cell::Text("INTRUDER".into())];
    Ok(names.map(row).to_vec())
}

/// A probe, its clock, and what its server will say.
fn probe(
    script: Vec<(&'static str, Result<Vec<Row>, Failure>)>,
) -> (FactsProbe, Arc<Still>, Script) {
    let script: Script = Arc::new(Mutex::new(script.into()));
    let clock = Arc::new(Still::default());
    let schedule = Schedule {
        instance: "db1:1521/his".into(),
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(4),
        inspection: Duration::from_secs(3_600),
        allowed: vec!["sys".into()],
    };
    let client = Box::new(Scripted(Arc::clone(&script)));
    let probe = FactsProbe::new(&ENGINE, schedule, client, Arc::clone(&clock) as Arc<dyn Clock>);
    (probe, clock, script)
}

fn value(sink: &Sink, name: &str, label: &str) -> Option<f64> {
    let is_it = |s: &&agent_probe::Sample| {
        s.metric().name == name && s.labels().first().is_none_or(|(_, v)| **v == *label)
    };
    sink.samples().iter().find(is_it).and_then(agent_probe::Sample::value)
}

/// Scenario: a server that refuses, comes, lacks a view, fails in another, loses the session between two rounds and for good.
/// Guarantees: down with its reason and up again; a missing view is a reading and no complaint, a failed one a complaint without the
/// server's words; a lost session is opened anew within the round, and what is not due is not asked again; an allowed account is none.
#[tokio::test]
async fn a_server_comes_and_goes() {
    let (mut probe, clock, script) = probe(vec![
        ("open", failure(FailureKind::Ended(Reason::Exhausted))),
        ("open", Ok(Vec::new())),
        ("server", numbers()),
        ("slow", failure(FailureKind::Missing)),
        ("accounts", risks()),
        ("server", numbers()),
        ("slow", failure(FailureKind::Statement)),
        ("server", failure(FailureKind::Ended(Reason::Unreachable))),
        ("open", failure(FailureKind::Ended(Reason::Unreachable))),
        ("open", failure(FailureKind::Local)),
    ]);
    let mut sink = Sink::default();
    let mut round = async |at: u64| {
        *clock.0.lock().unwrap() = at;
        sink.begin();
        let outcome = probe.read(&mut sink).await;
        let up = value(&sink, "wardround_db_up", "");
        let refused = ["exhausted", "unreachable"]
            .map(|reason| value(&sink, "wardround_db_connect_refused", reason));
        let view = value(&sink, "wardround_db_view_available", "slow");
        let account = value(&sink, "wardround_db_accounts", "superuser");
        (format!("{outcome:?}"), up, refused, view, account)
    };
    let (outcome, up, refused, ..) = round(1).await;
    assert!(outcome.starts_with("Sampled"), "{outcome}");
    assert_eq!((up, refused), (Some(0.0), [Some(1.0), Some(0.0)]));
    let (outcome, up, refused, view, account) = round(2).await;
    assert!(outcome.starts_with("Sampled"), "{outcome}");
    assert_eq!((up, refused), (Some(1.0), [Some(0.0), Some(0.0)]));
    assert_eq!((view, account), (Some(0.0), Some(1.0)));
    let (outcome, up, _, view, account) = round(8).await;
    assert!(outcome.contains("slow: error 7"), "{outcome}");
    assert_eq!((up, view, account), (Some(1.0), Some(1.0), Some(1.0)));
    let (outcome, up, refused, _, account) = round(9).await;
    assert!(outcome.starts_with("Sampled"), "{outcome}");
    assert_eq!((up, refused, account), (Some(0.0), [Some(0.0), Some(1.0)], None));
    let (outcome, up, ..) = round(10).await;
    assert!(outcome.starts_with("Failed"), "{outcome}");
    assert_eq!(up, None, "the node's own fault says nothing about the server");
    assert!(script.lock().unwrap().is_empty());
}

/// Scenario: a round that the runner cuts, before and after the server answered. Guarantees: down by time-out, or up with a complaint.
#[tokio::test]
async fn a_cut_round_is_told() {
    let (mut probe, ..) = probe(vec![
        ("open", Ok(Vec::new())),
        ("server", numbers()),
        ("slow", numbers()),
        ("accounts", risks()),
    ]);
    let mut sink = Sink::default();
    sink.begin();
    assert!(matches!(probe.timed_out(&mut sink), Outcome::Sampled));
    assert_eq!(value(&sink, "wardround_db_up", ""), Some(0.0));
    assert_eq!(value(&sink, "wardround_db_connect_refused", "timed_out"), Some(1.0));
    sink.begin();
    probe.read(&mut sink).await;
    sink.begin();
    assert!(matches!(probe.timed_out(&mut sink), Outcome::Partial(_)));
    assert_eq!(value(&sink, "wardround_db_up", ""), Some(1.0));
}
