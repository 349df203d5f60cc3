//! Sessions.

use super::collector::{Collector, State};
use super::node::{Node, authority, catalog, credentials, credentials_trusting, delta, round};
use crate::OfferError;
use proto::wire::NackCode;
use proto::{down, wire};
use shared_model::{
    Batch, BootTime, Catalog, Event, EventContent, GapReason, Lane, Seq, SeqRange, Timestamp,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// The values that were kept, in order of numbers.
fn values(state: &State) -> Vec<u64> {
    let value = |batch: &Batch| batch.blocks[0].values[0].unwrap() as u64;
    state.batches.values().map(|(_, batch)| value(batch)).collect()
}

/// Scenario: a node meets a collector for the first time, works, grows its catalog, stops, and comes back.
/// Guarantees: the catalog comes before the batch and only once; deltas follow; what is confirmed leaves the spool; the
/// goodbye is said; numbers and catalog continue.
#[tokio::test]
async fn a_first_session_and_the_next() {
    let (authority, _ca) = authority();
    let collector = Collector::start(authority).await;
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &collector);
    assert_eq!(node.uplink.offer(Some(&catalog(1)), &round(1)).unwrap(), Seq(1));
    collector.wait("the first batch", |s| values(s) == [1]).await;
    node.uplink.offer(None, &round(2)).unwrap();
    node.uplink.offer(Some(&delta(2)), &Batch { generation: 2, ..round(3) }).unwrap();
    collector.wait("all batches", |s| values(s) == [1, 2, 3]).await;
    collector
        .wait("a measured clock", |s| {
            s.heartbeats
                .last()
                .is_some_and(|beat| beat.clock_offset_us.is_some_and(|us| us.abs() < 1_000_000))
        })
        .await;
    assert!(node.uplink.status().connected);
    assert_eq!(node.uplink.status().unacked, 0);
    node.stop().await;
    collector.wait("the goodbye", |s| s.goodbyes == 1).await;

    let node = Node::start(dir.path(), &collector);
    assert_eq!(node.uplink.catalog(), catalog(2));
    assert_eq!(node.uplink.offer(None, &round(4)).unwrap(), Seq(4));
    collector.wait("the batch after the restart", |s| values(s) == [1, 2, 3, 4]).await;
    let state = collector.state.borrow();
    assert_eq!(state.catalogs, [catalog(1), delta(2)], "the known catalog is not sent again");
    assert_eq!(state.arrivals.len(), 4, "nothing is sent twice");
    assert_eq!((state.batches[&Seq(2)].0, state.batches[&Seq(3)].0), (Lane::Live, Lane::Live));
    let hellos: Vec<u64> = state.hellos.iter().map(|h| h.session_no).collect();
    assert!(
        hellos.is_sorted() && hellos.len() >= 2 && hellos.first() < hellos.last(),
        "{hellos:?}"
    );
}

/// Scenario: within a session the agent numbers its series anew, once with a round still on the way and once with none.
/// Guarantees: refused, then taken; the collector gets the whole catalog before the batch that needs it, no batch twice, and after a
/// restart numbers and catalog continue.
#[tokio::test]
async fn a_catalog_is_replaced_within_a_session() {
    let (authority, _ca) = authority();
    let collector = Collector::start(authority).await;
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &collector);
    let anew = Catalog { generation: 4, ..catalog(1) };
    let of = |generation, value| Batch { generation, ..round(value) };
    node.uplink.offer(Some(&catalog(3)), &of(3, 1)).unwrap();
    assert!(matches!(node.uplink.offer(Some(&anew), &of(4, 2)), Err(OfferError::Redefined { .. })));
    collector.wait("the first batch", |s| values(s) == [1]).await;
    while !node.uplink.is_settled() {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.uplink.offer(Some(&anew), &of(4, 2)).unwrap(), Seq(2));
    collector.wait("the batch of the new catalog", |s| values(s) == [1, 2]).await;
    node.stop().await;

    let node = Node::start(dir.path(), &collector);
    assert_eq!(node.uplink.catalog(), anew);
    node.uplink.offer(None, &of(4, 3)).unwrap();
    collector.wait("the batch after the restart", |s| values(s) == [1, 2, 3]).await;
    let state = collector.state.borrow();
    assert_eq!(state.catalogs, [catalog(3), anew]);
    assert_eq!(state.arrivals.len(), 3, "nothing is sent twice");
}

/// Scenario: rounds are made while no collector listens, the agent is killed, then a collector appears.
/// Guarantees: the old rounds come in order, marked as backfill, under the numbers they had; new ones are live.
#[tokio::test]
async fn an_outage_is_filled_in_order() {
    let (authority, _ca) = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start_with(dir.path(), &address, credentials(&authority));
    node.uplink.offer(Some(&catalog(1)), &round(1)).unwrap();
    // More than is kept in memory.
    (2..=200)
        .for_each(|value| assert_eq!(node.uplink.offer(None, &round(value)).unwrap(), Seq(value)));
    node.kill().await;
    let collector = Collector::start(authority).await;
    let node = Node::start(dir.path(), &collector);
    collector.wait("the backfill", |s| s.batches.len() == 200).await;
    assert_eq!(node.uplink.offer(None, &round(201)).unwrap(), Seq(201));
    collector.wait("the live batch", |s| s.batches.len() == 201).await;
    let state = collector.state.borrow();
    assert_eq!(values(&state), (1..=201).collect::<Vec<_>>());
    assert!(state.arrivals.is_sorted(), "oldest first");
    let backfill = state.batches.values().filter(|(lane, _)| *lane == Lane::Backfill).count();
    assert_eq!(backfill, 200);
    let expected = SeqRange { from: Seq(1), to: Seq(200) };
    assert_eq!(state.hellos[0].spooled.ranges(), [expected]);
}

/// Scenario: the connection is cut twenty times after a random number of records, whose last is stored but not
/// acknowledged; once in four the agent is killed as well.
/// Guarantees: every round is kept exactly once after duplicates are dropped by number, in order.
#[tokio::test]
async fn every_round_arrives_exactly_once() {
    let seed = getrandom::u64().unwrap();
    println!("seed {seed}");
    let mut random = seed;
    let mut next = |below: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let (authority, _ca) = authority();
    let collector = Collector::start(authority).await;
    let dir = tempfile::tempdir().unwrap();
    let mut node = Node::start(dir.path(), &collector);
    let mut value = 1;
    node.uplink.offer(Some(&catalog(1)), &round(value)).unwrap();
    for cut in 0..20u64 {
        let before = collector.state.borrow().sessions;
        let after = next(7) as usize;
        collector.state.send_modify(|s| s.cut_after = Some(after));
        for _ in 0..after + 1 + next(5) as usize {
            value += 1;
            node.uplink.offer(None, &round(value)).unwrap();
        }
        collector.wait("the cut", |s| s.cut_after.is_none()).await;
        if cut % 4 == 3 {
            node.kill().await;
            node = Node::start(dir.path(), &collector);
        } else {
            // A session that lived a minute is followed by a quick attempt.
            node.clock.jump(Duration::from_secs(61));
        }
        collector.wait("the next session", |s| s.sessions > before).await;
    }
    collector.wait("every round", |s| s.batches.len() as u64 == value).await;
    let state = collector.state.borrow();
    assert_eq!(values(&state), (1..=value).collect::<Vec<_>>(), "seed {seed}");
    assert!(state.gaps.is_empty(), "nothing was lost");
    assert!(state.arrivals.len() >= state.batches.len());
    drop(state);
    node.stop().await;
}

/// Scenario: records are not taken, once for each reason. Guarantees: busy and checksum are sent again; an unknown
/// catalog is sent before the record; invalid records and too many series become declared losses.
#[tokio::test]
async fn refused_records_are_treated_by_reason() {
    for (code, gaps, catalogs) in [
        (NackCode::Busy, 0, 1),
        (NackCode::Checksum, 0, 1),
        (NackCode::UnknownCatalog, 0, 2),
        (NackCode::Invalid, 1, 1),
        (NackCode::TooManySeries, 1, 1),
    ] {
        let (authority, _ca) = authority();
        let collector = Collector::start(authority).await;
        collector.state.send_modify(|s| s.nacks.push_back(code));
        let dir = tempfile::tempdir().unwrap();
        let node = Node::start(dir.path(), &collector);
        node.uplink.offer(Some(&catalog(1)), &round(1)).unwrap();
        node.uplink.offer(None, &round(2)).unwrap();
        collector.wait("both settled", |s| s.batches.len() + s.gaps.len() == 2).await;
        let state = collector.state.borrow();
        assert_eq!((state.gaps.len(), state.catalogs.len()), (gaps, catalogs), "{code:?}");
        let first = SeqRange { from: Seq(1), to: Seq(1) };
        assert!(state.gaps.values().all(|g| g.reason == GapReason::Refused && g.lost == first));
        assert!(state.gaps.values().all(|g| g.first.is_some()), "the times are known");
    }
}

/// Scenario: the collector asks everybody to come back, then a session dies in silence.
/// Guarantees: both times the node opens a new session and its next round arrives.
#[tokio::test]
async fn drains_and_silence_end_in_a_new_session() {
    let (authority, _ca) = authority();
    let collector = Collector::start(authority).await;
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &collector);
    node.uplink.offer(Some(&catalog(1)), &round(1)).unwrap();
    collector.wait("the first batch", |s| values(s) == [1]).await;
    node.clock.jump(Duration::from_secs(61));
    collector.order(down(wire::Drain { reconnect_window_ms: 0, reason: "restart".into() }));
    collector.wait("a second session", |s| s.sessions == 2).await;
    node.uplink.offer(None, &round(2)).unwrap();
    collector.wait("the second batch", |s| values(s) == [1, 2]).await;
    collector.state.send_modify(|s| s.mute = true);
    let beats = collector.state.borrow().heartbeats.len();
    collector.wait("a heartbeat into silence", |s| s.heartbeats.len() > beats + 1).await;
    node.clock.jump(Duration::from_secs(61));
    collector.wait("a third session", |s| s.sessions == 3).await;
    node.uplink.offer(None, &round(3)).unwrap();
    collector.wait("the third batch", |s| values(s) == [1, 2, 3]).await;
}

/// Scenario: heartbeats are a minute apart. Guarantees: a round does not wait for one.
#[tokio::test]
async fn a_live_round_leaves_at_once() {
    let (authority, _ca) = authority();
    let collector = Collector::start(authority).await;
    collector.state.send_modify(|s| s.heartbeat = Duration::from_secs(60));
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &collector);
    node.uplink.offer(Some(&catalog(1)), &round(1)).unwrap();
    for value in 2..50 {
        collector.wait("the round before", |s| values(s).last() == Some(&(value - 1))).await;
        node.uplink.offer(None, &round(value)).unwrap();
    }
    collector.wait("the last round", |s| s.batches.len() == 49).await;
    assert!(collector.state.borrow().heartbeats.len() <= 1);
}

/// Scenario: heartbeats are a minute apart; rounds come just below and just above half of that after the last one.
/// Guarantees: the later one takes a heartbeat along, which arrives before it.
#[tokio::test]
async fn a_round_takes_a_heartbeat_along() {
    let (authority, _ca) = authority();
    let collector = Collector::start(authority).await;
    collector.state.send_modify(|s| s.heartbeat = Duration::from_secs(60));
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &collector);
    node.uplink.offer(Some(&catalog(1)), &round(1)).unwrap();
    collector.wait("the first round", |s| s.batches.len() == 1 && s.heartbeats.len() == 1).await;
    for (value, jump_s, beats) in [(2, 25, 1), (3, 6, 2), (4, 1, 2)] {
        node.clock.jump(Duration::from_secs(jump_s));
        node.uplink.offer(None, &round(value)).unwrap();
        collector.wait("the round", |s| s.batches.len() as u64 == value).await;
        assert_eq!(collector.state.borrow().heartbeats.len(), beats, "{value}");
    }
}

/// Scenario: three rounds are offered and the agent is killed at once, then started on the same folder, twice. Guarantees:
/// the thread that syncs has ended with the task, so that the spool can be opened again, and the numbers go on.
#[tokio::test]
async fn the_spool_is_free_after_a_kill() {
    let (authority, _ca) = authority();
    let dir = tempfile::tempdir().unwrap();
    for begin in [1, 4, 7] {
        let node = Node::start_with(dir.path(), "127.0.0.1:9", credentials(&authority));
        for value in begin..begin + 3 {
            let definitions = (value == 1).then(|| catalog(1));
            assert_eq!(node.uplink.offer(definitions.as_ref(), &round(value)).unwrap(), Seq(value));
        }
        node.kill().await;
    }
}

/// Scenario: the node is revoked; its certificate is from another authority; it trusts another authority; nobody
/// listens. Guarantees: each time the status says what happened and what to do, and rounds go on being taken.
#[tokio::test]
async fn failures_say_what_to_do() {
    let (ours, _ca) = authority();
    let (foreign, _other_ca) = authority();
    let collector = Collector::start(Arc::clone(&ours)).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    for (address, tls, expected) in [
        (
            &collector.address,
            credentials_trusting(&foreign, &ours),
            "certificate refused by the collector",
        ),
        (&collector.address, credentials_trusting(&ours, &foreign), "possible interception"),
        (&closed, credentials(&ours), "cannot reach the collector"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let node = Node::start_with(dir.path(), address, tls);
        node.uplink.offer(Some(&catalog(1)), &round(1)).unwrap();
        let failure = failure(&node).await;
        assert!(failure.contains(expected), "{failure}");
        assert_eq!(node.uplink.offer(None, &round(2)).unwrap(), Seq(2));
        node.stop().await;
    }
    assert_eq!(collector.state.borrow().sessions, 0);
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &collector);
    collector.wait("a session", |s| s.sessions == 1).await;
    collector.wait("a heartbeat", |s| !s.heartbeats.is_empty()).await;
    collector.order(down(wire::Revoked { reason: "lost laptop".into() }));
    let failure = failure(&node).await;
    assert!(failure.contains("was revoked") && failure.contains("lost laptop"), "{failure}");
    node.stop().await;
}

/// What the status says once there is a failure.
async fn failure(node: &Node) -> String {
    let found = async {
        loop {
            if let Some(failure) = node.uplink.status().last_failure {
                return failure;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found).await.unwrap()
}

/// Scenario: offers that break the contract. Guarantees: refused with the reason, no number is used.
#[tokio::test]
async fn broken_offers_use_no_number() {
    let (authority, _ca) = authority();
    let collector = Collector::start(authority).await;
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &collector);
    let early = node.uplink.offer(None, &round(1));
    assert!(matches!(early, Err(OfferError::Generation { generation: 1, known: 0 })), "{early:?}");
    let skipping = node.uplink.offer(Some(&delta(3)), &round(1));
    assert!(matches!(skipping, Err(OfferError::Catalog { generation: 3, .. })), "{skipping:?}");
    let mut ragged = round(1);
    ragged.blocks[0].times.clear();
    let ragged = node.uplink.offer(Some(&catalog(1)), &ragged);
    assert!(matches!(ragged, Err(OfferError::Encode(_))), "{ragged:?}");
    assert_eq!(node.uplink.offer(None, &round(1)).unwrap(), Seq(1));
}

/// Scenario: events between rounds, and a cut connection that loses the acknowledgement of one.
/// Guarantees: the events arrive under their numbers, once, and are settled like rounds.
#[tokio::test]
async fn events_go_the_way_of_batches() {
    let (authority, _ca) = authority();
    let collector = Collector::start(authority).await;
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &collector);
    let event = |step_us| Event {
        at: Timestamp::from_secs(7),
        boot: BootTime::default(),
        key: "".into(),
        content: EventContent::ClockStep { step_us },
    };
    collector.state.send_modify(|s| s.cut_after = Some(1));
    node.uplink.offer(Some(&catalog(1)), &round(1)).unwrap();
    assert_eq!(node.uplink.event(event(1)).unwrap(), Seq(2));
    node.uplink.offer(None, &round(2)).unwrap();
    collector.wait("the rounds", |s| values(s) == [1, 2] && s.sessions == 2).await;
    collector.wait("the event", |s| s.events.get(&Seq(2)) == Some(&event(1))).await;
    assert_eq!(node.uplink.event(event(2)).unwrap(), Seq(4));
    collector.wait("the second event", |s| s.events.len() == 2).await;
    node.stop().await;
    let state = collector.state.borrow();
    let content: Vec<_> = state.events.values().map(|event| event.content.clone()).collect();
    assert_eq!(content, [1, 2].map(|step_us| EventContent::ClockStep { step_us }));
    assert_eq!(state.settled.ranges(), [SeqRange { from: Seq(1), to: Seq(4) }]);
}
