//! What a feed tells, event by event, and the end of a client that does not read.

use super::*;
use crate::filter::Filter;
use collector_domain::{
    Clocks, Condition, Incident, IncidentId, IncidentRevision, IncidentState, Sheet, Text,
};
use shared_model::{Labels, Level};
use tonic::Code;

fn incident(id: u64, revision: u64, state: IncidentState, host: &str) -> IncidentRevision {
    let at = Timestamp::from_secs(1_000);
    let text = || Text { zh: "故障".to_owned(), en: "fault".to_owned() };
    let clocks = Clocks::started(at, at, at, at);
    let incident = Incident {
        id: IncidentId(id),
        cause: "os.cpu_busy".into(),
        subject: Labels::from_pairs([("host", host)]),
        clause: "3.2".parse().unwrap(),
        title: text(),
        advice: text(),
        level: Level::Two,
        level_highest: Level::Two,
        levels: vec![],
        state,
        condition: Condition::Breached,
        value: None,
        late: false,
        clocks,
        links: vec![],
        reopened: 0,
        acknowledged_by: None,
        fix: None,
        notes: vec![],
        evidence: vec![],
        sheet: Sheet::default(),
    };
    IncidentRevision { revision, incident: Arc::new(incident) }
}

fn set(revision: u64, incidents: &[IncidentRevision]) -> IncidentSet {
    IncidentSet { revision, incidents: incidents.to_vec() }
}

/// Each event as `revision id` or `revision -id`.
fn told(feed: &mut Feed, set: &IncidentSet) -> Vec<String> {
    let mut words = Vec::new();
    for change in feed.changes(set) {
        let Some(told) = feed.tell(change) else { continue };
        let event = event(feed, told);
        words.push(match event.event {
            Some(Event::Incident(incident)) => format!("{} {}", event.revision, incident.id),
            Some(Event::Unmatched(id)) => format!("{} -{id}", event.revision),
            other => panic!("{other:?}"),
        });
    }
    words
}

/// Scenario: incidents change between looks, some more than once, some out of the filter. Guarantees: from the beginning each
/// matching one comes once in the order of its last change; later only what changed; one that stops matching is told once, one
/// that never matched not at all; a resumed feed says what may have stopped matching.
#[test]
fn changes_come_once_in_order_and_the_rest_is_taken_back() {
    use IncidentState::{Acknowledged, Open};
    let filter = Filter { states: Some(vec![Open]), ..Filter::default() };
    let mut feed = Feed::new(filter.clone(), 0);
    let first = set(
        5,
        &[
            incident(1, 5, Open, "db-1"),
            incident(2, 2, Open, "db-2"),
            incident(3, 3, Acknowledged, "db-3"),
        ],
    );
    assert_eq!(told(&mut feed, &first), ["2 W-000002", "5 W-000001"]);
    assert!(told(&mut feed, &first).is_empty());
    let second = set(
        9,
        &[
            incident(1, 8, Acknowledged, "db-1"),
            incident(2, 2, Open, "db-2"),
            incident(3, 7, Acknowledged, "db-3"),
            incident(4, 9, Open, "db-1"),
        ],
    );
    assert_eq!(told(&mut feed, &second), ["8 -W-000001", "9 W-000004"]);
    let mut resumed = Feed::new(filter, 5);
    assert_eq!(told(&mut resumed, &second), ["7 -W-000003", "8 -W-000001", "9 W-000004"]);
}

/// Scenario: a client resumes at the revision of any event it got. Guarantees: it gets exactly the events behind that one.
#[test]
fn a_feed_resumes_after_any_event() {
    let all: Vec<IncidentRevision> = [(1, 40), (2, 7), (3, 19), (4, 23)]
        .map(|(id, revision)| incident(id, revision, IncidentState::Open, "db-1"))
        .to_vec();
    let all = set(41, &all);
    let whole = told(&mut Feed::new(Filter::default(), 0), &all);
    for (n, event) in whole.iter().enumerate() {
        let revision = event.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(told(&mut Feed::new(Filter::default(), revision), &all), whole[n + 1..]);
    }
}

/// Scenario: a hundred incidents for a client that takes nothing, and one that takes everything. Guarantees: the first is cut
/// with RESOURCE_EXHAUSTED after what fitted its queue; the second gets all of it, the mark, and signs of life.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut() {
    let many: Vec<IncidentRevision> =
        (1..=100).map(|id| incident(id, id, IncidentState::Open, "db-1")).collect();
    let many = Arc::new(set(100, &many));
    let revisions = watch::Sender::new(100);
    let open = || {
        let many = Arc::clone(&many);
        let look = move || (Arc::clone(&many), Timestamp::from_secs(2_000));
        stream(Feed::new(Filter::default(), 0), revisions.subscribe(), look)
    };
    let slow = open();
    tokio::time::sleep(SLOW_MAX * 2).await;
    let got: Vec<Result<WatchEvent, Status>> = slow.collect().await;
    assert_eq!(got.len(), QUEUE + 1);
    let last = got.last().unwrap().as_ref().unwrap_err();
    assert_eq!(last.code(), Code::ResourceExhausted);

    let got: Vec<_> = open().take(102).map(Result::unwrap).collect().await;
    assert!(matches!(got[100].event, Some(Event::CaughtUp(_))), "{:?}", got[100]);
    assert!(matches!(got[101].event, Some(Event::Alive(_))), "{:?}", got[101]);
    assert_eq!((got[99].revision, got[101].revision), (100, 100));
}
