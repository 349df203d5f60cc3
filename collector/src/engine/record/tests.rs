//! Records read back as they were written, and what is not one.

use super::super::observed::Observation;
use super::*;
use collector_domain::{Deed, DeliveryOutcome, IncidentId, NewSilence, SilenceMatcher};
use shared_model::{EventContent, Labels};

fn stamp() -> Stamp {
    Stamp { wall: Timestamp::from_secs(5), boot: BootTime::from_micros(7) }
}

fn event(kind: i32) -> Event {
    let content = EventContent::Other { kind, body: [0, 0xff].into() };
    let (at, boot) = (Timestamp::from_secs(3), BootTime::from_micros(4));
    Event { at, boot, key: "sda".into(), content }
}

fn samples() -> Vec<Record> {
    let lost = SeqRange { from: Seq(1), to: Seq(3) };
    let gap =
        Gap { lost, reason: GapReason::Budget, first: None, last: Some(Timestamp::from_secs(1)) };
    let topology = Topology { databases: Vec::new(), core_services: Vec::new() };
    vec![
        Record::Started(Box::new(Started {
            stamp: stamp(),
            boot_id: "b".to_owned(),
            version: "0".to_owned(),
            pack: "p".to_owned(),
            contract: Contract::default(),
            topology,
            reconnect_window: Duration::from_secs(1),
            notify: Profile::default(),
        })),
        Record::Source(Source {
            source: 1,
            node: NodeIdentity::new("p", "h", "a", "n").unwrap(),
            stream: [9; 16],
        }),
        Record::Catalog { source: 1, wire: Bytes::from_static(b"xyz") },
        Record::Batch(BatchRecord {
            stamp: stamp(),
            source: 1,
            seq: Seq(4),
            lane: Lane::Backfill,
            generation: 2,
            raw_len: 3,
            crc32c: 4,
            body: Bytes::from_static(b"body"),
        }),
        Record::Gap(GapRecord::new(stamp(), 1, Seq(4), &gap)),
        Record::Opened(OpenedRecord {
            stamp: stamp(),
            source: 1,
            session_no: 2,
            agent_version: "1".to_owned(),
            clock_offset_us: -3,
        }),
        Record::Heartbeat { stamp: stamp(), source: 1, clock_offset_us: Some(-1) },
        Record::Closed { stamp: stamp(), source: 1, planned: true },
        Record::Tick(stamp()),
        Record::Event(EventRecord::new(stamp(), 1, Seq(5), &event(77))),
        Record::Acted {
            stamp: stamp(),
            act: Act {
                incident: IncidentId(1),
                by: "张".to_owned(),
                deed: Deed::Resolve { fix: "x".to_owned() },
            },
        },
        Record::Observed(ObservedRecord::new(
            stamp(),
            vec![Observation {
                labels: Labels::from_pairs([("__name__", "x"), ("host", "n")]),
                value: -0.5,
            }],
        )),
    ]
}

fn of_notifications() -> [Record; 2] {
    let matchers = vec![SilenceMatcher {
        name: "host".to_owned(),
        values: vec!["db1".to_owned(), "db2".to_owned()],
    }];
    let (by, reason, end) = ("张".to_owned(), "x".to_owned(), Timestamp::from_secs(9));
    let change = SilenceChange::Create(NewSilence { matchers, by, reason, start: None, end });
    let outcome = DeliveryOutcome::Refused { status: 404, why: "x".to_owned() };
    let report = DeliveryReport { key: "k".into(), outcome };
    [Record::Silenced { stamp: stamp(), change }, Record::Delivered { stamp: stamp(), report }]
}

/// Scenario: one record of each kind, whole and cut at every length. Guarantees: comes back equal; a cut one is an error or
/// another valid record, never a panic.
#[test]
fn records_round_trip() {
    for record in samples().into_iter().chain(of_notifications()) {
        let (kind, payload) = record.encode();
        for cut in 0..payload.len() {
            drop(Record::decode(kind, payload[..cut].to_vec()));
        }
        assert_eq!(Record::decode(kind, payload).unwrap(), record);
    }
    assert!(Record::decode(99, Vec::new()).is_err());
}
