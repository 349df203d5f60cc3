//! The fold as a whole: a node's InfiniBand port goes down and comes back, told as journal records.

use super::clock_watch::{OFFSET, STEP};
use super::fold::{Fold, SampleSink};
use super::observed::{Observation, ObservedRecord};
use super::publish::{Published, Totals};
use super::record::{BatchRecord, EventRecord, OpenedRecord, Record, Source, Started};
use super::revisions::Revisions;
use super::state_file;
use super::steady::Stamp;
use collector_domain::{
    Act, Contract, Deed, Entry, EntryKind, IncidentId, NewSilence, SilenceChange, SilenceMatcher,
    Topology,
};
use collector_incidents::Machine;
use collector_notify::{Origin, Profile, Receiver};
use collector_standards::{Evaluator, Pack};
use collector_store::series::GroupId;
use prost::Message as _;
use shared_journal::Lsn;
use shared_model::{
    Batch, Block, BootTime, Catalog, Event, EventContent, Kind, Labels, Lane, Level, NodeIdentity,
    Seq, SeriesDef, SeriesSet, Timestamp, Unit,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

mod late;
mod store;
mod time;

/// Rows by group and time, as the series store would hold them.
#[derive(Default)]
struct Rows {
    /// It has no room for further series.
    is_full: bool,
    groups: Vec<Vec<Labels>>,
    rows: BTreeMap<(u32, Timestamp), u32>,
}

impl SampleSink for Rows {
    fn group(&mut self, series: &[Labels]) -> Result<GroupId, String> {
        if self.is_full {
            return Err("too many series".to_owned());
        }
        self.groups.push(series.to_vec());
        Ok(GroupId(u32::try_from(self.groups.len() - 1).unwrap()))
    }

    fn row(&mut self, group: GroupId, at: Timestamp, _values: &[Option<f64>], _lsn: Lsn) {
        *self.rows.entry((group.0, at)).or_default() += 1;
    }
}

const START_S: i64 = 1_000_000;

fn stamp(second: u64) -> Stamp {
    let wall = Timestamp::from_secs(START_S + i64::try_from(second).unwrap());
    Stamp { wall, boot: BootTime::from_micros(second * 1_000_000) }
}

fn catalog() -> Record {
    catalog_of(1, ["node_infiniband_state_id", "node_infiniband_physical_state_id"])
}

/// A whole catalog with one set of two series.
fn catalog_of(generation: u32, names: [&str; 2]) -> Record {
    let series = names.iter().zip(1..).map(|(name, reference)| SeriesDef {
        reference,
        name: (*name).into(),
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: vec![("device".into(), "mlx5_0".into()), ("port".into(), "1".into())],
    });
    let set = SeriesSet { id: 1, job: "node".into(), instance: "".into(), references: vec![1, 2] };
    let catalog = Catalog { generation, base: 0, series: series.collect(), sets: vec![set] };
    Record::Catalog {
        source: 1,
        wire: proto::encode_catalog(&catalog).unwrap().encode_to_vec().into(),
    }
}

fn batch(second: u64, is_up: bool) -> Record {
    sent(second, second, Lane::Live, is_up)
}

/// The reading of `taken` that comes at `second`.
fn sent(second: u64, taken: u64, lane: Lane, is_up: bool) -> Record {
    reading(second, taken, stamp(taken).wall, lane, is_up)
}

fn reading(second: u64, taken: u64, at: Timestamp, lane: Lane, is_up: bool) -> Record {
    let (state, physical) = if is_up { (4.0, 5.0) } else { (1.0, 2.0) };
    let block = Block { set: 1, times: vec![at], values: vec![Some(state), Some(physical)] };
    let body = proto::BodyEncoder::new()
        .unwrap()
        .encode(&Batch { generation: 1, blocks: vec![block] })
        .unwrap();
    Record::Batch(BatchRecord {
        stamp: stamp(second),
        source: 1,
        seq: Seq(taken + 1),
        lane,
        generation: 1,
        raw_len: body.raw_len,
        crc32c: body.crc32c,
        body: body.zbody,
    })
}

fn profile() -> Profile {
    let receiver = Receiver {
        name: "noc".into(),
        levels: vec![Level::Two],
        send_resolved: true,
        after: Duration::ZERO,
        group_wait: Duration::ZERO,
        per_minute: None,
    };
    Profile { origin: Origin::default(), receivers: vec![receiver] }
}

/// The node is silenced from the fifth second on for ten seconds.
fn silence() -> Record {
    let matchers = vec![SilenceMatcher { name: "host".to_owned(), values: vec!["db1".to_owned()] }];
    let (by, reason, end) = ("zhang".to_owned(), "maintenance".to_owned(), stamp(15).wall);
    let new = NewSilence { matchers, by, reason, start: None, end };
    Record::Silenced { stamp: stamp(5), change: SilenceChange::Create(new) }
}

/// The start of the collector, of a node and of its first session.
fn beginning() -> Vec<Record> {
    let node = NodeIdentity::new("p", "h", "a", "db1").unwrap();
    let started = Started {
        stamp: stamp(0),
        boot_id: "boot".to_owned(),
        version: "test".to_owned(),
        pack: "test".to_owned(),
        contract: Contract::default(),
        topology: Topology::default(),
        reconnect_window: Duration::from_secs(1),
        notify: profile(),
    };
    vec![
        Record::Started(Box::new(started)),
        Record::Source(Source { source: 1, node, stream: [7; 16] }),
        catalog(),
        opened(0, 0),
    ]
}

fn opened(second: u64, clock_offset_us: i64) -> Record {
    Record::Opened(OpenedRecord {
        stamp: stamp(second),
        source: 1,
        session_no: second + 1,
        agent_version: "test".to_owned(),
        clock_offset_us,
    })
}

/// Up for 10 s, down for 20 s, up again; acknowledged at 20 s, resolved at 40 s, verified at 45 s.
fn story() -> Vec<Record> {
    let mut records = beginning();
    let incident = IncidentId(1);
    for second in 0..60 {
        records.push(batch(second, !(10..30).contains(&second)));
        if second == 5 {
            records.push(silence());
        }
        records.push(Record::Tick(stamp(second)));
        let by = "zhang".to_owned();
        let deed = match second {
            20 => Deed::Acknowledge,
            40 => Deed::Resolve { fix: "cable reseated".to_owned() },
            45 => Deed::Verify,
            _ => continue,
        };
        let act = Act { incident, by, deed };
        records.push(Record::Acted { stamp: stamp(second), act });
    }
    records
}

fn fresh(pack: &Arc<Pack>) -> Fold {
    let evaluator = Evaluator::new(Arc::clone(pack), &Contract::default());
    let machine = Machine::new(pack.rules(), Contract::default(), Topology::default());
    Fold::new(Arc::clone(pack), evaluator, machine).unwrap()
}

fn run(fold: &mut Fold, sink: &mut Rows, records: &[Record], first: usize) -> Vec<Entry> {
    let numbered = records.iter().zip(first..);
    let entries =
        numbered.flat_map(|(record, n)| fold.apply(Lsn(n as u64 + 1), record, None, sink).entries);
    entries.collect()
}

/// Scenario: the story folded from its beginning. Guarantees: exactly one incident of level 2, opened after the third bad
/// sample, and the acts end in the watch.
#[test]
fn a_port_down_is_one_incident() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let entries = run(&mut fresh(&pack), &mut Rows::default(), &story(), 0);
    let kinds: Vec<String> = entries
        .iter()
        .map(|e| format!("{:?}", e.kind).split([' ', '{']).next().unwrap().to_owned())
        .collect();
    assert_eq!(kinds.iter().filter(|k| *k == "Opened").count(), 1, "{kinds:?}");
    let EntryKind::Opened { cause, level, occurred, .. } = &entries[0].kind else {
        panic!("{kinds:?}")
    };
    assert_eq!((&**cause, level.number(), *occurred), ("ib.no_active_port", 2, stamp(10).wall));
    assert!(entries[0].at.since(stamp(10).wall).as_secs() <= 4, "{:?}", entries[0].at);
    for kind in ["Acknowledged", "Resolved", "VerifyAsked", "Verified"] {
        assert!(kinds.iter().any(|k| k == kind), "{kind} is missing in {kinds:?}");
    }
}

/// Scenario: the same story, in which the node is silenced while its port goes down. Guarantees: the opening is told when the
/// silence ends, the resolution after it, neither twice.
#[test]
fn a_silenced_opening_is_told_when_the_silence_ends() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let mut fold = fresh(&pack);
    run(&mut fold, &mut Rows::default(), &story(), 0);
    let told: Vec<(&str, Option<Timestamp>)> = fold
        .notify
        .deliveries(IncidentId(1))
        .iter()
        .map(|d| (d.transition.as_str(), d.released))
        .collect();
    assert_eq!(told, [("opened", Some(stamp(15).wall)), ("resolved", None)]);
    assert_eq!(fold.notify.pending().count(), 2);
}

/// Scenario: the story cut at every record: the state is written, read back, and the rest folded. Guarantees: the entries are
/// those of the uncut story, whatever the cut, and so is what is told under which keys.
#[test]
fn state_and_tail_equal_the_whole() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let records = story();
    let mut uncut = fresh(&pack);
    let whole = run(&mut uncut, &mut Rows::default(), &records, 0);
    for cut in 1..records.len() {
        let (mut before, mut sink) = (fresh(&pack), Rows::default());
        let mut entries = run(&mut before, &mut sink, &records[..cut], 0);
        let mut after = state_file::read(&state_file::write(&before).unwrap(), &pack).unwrap();
        let mut sink = Rows::default();
        after.bind_all(&mut sink);
        entries.extend(run(&mut after, &mut sink, &records[cut..], cut));
        assert_eq!(entries, whole, "cut after record {cut}");
        assert_eq!(after.notify, uncut.notify, "cut after record {cut}");
    }
}

/// Scenario: an event of a kind that is not known, twice, as after a lost acknowledgement. Guarantees: its number is marked
/// once and kept over the state file; nothing is concluded from it.
#[test]
fn an_event_settles_its_number() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let content = EventContent::Other { kind: 77, body: [1].into() };
    let event = Event { at: stamp(9).wall, boot: stamp(9).boot, key: "x".into(), content };
    let seq = Seq(900);
    let mut records = story()[..4].to_vec();
    records.extend([
        Record::Event(EventRecord::new(stamp(9), 1, seq, &event)),
        Record::Event(EventRecord::new(stamp(10), 1, seq, &event)),
    ]);
    let mut fold = fresh(&pack);
    assert!(run(&mut fold, &mut Rows::default(), &records, 0).is_empty());
    let fold = state_file::read(&state_file::write(&fold).unwrap(), &pack).unwrap();
    let stream = &fold.streams[&1];
    assert_eq!((stream.acked.count(), stream.acked.contains(seq)), (1, true));
}

/// Scenario: every batch comes twice, as after a lost acknowledgement. Guarantees: each row is stored once and nothing more is
/// concluded.
#[test]
fn a_repeated_batch_has_no_effect() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let records = story();
    let twice: Vec<Record> = records
        .iter()
        .flat_map(|r| {
            std::iter::repeat_n(r.clone(), if matches!(r, Record::Batch(_)) { 2 } else { 1 })
        })
        .collect();
    let mut sink = Rows::default();
    let whole = run(&mut fresh(&pack), &mut Rows::default(), &records, 0);
    assert_eq!(run(&mut fresh(&pack), &mut sink, &twice, 0), whole);
    assert_eq!(sink.rows.len(), 60);
    assert!(sink.rows.values().all(|times| *times == 1));
}

fn observed(second: u64, samples: Vec<Observation>) -> Record {
    Record::Observed(ObservedRecord::new(stamp(second), samples))
}

/// Scenario: the collector observes that its clock was set and that a node's clock is an hour off, until that is corrected; the
/// state is written and read back in between. Guarantees: the step is a finding without an incident, the node's clock is one
/// incident of level 3 that clears, the values are stored, and the cut changes nothing.
#[test]
fn observations_are_judged_like_samples() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let node = NodeIdentity::new("p", "h", "a", "db1").unwrap();
    let records: Vec<Record> = (0..30)
        .map(|n| {
            let step = if n == 5 { 3_600.0 } else { 0.0 };
            let off = if (5..20).contains(&n) { -3_600.0 } else { 0.001 };
            let of_collector = Observation::of_collector(STEP, ("h", "a"), step);
            observed(n * 10, vec![of_collector, Observation::of_node(OFFSET, &node, off)])
        })
        .collect();
    let (mut fold, mut sink) = (fresh(&pack), Rows::default());
    let whole = run(&mut fold, &mut sink, &records, 0);
    let EntryKind::Opened { cause, subject, level, occurred, .. } = &whole[0].kind else {
        panic!("{whole:?}")
    };
    assert_eq!(
        (&**cause, subject.get("host"), level.number()),
        ("time.clock_skew", Some("db1"), 3)
    );
    assert_eq!((*occurred, whole[0].at), (stamp(50).wall, stamp(110).wall));
    let EntryKind::Condition { condition: collector_domain::Condition::Clear, at_event, .. } =
        whole[1].kind
    else {
        panic!("{whole:?}")
    };
    assert_eq!((at_event, whole.len()), (stamp(200).wall, 2));
    let stepped: Vec<_> = fold.machine.deviations().map(|s| (&*s.rule, s.since)).collect();
    assert_eq!(stepped, [("time.clock_step", stamp(50).wall)]);
    assert_eq!((sink.groups.len(), sink.rows.len()), (2, 60));

    for cut in [1, 6, 12, 29] {
        let (mut before, mut sink) = (fresh(&pack), Rows::default());
        let mut entries = run(&mut before, &mut sink, &records[..cut], 0);
        let mut after = state_file::read(&state_file::write(&before).unwrap(), &pack).unwrap();
        after.bind_all(&mut Rows::default());
        entries.extend(run(&mut after, &mut sink, &records[cut..], cut));
        assert_eq!(entries, whole, "cut after record {cut}");
    }
}

/// Scenario: snapshots are published after nothing changed, after a value moved, and after a transition. Guarantees: the first
/// shares everything, the second tells no revision, the third tells one that is the number of the last entry.
#[test]
fn snapshots_share_what_did_not_change() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let records = story();
    let acts: Vec<usize> =
        (0..records.len()).filter(|&n| matches!(records[n], Record::Acted { .. })).collect();
    let (mut fold, mut sink) = (fresh(&pack), Rows::default());
    let (published, mut revisions) = (Published::default(), Revisions::default());
    let mut told = published.revisions();
    let mut number = 0;
    let mut advance = |from: usize, to: usize| {
        for entry in run(&mut fold, &mut sink, &records[from..to], from) {
            number += 1;
            revisions.note(number, &entry);
        }
        published.publish(&fold, Totals::default(), &revisions, BootTime::from_micros(1));
        (Arc::clone(&published.view().incidents), number)
    };
    let (open, opened) = advance(0, acts[0]);
    assert_eq!((open.revision, open.incidents.len()), (opened, 1));
    assert_eq!(*told.borrow_and_update(), opened);
    let (same, _) = advance(acts[0], acts[0]);
    assert!(Arc::ptr_eq(&open, &same));
    assert!(!told.has_changed().unwrap());
    let (taken, acknowledged) = advance(acts[0], acts[0] + 1);
    assert!(acknowledged > opened);
    assert_eq!((taken.revision, taken.incidents[0].revision), (acknowledged, acknowledged));
    assert!(told.has_changed().unwrap());
    assert_eq!(taken.changed_after(opened).len(), 1);
    assert!(taken.changed_after(acknowledged).is_empty());
    assert!(open.incidents[0].acknowledged_by.is_none(), "a snapshot never changes");
}
