//! Catalogs: what passes, what is refused, round trips.

use super::*;
use crate::limits::{MAX_LABELS, MAX_NAME_BYTES, MAX_SERIES, MAX_VALUE_BYTES};
use proptest::prelude::*;
use shared_model::{Catalog, Kind, SeriesDef, SeriesSet, Unit};

fn series(reference: u32, name: &str, labels: &[(&str, &str)]) -> SeriesDef {
    SeriesDef {
        reference,
        name: name.into(),
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: labels.iter().map(|&(n, v)| (n.into(), v.into())).collect(),
    }
}

fn set(id: u32, references: &[u32]) -> SeriesSet {
    SeriesSet { id, job: "node".into(), instance: "".into(), references: references.to_vec() }
}

fn first(defs: Vec<SeriesDef>, sets: Vec<SeriesSet>) -> Catalog {
    Catalog { generation: 1, base: 0, series: defs, sets }
}

fn refusal(catalog: Catalog) -> String {
    apply_catalog(&mut Catalog::default(), catalog).unwrap_err().to_string()
}

proptest! {
    /// Scenario: any valid catalog. Guarantees: it comes back equal, with an equal digest, and passes the checks.
    #[test]
    fn round_trips(
        defs in prop::collection::vec((0usize..3, 0usize..5, "[a-z_][a-z0-9_:]{0,9}", prop::collection::btree_map("[a-z][a-z0-9]{0,6}x", "\\PC{1,12}", 0..4)), 1..30),
        instance in "[a-z0-9.]{0,9}",
    ) {
        let kinds = [Kind::Counter, Kind::Gauge, Kind::Info];
        let units = [Unit::None, Unit::Seconds, Unit::Bytes, Unit::BytesPerSecond, Unit::Ratio];
        let series: Vec<SeriesDef> = (1..).zip(defs).map(|(reference, (kind, unit, name, labels))| SeriesDef {
            reference,
            name: name.into(),
            kind: kinds[kind],
            unit: units[unit],
            labels: labels.into_iter().map(|(n, v)| (n.into(), v.into())).collect(),
        }).collect();
        let references = (1..=series.len() as u32).rev().collect();
        let sets = vec![SeriesSet { id: 3, job: "postgres".into(), instance: instance.into(), references }];
        let catalog = Catalog { generation: 5, base: 0, series, sets };
        let back = decode_catalog(&encode_catalog(&catalog).unwrap()).unwrap();
        prop_assert_eq!(&back, &catalog);
        prop_assert_eq!(catalog_digest(&back), catalog_digest(&catalog));
        apply_catalog(&mut Catalog::default(), back).unwrap();
    }

    /// Scenario: any bytes as a catalog's content, in a right frame. Guarantees: an answer, never a panic.
    #[test]
    fn any_bytes_are_answered(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ignored = decode_catalog(&framed(&raw)).is_ok();
    }
}

fn framed(raw: &[u8]) -> crate::wire::Catalog {
    let zbody = zstd::bulk::compress(raw, 1).unwrap();
    crate::wire::Catalog {
        generation: 1,
        base_generation: 0,
        crc32c: crc32c::crc32c(&zbody),
        raw_len: raw.len() as u32,
        zbody: zbody.into(),
    }
}

/// Scenario: a catalog grows by two deltas, then one full catalog with the same definitions arrives elsewhere.
/// Guarantees: both sides have the same definitions and digest; a delta on another generation is refused.
#[test]
fn deltas_add_up() {
    let mut full = Catalog::default();
    apply_catalog(&mut full, first(vec![series(1, "up", &[])], vec![set(1, &[1])])).unwrap();
    let before = catalog_digest(&full);
    let delta = Catalog {
        generation: 4,
        base: 1,
        series: vec![series(2, "load1", &[])],
        sets: vec![set(2, &[2, 1])],
    };
    apply_catalog(&mut full, delta.clone()).unwrap();
    assert_eq!((full.generation, full.series.len(), full.sets.len()), (4, 2, 2));
    assert_ne!(catalog_digest(&full), before);
    let again = apply_catalog(&mut full, delta).unwrap_err();
    assert_eq!(again, CatalogError::Base { base: 1, known: 4 });
    let mut other = Catalog { base: 0, ..full.clone() };
    other.sets.reverse();
    assert_eq!(catalog_digest(&other), catalog_digest(&full));
}

/// Checks each catalog alone; the text is part of the expected refusal.
fn verdicts(cases: Vec<(Catalog, Option<&str>)>) {
    for (catalog, expected) in cases {
        match expected {
            None => apply_catalog(&mut Catalog::default(), catalog).unwrap(),
            Some(text) => {
                let got = refusal(catalog);
                assert!(got.contains(text), "{got}: expected {text}");
            }
        }
    }
}

/// Scenario: every rule of a series broken once, with the values just inside beside it.
/// Guarantees: what is inside passes; the message names the series and what is wrong.
#[test]
fn series_rules_are_enforced() {
    let one = |def| first(vec![def], vec![]);
    let named = |name: &str| one(series(1, name, &[]));
    let labelled = |labels: &[(&str, &str)]| one(series(1, "up", labels));
    let value = |n: usize| "v".repeat(n);
    let many = |n: usize| {
        let labels = (0..n).map(|i| (format!("l{i:02}").into(), "v".into())).collect();
        one(SeriesDef { labels, ..series(1, "up", &[]) })
    };
    verdicts(vec![
        (named(&"n".repeat(MAX_NAME_BYTES)), None),
        (named(&"n".repeat(MAX_NAME_BYTES + 1)), Some("is not a name")),
        (named("1up"), Some("series 1: '1up' is not a name")),
        (named(""), Some("'' is not a name")),
        (named("温度"), Some("'温度' is not a name")),
        (named("node:up"), None),
        (labelled(&[("a:b", "1")]), Some("'a:b' is not a name")),
        (labelled(&[("__name__", "x")]), Some("'__name__' is not a name")),
        (labelled(&[("hospital", "x")]), Some("label 'hospital' is set by the collector")),
        (labelled(&[("appliance", "x")]), Some("label 'appliance' is set by the collector")),
        (labelled(&[("host", "x")]), Some("label 'host' is set by the collector")),
        (labelled(&[("instance", "x")]), Some("label 'instance' is set by the collector")),
        (labelled(&[("job", "x")]), Some("label 'job' is set by the collector")),
        (labelled(&[("a", "1"), ("b", "1")]), None),
        (labelled(&[("b", "1"), ("a", "1")]), Some("'a' is out of order")),
        (labelled(&[("a", "1"), ("a", "2")]), Some("'a' is out of order or doubled")),
        (labelled(&[("a", "")]), Some("value of label 'a' has 0 bytes")),
        (labelled(&[("a", &value(MAX_VALUE_BYTES))]), None),
        (labelled(&[("a", &value(MAX_VALUE_BYTES + 1))]), Some("1025 bytes")),
        (many(MAX_LABELS), None),
        (many(MAX_LABELS + 1), Some("33 labels")),
        (one(series(2, "up", &[])), Some("series 2 where 1 is next")),
        (one(series(0, "up", &[])), Some("series 0 where 1 is next")),
    ]);
}

/// Scenario: every rule of a set and of the generations broken once, with the values just inside beside it.
/// Guarantees: what is inside passes; the message names the set and what is wrong.
#[test]
fn set_rules_are_enforced() {
    let with = |sets| first(vec![series(1, "up", &[])], sets);
    let texts = |job: &str, instance: &str| {
        with(vec![SeriesSet { job: job.into(), instance: instance.into(), ..set(1, &[]) }])
    };
    let generation = |generation, base| Catalog { generation, base, ..Catalog::default() };
    verdicts(vec![
        (with(vec![set(1, &[1])]), None),
        (with(vec![set(1, &[2])]), Some("set 1: series 2 is not defined")),
        (with(vec![set(1, &[0])]), Some("set 1: series 0 is not defined")),
        (with(vec![set(1, &[1, 1])]), Some("set 1: series 1 is not defined or doubled")),
        (with(vec![set(0, &[])]), Some("set 0 is out of range")),
        (with(vec![set(4096, &[])]), None),
        (with(vec![set(4097, &[])]), Some("set 4097 is out of range")),
        (with(vec![set(2, &[]), set(2, &[])]), Some("set 2 is out of range or defined twice")),
        (texts("postgres", "db-1:5432"), None),
        (texts("a b", ""), Some("job 'a b' is not allowed")),
        (texts("", ""), Some("job '' is not allowed")),
        (texts("node", "a b"), Some("instance 'a b' is not allowed")),
        (generation(0, 0), Some("generation 0 on base 0")),
        (generation(3, 3), Some("generation 3 on base 3")),
    ]);
}

/// Scenario: the most series allowed, and one more. Guarantees: the most fit one message; one more is refused.
#[test]
fn the_greatest_catalog_fits_a_message() {
    let many = |n: usize| {
        let defs = (1..=n as u32).map(|r| {
            series(
                r,
                "node_cpu_seconds_total",
                &[("cpu", &format!("{}", r / 8)), ("mode", &format!("m{}", r % 8))],
            )
        });
        first(defs.collect(), vec![set(1, &(1..=n as u32).collect::<Vec<_>>())])
    };
    let message = encode_catalog(&many(MAX_SERIES)).unwrap();
    apply_catalog(&mut Catalog::default(), decode_catalog(&message).unwrap()).unwrap();
    assert!(refusal(many(MAX_SERIES + 1)).contains("20001 series"));
    let message = encode_catalog(&many(MAX_SERIES + 1)).unwrap();
    assert_eq!(decode_catalog(&message), Err(CatalogError::TooManySeries(MAX_SERIES + 1)));
}

/// Scenario: contents that are small on the wire and large in memory: millions of empty items, and one long text used
/// by every series. Guarantees: refused by count and by the sum of texts.
#[test]
fn amplification_is_refused() {
    for (tag, text) in [(0x0a, "symbols"), (0x12, "series"), (0x1a, "sets")] {
        let got = decode_catalog(&framed(&[tag, 0].repeat(1_000_000))).unwrap_err().to_string();
        assert!(got.contains("1000000") && got.contains(text), "{got}");
    }
    let long = "v".repeat(MAX_VALUE_BYTES);
    let defs = (1..=10_000).map(|r| series(r, "up", &[("a", &long)]));
    let catalog = first(defs.collect(), vec![]);
    assert_eq!(encode_catalog(&catalog), Err(CatalogError::TooMuchText));
    assert_eq!(apply_catalog(&mut Catalog::default(), catalog), Err(CatalogError::TooMuchText));
    let body = crate::wire::CatalogBody {
        symbols: vec!["up".into(), "a".into(), long],
        series: (1..=10_000)
            .map(|reference| crate::wire::SeriesDef {
                reference,
                kind: 1,
                unit: 1,
                name_symbol: 0,
                label_symbols: vec![1, 2],
            })
            .collect(),
        sets: vec![],
    };
    let got = decode_catalog(&framed(&prost::Message::encode_to_vec(&body)));
    assert_eq!(got, Err(CatalogError::TooMuchText));
}
