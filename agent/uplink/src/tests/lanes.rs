//! Live before backfill, within the credit.

use super::collector::{Collector, State};
use super::narrow::NarrowLink;
use super::node::{Node, authority, catalog, credentials, round};
use proto::{Credit, down, ranges_to_wire};
use shared_model::{Lane, Seq, SeqRange};
use std::time::Duration;

/// Fills the spool in `dir` with rounds 1 to `count` while no collector is there.
async fn spool(dir: &std::path::Path, collector: &Collector, count: u64) {
    let closed = "127.0.0.1:9";
    let node = Node::start_with(dir, closed, credentials(&collector.authority));
    node.uplink.offer(Some(&catalog(1)), &round(1)).unwrap();
    for value in 2..=count {
        node.uplink.offer(None, &round(value)).unwrap();
    }
    node.kill().await;
}

/// Waits until the node has a session, or has none.
async fn connected(node: &Node, wanted: bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while node.uplink.status().connected != wanted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    waited.await.unwrap();
}

fn of(state: &State, lane: Lane) -> usize {
    state.batches.values().filter(|(of, _)| *of == lane).count()
}

/// Scenario: four hours of rounds wait while a link of 16 KiB a second comes back; a round is made every tenth of a second.
/// Guarantees: each is on the collector's side before a second's worth of backfill that was in its way (I15), whatever
/// the machine's load; the backfill goes on meanwhile.
#[tokio::test]
async fn hours_of_backfill_do_not_delay_live_rounds() {
    const HOURS_4: u64 = 14_400;
    const RATE: u64 = 16 << 10;
    let (authority, _ca) = authority();
    let collector = Collector::start(authority).await;
    let dir = tempfile::tempdir().unwrap();
    spool(dir.path(), &collector, HOURS_4).await;
    let link = NarrowLink::to(&collector.address, RATE).await;
    let node = Node::start_with(dir.path(), &link.address, credentials(&collector.authority));
    collector.wait("the backfill to begin", |s| of(s, Lane::Backfill) > 20).await;
    let (mut worst, mut seq) = (0, Seq(HOURS_4));
    for value in HOURS_4 + 1..=HOURS_4 + 60 {
        let before = link.carried();
        seq = node.uplink.offer(None, &round(value)).unwrap();
        collector.wait("the live round", |s| s.batches.contains_key(&seq)).await;
        worst = worst.max(link.carried() - before);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let state = collector.state.borrow();
    assert_eq!((state.batches[&seq].0, seq), (Lane::Live, Seq(HOURS_4 + 60)));
    let millis = worst * 1000 / RATE;
    println!(
        "{} of {HOURS_4} rounds filled back; at most {worst} bytes carried until a live round was there: {millis} ms",
        of(&state, Lane::Backfill)
    );
    assert!(millis < 1000, "{worst} bytes were in the way");
    assert!(of(&state, Lane::Backfill) > 60, "the backfill stood still");
}

/// Scenario: rounds wait; the collector holds backfill, then grants three records and confirms none, then confirms and
/// lifts every limit; live rounds are made all the time. Guarantees: backfill stays within what is granted, live rounds
/// never wait for it, and everything arrives in the end, the backfill in order.
#[tokio::test]
async fn backfill_keeps_to_its_credit() {
    let (authority, _ca) = authority();
    let collector = Collector::start(authority).await;
    let dir = tempfile::tempdir().unwrap();
    spool(dir.path(), &collector, 200).await;
    collector.state.send_modify(|s| s.credit = Credit { hold: true, ..Credit::default() });
    let node = Node::start(dir.path(), &collector);
    connected(&node, true).await;
    let mut value = 200;
    let mut live = async |collector: &Collector| {
        for _ in 0..10 {
            value += 1;
            let seq = node.uplink.offer(None, &round(value)).unwrap();
            collector.wait("a live round", |s| s.batches.contains_key(&seq)).await;
        }
    };
    live(&collector).await;
    assert_eq!(of(&collector.state.borrow(), Lane::Backfill), 0, "held");

    let three = Credit { batches: 3, ..Credit::default() };
    collector
        .state
        .send_modify(|s| (s.credit, s.withheld) = (three, Some([].into_iter().collect())));
    collector.order(down(three.ack(Vec::new())));
    collector.wait("three records", |s| of(s, Lane::Backfill) == 3).await;
    live(&collector).await;
    assert_eq!(of(&collector.state.borrow(), Lane::Backfill), 3, "no more than granted");

    let mut waiting = None;
    collector.state.send_modify(|s| {
        s.credit = Credit::default();
        waiting = s.withheld.take();
    });
    let waiting = waiting.unwrap();
    collector.order(down(Credit::default().ack(ranges_to_wire(&waiting))));
    live(&collector).await;
    collector.wait("everything", |s| s.batches.len() == 230).await;
    let state = collector.state.borrow();
    let backfill = state.arrivals.iter().filter(|seq| seq.0 <= 200);
    assert!(backfill.is_sorted(), "the backfill keeps its order");
    assert_eq!(state.settled.ranges(), [SeqRange { from: Seq(1), to: Seq(230) }]);
    assert_eq!(state.arrivals.len(), 230, "nothing is sent twice");
}

/// Scenario: sixty sessions that end before the backfill does. Guarantees: no more intervals of confirmed numbers come up
/// than an agent may leave, and everything arrives once.
#[tokio::test]
async fn short_sessions_leave_few_intervals() {
    let (authority, _ca) = authority();
    let collector = Collector::start(authority).await;
    let dir = tempfile::tempdir().unwrap();
    spool(dir.path(), &collector, 5).await;
    collector.state.send_modify(|s| s.credit = Credit { hold: true, ..Credit::default() });
    let node = Node::start(dir.path(), &collector);
    let mut last = Seq(5);
    for session in 1..=70 {
        collector.wait("the session", |s| s.sessions == session).await;
        connected(&node, true).await;
        last = node.uplink.offer(None, &round(last.0 + 1)).unwrap();
        collector.wait("a live round", |s| s.batches.contains_key(&last)).await;
        // Settled before the session is left, and one round is made while none is open.
        collector.order(down(proto::wire::Drain { reconnect_window_ms: 0, reason: "t".into() }));
        connected(&node, false).await;
        last = node.uplink.offer(None, &round(last.0 + 1)).unwrap();
    }
    let most = collector.state.borrow().settled.ranges().len();
    println!("{most} intervals after 70 sessions");
    assert!((2..=proto::limits::MAX_SETTLED_RANGES).contains(&most), "{most} intervals");
    collector.state.send_modify(|s| s.credit = Credit::default());
    collector.wait("everything", |s| s.settled.count() == last.0).await;
}

/// Scenario: the node gets a new certificate while rounds are made. Guarantees: it moves to a new connection by itself, at
/// once and without a failure, and every round arrives once.
#[tokio::test]
async fn a_new_certificate_moves_the_session() {
    let (authority, _ca) = authority();
    let collector = Collector::start(authority).await;
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &collector);
    node.uplink.offer(Some(&catalog(1)), &round(1)).unwrap();
    collector.wait("the first round", |s| s.batches.len() == 1).await;
    for sessions in 2..5 {
        node.uplink.set_tls(credentials(&collector.authority));
        node.uplink.offer(None, &round(sessions)).unwrap();
        collector.wait("the next session", |s| s.sessions == sessions).await;
    }
    collector.wait("every round", |s| s.batches.len() == 4).await;
    assert_eq!(node.uplink.status().last_failure, None);
    let state = collector.state.borrow();
    let runs: Vec<_> = state.hellos.iter().map(|h| h.run_id).collect();
    assert!(runs[0].is_some() && runs.iter().all(|run| *run == runs[0]), "one program, one run");
}
