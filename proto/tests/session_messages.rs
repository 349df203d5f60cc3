//! Session messages: round trips through bytes, and what is refused.

use proptest::prelude::*;
use prost::Message;
use proto::limits::{
    HEARTBEAT, MAX_EVENT_BODY_BYTES, MAX_EVENT_KEY_BYTES, MAX_FEATURES, MAX_RECONNECT_WINDOW,
    MAX_TEXT_BYTES, MAX_TOPIC_BYTES,
};
use proto::{
    CatalogDigest, CatalogVersion, ClockReading, Credit, Hello, StreamId, Welcome, event_from_wire,
    event_to_wire, gap_from_wire, gap_to_wire, wire,
};
use shared_model::{
    BootTime, EVIDENCE_LINE_MAX_BYTES, EVIDENCE_LINES_MAX, Event, EventContent, Gap, GapReason,
    NodeIdentity, Seq, SeqRange, SeqSet, Timestamp,
};
use std::time::Duration;

fn clock() -> ClockReading {
    ClockReading {
        wall: Timestamp::from_secs(1_763_867_045),
        boot: BootTime::from_micros(77),
        synced: true,
    }
}

fn hello() -> Hello {
    Hello {
        protocol: 1..=3,
        features: vec![2, 9],
        stream: StreamId([7; 16]),
        boot_id: [8; 16],
        run_id: Some([6; 16]),
        session_no: 12,
        identity: NodeIdentity::new("acme", "h1", "a1", "db-1").expect("a valid identity"),
        catalog: Some(CatalogVersion { generation: 4, digest: CatalogDigest([9; 16]) }),
        spooled: SeqRange::new(Seq(3), Seq(9)).into_iter().collect(),
        next_seq: Seq(10),
        clock: clock(),
        agent_version: "0.1.0".into(),
    }
}

fn welcome() -> Welcome {
    Welcome {
        protocol: 1,
        features: vec![],
        session_epoch: 5,
        acked: [SeqRange { from: Seq(1), to: Seq(4) }, SeqRange { from: Seq(6), to: Seq(6) }]
            .into_iter()
            .collect(),
        need_catalog: true,
        credit: Credit { bytes: 1 << 20, batches: 64, hold: true },
        heartbeat: Duration::from_secs(1),
        reconnect_window: Duration::from_secs(5),
        clock: clock(),
    }
}

/// Scenario: Hello and Welcome through bytes. Guarantees: they come back equal, with and without a catalog.
#[test]
fn hello_and_welcome_round_trip() {
    let bare = Hello { catalog: None, spooled: SeqSet::default(), run_id: None, ..hello() };
    for hello in [hello(), bare] {
        let bytes = wire::Hello::from(&hello).encode_to_vec();
        assert_eq!(Hello::try_from(wire::Hello::decode(&*bytes).unwrap()).unwrap(), hello);
    }
    let bytes = wire::Welcome::from(&welcome()).encode_to_vec();
    assert_eq!(Welcome::try_from(wire::Welcome::decode(&*bytes).unwrap()).unwrap(), welcome());
}

/// Scenario: a Hello with one field broken at a time. Guarantees: refused, and the error names the field.
#[test]
fn broken_hellos_are_refused() {
    type Break = fn(&mut wire::Hello);
    let cases: [(&str, Break); 11] = [
        ("protocol_min", |h| h.protocol_min = 0),
        ("protocol_min", |h| h.protocol_max = 0),
        ("stream_id", |h| h.stream_id.truncate(15)),
        ("boot_id", |h| h.boot_id.clear()),
        ("identity", |h| h.identity = "spiffe://acme/../x".into()),
        ("catalog_digest", |h| h.catalog_digest.clear()),
        ("catalog_generation", |h| h.catalog_generation = 0),
        ("spooled", |h| h.spooled = vec![wire::Range { from: 3, to: 2 }]),
        ("clock", |h| h.clock = None),
        ("agent_version", |h| h.agent_version = "x".repeat(MAX_TEXT_BYTES + 1)),
        ("features", |h| h.features = vec![0; MAX_FEATURES + 1]),
    ];
    for (field, broken) in cases {
        let mut message = wire::Hello::from(&hello());
        broken(&mut message);
        let got = Hello::try_from(message).unwrap_err();
        assert_eq!(got.field, format!("Hello.{field}"), "{got}");
    }
}

/// Scenario: heartbeat period and reconnect window at and past their limits.
/// Guarantees: at the limit they pass, past it the error names the field and the number.
#[test]
fn welcome_limits_hold() {
    let ms = |d: Duration| d.as_millis() as u32;
    for (heartbeat, window, ok) in [
        (ms(HEARTBEAT.0), 0, true),
        (ms(HEARTBEAT.0) - 1, 0, false),
        (ms(HEARTBEAT.1), ms(MAX_RECONNECT_WINDOW), true),
        (ms(HEARTBEAT.1) + 1, 0, false),
        (1000, ms(MAX_RECONNECT_WINDOW) + 1, false),
    ] {
        let message = wire::Welcome {
            heartbeat_ms: heartbeat,
            reconnect_window_ms: window,
            ..wire::Welcome::from(&welcome())
        };
        let got = Welcome::try_from(message);
        assert_eq!(got.is_ok(), ok, "{heartbeat} {window}: {got:?}");
    }
}

/// Scenario: declared losses through the wire, and ones that speak of their own or a later number.
/// Guarantees: equal after the way; a loss not below its declaration, or without reason, is refused.
#[test]
fn gaps_round_trip() {
    let lost = SeqRange { from: Seq(4), to: Seq(9) };
    for reason in [GapReason::Budget, GapReason::Damaged, GapReason::Unsynced, GapReason::Refused] {
        for first in [None, Some(Timestamp::from_micros(-5))] {
            let gap = Gap { lost, reason, first, last: first };
            assert_eq!(gap_from_wire(&gap_to_wire(Seq(10), &gap)).unwrap(), (Seq(10), gap));
        }
    }
    let message =
        gap_to_wire(Seq(10), &Gap { lost, reason: GapReason::Budget, first: None, last: None });
    for (message, field) in [
        (wire::Gap { seq: 9, ..message }, "Gap.seq"),
        (wire::Gap { lost: None, ..message }, "Gap.lost"),
        (wire::Gap { reason: 0, ..message }, "Gap.reason"),
        (wire::Gap { reason: 77, ..message }, "Gap.reason"),
    ] {
        assert_eq!(gap_from_wire(&message).unwrap_err().field, field);
    }
}

fn event(content: EventContent) -> Event {
    let (at, boot) = (Timestamp::from_micros(-5), BootTime::from_micros(77));
    Event { at, boot, key: "sda".into(), content }
}

/// Scenario: events of every kind through the wire, one of a kind that is not known among them.
/// Guarantees: equal after the way; what is not known is kept with its number and bytes.
#[test]
fn events_round_trip() {
    let contents = [
        EventContent::ClockStep { step_us: -3_600_000_000 },
        EventContent::AgentStarted { version: "0.1.0".into() },
        EventContent::SpoolDegraded { reason: "No space left on device".into() },
        EventContent::SpoolRestored { degraded: Duration::from_micros(9) },
        EventContent::Evidence {
            topic: "db.blocking".into(),
            lines: vec!["pid 7".into(), "".into()],
        },
        EventContent::Evidence { topic: "db.blocking".into(), lines: vec![] },
        EventContent::Other { kind: 77, body: [0xff, 0, 1].into() },
        EventContent::Other { kind: -1, body: [].into() },
    ];
    for content in contents {
        let event = event(content);
        let bytes = event_to_wire(Seq(10), &event).encode_to_vec();
        let message = wire::Event::decode(&*bytes).unwrap();
        assert_eq!(event_from_wire(&message).unwrap(), (Seq(10), event));
    }
}

/// Scenario: events with one field at its limit, past it, or broken.
/// Guarantees: at the limit it passes, past it the error names the field; a text that is too long is cut before it is sent.
#[test]
fn broken_events_are_refused() {
    let sound = event_to_wire(Seq(1), &event(EventContent::ClockStep { step_us: 1 }));
    let other = wire::Event { kind: 99, ..sound.clone() };
    let body = |bytes: usize| vec![7; bytes].into();
    for (message, field) in [
        (wire::Event { key: "k".repeat(MAX_EVENT_KEY_BYTES), ..sound.clone() }, None),
        (wire::Event { key: "k".repeat(MAX_EVENT_KEY_BYTES + 1), ..sound.clone() }, Some("key")),
        (wire::Event { body: body(MAX_EVENT_BODY_BYTES), ..other.clone() }, None),
        (wire::Event { body: body(MAX_EVENT_BODY_BYTES + 1), ..other }, Some("body")),
        (wire::Event { body: body(3), ..sound.clone() }, Some("body")),
        (wire::Event { kind: 0, ..sound.clone() }, Some("kind")),
        (wire::Event { seq: 0, ..sound.clone() }, Some("seq")),
        (wire::Event { seq: u64::MAX, ..sound }, Some("seq")),
    ] {
        let got = event_from_wire(&message).map_err(|e| e.field.to_owned());
        assert_eq!(got.err(), field.map(|f| format!("Event.{f}")));
    }
    let long = EventContent::SpoolDegraded { reason: "巡".repeat(MAX_TEXT_BYTES).into() };
    let message = event_to_wire(Seq(1), &event(long));
    let Ok((_, Event { content: EventContent::SpoolDegraded { reason }, .. })) =
        event_from_wire(&message)
    else {
        panic!("not taken back");
    };
    assert_eq!(reason.len(), MAX_TEXT_BYTES - 1, "cut between two characters");
}

/// Scenario: evidence of the most and longest lines with a topic of any length, and bodies past each limit.
/// Guarantees: what is made here is taken and fits; past a limit the error names the field.
#[test]
fn evidence_is_bounded() {
    let lines = vec!["巡".repeat(EVIDENCE_LINE_MAX_BYTES).into(); EVIDENCE_LINES_MAX + 9];
    let full = EventContent::Evidence { topic: "t".repeat(MAX_TOPIC_BYTES + 9).into(), lines };
    let message = event_to_wire(Seq(1), &event(full));
    assert!(message.body.len() <= MAX_EVENT_BODY_BYTES, "{}", message.body.len());
    let Ok((_, Event { content: EventContent::Evidence { topic, lines }, .. })) =
        event_from_wire(&message)
    else {
        panic!("not taken back");
    };
    assert_eq!((topic.len(), lines.len()), (MAX_TOPIC_BYTES, EVIDENCE_LINES_MAX));
    assert_eq!(&*lines[EVIDENCE_LINES_MAX - 1], "… 10 more");
    let line = || "l".repeat(EVIDENCE_LINE_MAX_BYTES);
    for (topic, lines, field) in [
        ("t".repeat(MAX_TOPIC_BYTES + 1), vec![], "Evidence.topic"),
        ("t".to_owned(), vec![line(); EVIDENCE_LINES_MAX + 1], "Evidence.lines"),
        ("t".to_owned(), vec![line() + "l"], "Evidence.lines"),
    ] {
        let body = wire::Evidence { topic, lines }.encode_to_vec().into();
        let refused = event_from_wire(&wire::Event { body, ..message.clone() });
        assert_eq!(refused.unwrap_err().field, field);
    }
}

proptest! {
    /// Scenario: any bytes as a message of either direction. Guarantees: decoding and converting never panic.
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200), tag in 1u8..8) {
        let mut framed = vec![tag << 3 | 2, bytes.len().min(127) as u8];
        framed.extend(bytes.iter().take(127));
        let mut decoder = proto::BodyDecoder::new().unwrap();
        for input in [&bytes, &framed] {
            match wire::Up::decode(&**input).ok().and_then(|up| up.message) {
                Some(wire::up::Message::Hello(hello)) => drop(Hello::try_from(hello)),
                Some(wire::up::Message::Gap(gap)) => drop(gap_from_wire(&gap)),
                Some(wire::up::Message::Event(event)) => drop(event_from_wire(&event)),
                Some(wire::up::Message::Catalog(catalog)) => drop(proto::decode_catalog(&catalog)),
                Some(wire::up::Message::Batch(batch)) => drop(batch.decode(&mut decoder)),
                _ => {}
            }
            if let Some(wire::down::Message::Welcome(welcome)) = wire::Down::decode(&**input).ok().and_then(|d| d.message) {
                drop(Welcome::try_from(welcome));
            }
        }
    }
}
