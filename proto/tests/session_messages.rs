//! Session messages: round trips through bytes, and what is refused.

use proptest::prelude::*;
use prost::Message;
use proto::limits::{HEARTBEAT, MAX_FEATURES, MAX_RECONNECT_WINDOW, MAX_TEXT_BYTES};
use proto::{
    CatalogDigest, CatalogVersion, ClockReading, Hello, StreamId, Welcome, gap_from_wire,
    gap_to_wire, wire,
};
use shared_model::{BootTime, Gap, GapReason, NodeIdentity, Seq, SeqRange, SeqSet, Timestamp};
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
        credit_bytes: 1 << 20,
        credit_batches: 64,
        heartbeat: Duration::from_secs(1),
        reconnect_window: Duration::from_secs(5),
        clock: clock(),
    }
}

/// Scenario: Hello and Welcome through bytes. Guarantees: they come back equal, with and without a catalog.
#[test]
fn hello_and_welcome_round_trip() {
    for hello in [hello(), Hello { catalog: None, spooled: SeqSet::default(), ..hello() }] {
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
