//! Round trips, hostile bytes and sizes of bodies.

use super::decode::decode_raw;
use super::*;
use crate::FrameError;
use crate::limits::{MAX_CELLS, MAX_RAW_BYTES, MAX_ROWS};
use proptest::prelude::*;
use shared_model::{Batch, Block, Timestamp};

/// Bits of a batch: floats compared as the 64 bits they are.
fn bits(batch: &Batch) -> Vec<(u32, Vec<i64>, Vec<Option<u64>>)> {
    let of_block = |b: &Block| {
        let times = b.times.iter().map(|t| t.as_micros()).collect();
        let values = b.values.iter().map(|v| v.map(f64::to_bits)).collect();
        (b.set, times, values)
    };
    batch.blocks.iter().map(of_block).collect()
}

fn round_trip(batch: &Batch) -> Batch {
    let body = BodyEncoder::new().unwrap().encode(batch).unwrap();
    let mut decoder = BodyDecoder::new().unwrap();
    decoder.decode(&body.zbody, body.raw_len, body.crc32c, batch.generation).unwrap()
}

fn one_row(values: Vec<Option<f64>>) -> Batch {
    let times = vec![Timestamp::from_secs(1_763_867_045)];
    Batch { generation: 1, blocks: vec![Block { set: 1, times, values }] }
}

/// Values as sources give them, and the ones that break codecs.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => (-1000i64..1000).prop_map(|i| i as f64),
        3 => (0u64..1 << 40).prop_map(|i| i as f64),
        2 => (0u64..1 << 30).prop_map(|i| (i * 1024) as f64),
        2 => (0i64..1 << 40).prop_map(|i| i as f64 / 100.0),
        2 => (0i64..1 << 45).prop_map(|i| i as f64 / 1e6),
        1 => (0i64..1 << 45).prop_map(|i| i as f64 / 1e9),
        2 => any::<u64>().prop_map(f64::from_bits),
        1 => any::<u64>().prop_map(|i| i as f64),
        1 => prop::sample::select(vec![
            -0.0, 0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, f64::MAX, 9_007_199_254_740_993.0,
            9_007_199_254_740_992.0, -9_007_199_254_740_994.0, f64::from_bits(0x7ff0_0000_0000_0001),
            f64::from_bits(0xfff8_0000_dead_beef),
        ]),
    ]
}

fn block() -> impl Strategy<Value = Block> {
    (any::<u32>(), 1usize..6, 0usize..40, any::<i32>()).prop_flat_map(
        |(set, rows, columns, first)| {
            let steps = prop::collection::vec(1i64..2_000_000, rows);
            let cells = prop::collection::vec(prop::option::weighted(0.9, value()), rows * columns);
            // Some columns repeat their first row, as most series of a quiet node do.
            let quiet = prop::collection::vec(any::<bool>(), columns);
            (steps, cells, quiet).prop_map(move |(steps, mut values, quiet)| {
                for at in columns..values.len() {
                    if quiet[at % columns] {
                        values[at] = values[at - columns];
                    }
                }
                let mut time = i64::from(first);
                let times = steps.iter().map(|step| {
                    time += step;
                    Timestamp::from_micros(time)
                });
                Block { set, times: times.collect(), values }
            })
        },
    )
}

proptest! {
    /// Scenario: any batch, with absent cells, NaN payloads, -0.0, integers past 2^53 and quiet columns.
    /// Guarantees: it comes back with the same bits.
    #[test]
    fn bits_round_trip(blocks in prop::collection::vec(block(), 0..4), generation: u32) {
        let batch = Batch { generation, blocks };
        let back = round_trip(&batch);
        prop_assert_eq!(back.generation, generation);
        prop_assert_eq!(bits(&back), bits(&batch));
    }

    /// Scenario: any bytes as a decompressed body. Guarantees: an answer, never a panic.
    #[test]
    fn any_bytes_are_answered(mut raw in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ignored = decode_raw(&raw, 1).is_ok();
        if let Some(first) = raw.first_mut() {
            *first = FORMAT;
        }
        let _ignored = decode_raw(&raw, 1).is_ok();
    }

    /// Scenario: a valid body with one byte changed, or cut short. Guarantees: never a panic; what is cut is refused.
    #[test]
    fn damaged_bodies_are_answered(block in block(), at: prop::sample::Index, byte: u8) {
        let batch = Batch { generation: 1, blocks: vec![block] };
        let body = BodyEncoder::new().unwrap().encode(&batch).unwrap();
        let mut raw = zstd::bulk::decompress(&body.zbody, body.raw_len as usize).unwrap();
        let at = at.index(raw.len());
        prop_assert!(decode_raw(&raw[..at], 1).is_err());
        raw[at] = byte;
        let _ignored = decode_raw(&raw, 1).is_ok();
    }

    /// Scenario: any bytes as a frame with a right checksum. Guarantees: refused or of the claimed length, no panic.
    #[test]
    fn any_frame_is_answered(frame in prop::collection::vec(any::<u8>(), 0..100), raw_len: u32) {
        let mut decoder = BodyDecoder::new().unwrap();
        let crc = crc32c::crc32c(&frame);
        prop_assert!(decoder.decode(&frame, raw_len, crc, 1).is_err());
    }
}

/// Scenario: a frame that yields far more than it claims, one that claims more than it yields, one above the limit,
/// and one with a wrong checksum. Guarantees: each is refused with its own reason, and the decoder works afterwards.
#[test]
fn bombs_are_refused() {
    let mut decoder = BodyDecoder::new().unwrap();
    let bomb = zstd::bulk::compress(&vec![0u8; 64 << 20], 1).unwrap();
    let crc = crc32c::crc32c(&bomb);
    let got = decoder.decode(&bomb, 1000, crc, 1).unwrap_err();
    assert!(matches!(got, DecodeError::Frame(FrameError::Zstd(_))), "{got:?}");
    let got = decoder.decode(&bomb, MAX_RAW_BYTES as u32, crc, 1).unwrap_err();
    assert!(matches!(got, DecodeError::Frame(FrameError::Zstd(_))), "{got:?}");
    let raw_len = MAX_RAW_BYTES as u32 + 1;
    let got = decoder.decode(&bomb, raw_len, crc, 1).unwrap_err();
    assert_eq!(got, DecodeError::Frame(FrameError::TooLong { raw_len: raw_len.into() }));
    let body = BodyEncoder::new().unwrap().encode(&one_row(vec![Some(1.0)])).unwrap();
    let expected = body.raw_len as usize + 1;
    let got = decoder.decode(&body.zbody, body.raw_len + 1, body.crc32c, 1).unwrap_err();
    assert_eq!(got, DecodeError::Frame(FrameError::Length { found: expected - 1, expected }));
    let got = decoder.decode(&body.zbody, body.raw_len, body.crc32c ^ 1, 1).unwrap_err();
    assert!(matches!(got, DecodeError::Frame(FrameError::Checksum { .. })), "{got:?}");
    decoder.decode(&body.zbody, body.raw_len, body.crc32c, 1).unwrap();
}

/// Scenario: bodies of a few bytes that claim very many cells, rows or blocks.
/// Guarantees: refused by their counts, before memory is taken.
#[test]
fn counts_that_lie_are_refused() {
    let body = |numbers: &[u64]| {
        let mut raw = vec![FORMAT];
        numbers.iter().for_each(|&n| cursor::put_varint(&mut raw, n));
        decode_raw(&raw, 1).unwrap_err()
    };
    assert!(matches!(body(&[1 << 40]), DecodeError::Range { what: "number of blocks", .. }));
    assert!(matches!(body(&[1, 1, 0, 1]), DecodeError::Range { what: "number of rows", .. }));
    assert!(matches!(
        body(&[1, 1, MAX_ROWS as u64 + 1, 1]),
        DecodeError::Range { what: "number of rows", .. }
    ));
    assert_eq!(body(&[1, 1, 2, MAX_CELLS as u64]), DecodeError::TooManyCells { block: 0 });
    assert!(matches!(
        body(&[1, 1, 1, MAX_CELLS as u64]),
        DecodeError::Truncated { part: "times", .. }
    ));
    assert!(matches!(
        body(&[1, 1, 2, 1, 0, 0]),
        DecodeError::Range { what: "step between rows", .. }
    ));
}

/// Scenario: batches at and past the encoder's limits. Guarantees: the limit passes, past it the error says what.
#[test]
fn batches_past_the_limits_are_refused() {
    let mut encoder = BodyEncoder::new().unwrap();
    let full = one_row(vec![None; MAX_CELLS]);
    assert_eq!(bits(&round_trip(&full)), bits(&full));
    assert_eq!(encoder.encode(&one_row(vec![None; MAX_CELLS + 1])), Err(EncodeError::TooManyCells));
    let block = |times: &[i64], values: usize| Batch {
        generation: 1,
        blocks: vec![Block {
            set: 9,
            times: times.iter().map(|&t| Timestamp::from_micros(t)).collect(),
            values: vec![Some(1.0); values],
        }],
    };
    assert_eq!(encoder.encode(&block(&[], 0)), Err(EncodeError::Rows { set: 9, rows: 0 }));
    assert_eq!(
        encoder.encode(&block(&[1, 2], 3)),
        Err(EncodeError::Ragged { set: 9, values: 3, rows: 2 })
    );
    assert_eq!(encoder.encode(&block(&[1, 2, 2], 3)), Err(EncodeError::Order { set: 9, row: 2 }));
    assert_eq!(
        encoder.encode(&block(&[i64::MIN, i64::MAX], 2)),
        Err(EncodeError::Order { set: 9, row: 1 })
    );
    encoder.encode(&block(&[1, 2], 4)).unwrap();
}

/// Scenario: one round of a busy node: 800 series, most of them counters and byte gauges that all change.
/// Guarantees: at most 4 bytes a sample on the wire, the message around the body included.
#[test]
fn a_busy_round_is_small() {
    let mut state = 7u64;
    let mut random = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let values = (0..800).map(|series| match series % 20 {
        0..=10 => (random() % (1 << (8 + series % 24))) as f64,
        11..=15 => (random() % (1 << 24) * 4096) as f64,
        16..=17 => (random() % 10_000) as f64 / 100.0,
        _ => 1.0,
    });
    let batch = one_row(values.map(Some).collect());
    let body = BodyEncoder::new().unwrap().encode(&batch).unwrap();
    let message =
        crate::wire::Batch::new(shared_model::Seq(1 << 30), shared_model::Lane::Live, 3, &body);
    let bytes = prost::Message::encoded_len(&message);
    assert!(bytes <= 800 * 4, "{bytes} bytes for 800 samples");
}
