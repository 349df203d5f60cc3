//! The batcher beside a catalog that is checked as the collector does.

use super::*;
use proto::apply_catalog;
use shared_model::{Kind, Metric, Unit};

static USED: Metric =
    Metric { name: "used", kind: Kind::Gauge, unit: Unit::Bytes, help: "h", source: "s" };

/// A batcher whose catalogs are checked as the collector does.
struct Pair {
    batcher: Batcher,
    full: Catalog,
}

impl Pair {
    fn new() -> Self {
        Self { batcher: Batcher::default(), full: Catalog::default() }
    }

    fn send(&mut self, contents: &[(Slot, &Sink)]) -> Batch {
        self.batcher.add(Timestamp::from_secs(7), contents);
        self.take()
    }

    /// What was added since the last batch; an empty batch when that is nothing.
    fn take(&mut self) -> Batch {
        let Some((delta, batch)) = self.batcher.take() else { return Batch::default() };
        if let Some(delta) = delta {
            apply_catalog(&mut self.full, delta).unwrap();
        }
        assert_eq!(batch.generation, self.full.generation);
        batch.clone()
    }

    /// Every value of a batch as `job/instance device=value`.
    fn read(&self, batch: &Batch) -> Vec<String> {
        let mut lines = Vec::new();
        for block in &batch.blocks {
            let set = self.full.sets.iter().find(|s| s.id == block.set).unwrap();
            for (reference, value) in set.references.iter().zip(&block.values) {
                let def = &self.full.series[*reference as usize - 1];
                let device = def.labels.iter().find(|(n, _)| &**n == "device").unwrap();
                lines.push(format!("{}/{} {}={value:?}", set.job, set.instance, device.1));
            }
        }
        lines
    }
}

fn round(sink: &mut Sink, devices: &[(&str, f64)]) {
    sink.begin();
    for (device, value) in devices {
        sink.put(&USED, &[("zone", "z"), ("empty", ""), ("device", device)], *value);
    }
}

/// Scenario: a label changes with each round, for longer than any catalog could hold. Guarantees: now and then everything
/// is numbered anew in a whole catalog, which the collector's checks take, and no value is lost or mixed up; what stays
/// the same for a long time is left alone.
#[test]
fn what_is_worn_is_numbered_anew() {
    let mut pair = Pair::new();
    let slots = [pair.batcher.slot("node", ""), pair.batcher.slot("node", "other")];
    let mut sinks = [Sink::default(), Sink::default()];
    let (mut anew, mut since) = (Vec::new(), 0);
    for at in 0..6_000 {
        if pair.batcher.is_worn() {
            assert!(pair.batcher.is_empty());
            pair.batcher.begin_anew();
            anew.push(std::mem::take(&mut since));
        }
        since += 1;
        let name = format!("state {at}");
        round(&mut sinks[0], &[("a", 1.0), (&name, 2.0)]);
        round(&mut sinks[1], &[("b", 3.0)]);
        let batch = pair.send(&[(slots[0], &sinks[0]), (slots[1], &sinks[1])]);
        let lines = pair.read(&batch);
        let has = |line: &str| lines.iter().any(|known| known == line);
        assert!(has("node/ a=Some(1.0)") && has("node/other b=Some(3.0)"), "{lines:?}");
        assert!(has(&format!("node/ {name}=Some(2.0)")), "{lines:?}");
    }
    assert!(anew.len() > 5 && anew.iter().all(|rounds| *rounds > 20), "{anew:?}");
    let kept = anew.len();
    for _ in 0..2_000 {
        round(&mut sinks[0], &[("a", 1.0)]);
        pair.send(&[(slots[0], &sinks[0])]);
        if pair.batcher.is_worn() {
            pair.batcher.begin_anew();
            anew.push(0);
        }
    }
    assert!(anew.len() <= kept + 1, "{anew:?}");
}

/// Scenario: a sink with many series gets one more at a time, then most of them go. Guarantees: what is defined for each is
/// little, there are few blocks, and at the end again one.
#[test]
fn what_is_new_defines_little() {
    let names: Vec<String> = (0..1_000).map(|at| format!("d{at}")).collect();
    let devices: Vec<(&str, f64)> = names.iter().map(|name| (&**name, 1.0)).collect();
    let mut pair = Pair::new();
    let slot = pair.batcher.slot("node", "");
    let mut sink = Sink::default();
    for count in 900..=1_000 {
        round(&mut sink, &devices[..count]);
        let batch = pair.send(&[(slot, &sink)]);
        assert_eq!(pair.read(&batch).len(), count);
        assert!(batch.blocks.len() <= 8, "{}", batch.blocks.len());
    }
    let columns =
        |catalog: &Catalog| -> usize { catalog.sets.iter().map(|set| set.references.len()).sum() };
    assert!(columns(&pair.full) < 1_000 + 100 * 8, "{}", columns(&pair.full));
    // The sink forgets what it has not seen for a while.
    for _ in 0..70 {
        round(&mut sink, &devices[..10]);
        pair.send(&[(slot, &sink)]);
    }
    round(&mut sink, &devices[..10]);
    assert_eq!(pair.send(&[(slot, &sink)]).blocks.len(), 1);
}

/// Scenario: an agent starts again with a catalog of which it has not yet read everything. Guarantees: nothing is numbered
/// anew before all was read once.
#[test]
fn a_start_wears_nothing_out() {
    let names: Vec<String> = (0..SPARE_COLUMNS * 2).map(|at| format!("d{at}")).collect();
    let devices: Vec<(&str, f64)> = names.iter().map(|name| (&**name, 1.0)).collect();
    let mut pair = Pair::new();
    let slot = pair.batcher.slot("node", "");
    let mut sink = Sink::default();
    round(&mut sink, &devices);
    pair.send(&[(slot, &sink)]);
    let mut again = Batcher::restored(&pair.full);
    assert!(!again.is_worn());
    let slot = again.slot("node", "");
    again.add(Timestamp::from_secs(7), &[(slot, &sink)]);
    assert!(!again.is_worn());
}

/// Scenario: two rounds with the same series, then one more and one missing, then the old ones in another order in a new
/// sink. Guarantees: definitions come once and before their values, labels are sorted without empty ones, a missing
/// value is missing, and a known list of series gets its old set again.
#[test]
fn definitions_come_once() {
    let mut pair = Pair::new();
    let slot = pair.batcher.slot("node", "");
    let mut sink = Sink::default();
    round(&mut sink, &[("a", 1.0), ("b", 2.0)]);
    let first = pair.send(&[(slot, &sink)]);
    assert_eq!(pair.read(&first), ["node/ a=Some(1.0)", "node/ b=Some(2.0)"]);
    assert_eq!(pair.full.generation, 1);
    let labels: Vec<_> = pair.full.series[0].labels.iter().map(|(n, _)| &**n).collect();
    assert_eq!(labels, ["device", "zone"]);

    round(&mut sink, &[("a", 3.0), ("b", 4.0)]);
    assert_eq!(pair.send(&[(slot, &sink)]).blocks[0].set, first.blocks[0].set);
    assert_eq!(pair.full.generation, 1, "nothing new, no catalog");

    round(&mut sink, &[("c", 5.0), ("b", 6.0)]);
    let batch = pair.send(&[(slot, &sink)]);
    assert_eq!(pair.read(&batch), ["node/ a=None", "node/ b=Some(6.0)", "node/ c=Some(5.0)"]);
    assert_eq!((pair.full.generation, pair.full.series.len()), (2, 3));

    let slot = pair.batcher.slot("node", "");
    let mut other = Sink::default();
    round(&mut other, &[("b", 8.0), ("a", 7.0)]);
    let batch = pair.send(&[(slot, &other)]);
    assert_eq!(batch.blocks[0].set, first.blocks[0].set);
    assert_eq!(pair.read(&batch), ["node/ a=Some(7.0)", "node/ b=Some(8.0)"]);
    assert_eq!(pair.full.generation, 2);
}

/// Scenario: the same series of two instances, and a sink without values. Guarantees: they are two series, the empty
/// sink has no block.
#[test]
fn instances_do_not_share_series() {
    let mut pair = Pair::new();
    let (one, two) = (pair.batcher.slot("postgres", "a:1"), pair.batcher.slot("postgres", "b:1"));
    let none = pair.batcher.slot("postgres", "c:1");
    let (mut first, mut second) = (Sink::default(), Sink::default());
    round(&mut first, &[("x", 1.0)]);
    round(&mut second, &[("x", 2.0)]);
    let batch = pair.send(&[(one, &first), (none, &Sink::default()), (two, &second)]);
    assert_eq!(pair.read(&batch), ["postgres/a:1 x=Some(1.0)", "postgres/b:1 x=Some(2.0)"]);
    assert_eq!(pair.full.series.len(), 2);
}

/// Scenario: readings of two sinks at two times, both with new series, then one of them again. Guarantees: they are one
/// batch with all definitions before it and each row at its own time; what the batch has a row of is known, and nothing
/// is handed out twice.
#[test]
fn batches_gather() {
    let mut pair = Pair::new();
    let (one, two) = (pair.batcher.slot("node", ""), pair.batcher.slot("postgres", "a:1"));
    let (mut first, mut second) = (Sink::default(), Sink::default());
    round(&mut first, &[("x", 1.0)]);
    round(&mut second, &[("y", 2.0)]);
    pair.batcher.add(Timestamp::from_millis(7_000), &[(one, &first)]);
    assert!(pair.batcher.holds(&[(two, &second), (one, &first)]));
    assert!(!pair.batcher.holds(&[(two, &second)]));
    pair.batcher.add(Timestamp::from_millis(7_003), &[(two, &second)]);
    let batch = pair.take();
    assert_eq!(pair.read(&batch), ["node/ x=Some(1.0)", "postgres/a:1 y=Some(2.0)"]);
    let times: Vec<_> = batch.blocks.iter().map(|block| block.times[0].as_millis()).collect();
    assert_eq!((times, pair.full.generation), (vec![7_000, 7_003], 1));
    assert!(!pair.batcher.holds(&[(one, &first)]));
    assert!(pair.take().blocks.is_empty());
    let alone = pair.send(&[(one, &first)]);
    assert_eq!(pair.read(&alone), ["node/ x=Some(1.0)"]);
}

/// Scenario: a restart with the catalog the spool kept, and a catalog that was refused. Guarantees: numbers go on and
/// known series keep theirs; after a refusal the definitions are sent again.
#[test]
fn numbering_goes_on() {
    let mut pair = Pair::new();
    let slot = pair.batcher.slot("node", "");
    let mut sink = Sink::default();
    round(&mut sink, &[("a", 1.0)]);
    let first = pair.send(&[(slot, &sink)]);

    pair.batcher = Batcher::restored(&pair.full);
    let slot = pair.batcher.slot("node", "");
    assert_eq!(pair.send(&[(slot, &sink)]).blocks[0].set, first.blocks[0].set);
    assert_eq!(pair.full.generation, 1);

    round(&mut sink, &[("a", 1.0), ("b", 2.0)]);
    pair.batcher.add(Timestamp::from_secs(8), &[(slot, &sink)]);
    let (lost, _) = pair.batcher.take().unwrap();
    assert_eq!(lost.unwrap().series.len(), 1);
    pair.batcher.resume(&pair.full.clone());
    let batch = pair.send(&[(slot, &sink)]);
    assert_eq!(pair.read(&batch), ["node/ a=Some(1.0)", "node/ b=Some(2.0)"]);
}

/// Scenario: labels that the wire refuses beside one that it takes. Guarantees: only those series are left out, and
/// counted.
#[test]
fn refused_series_do_not_take_others_along() {
    let mut pair = Pair::new();
    let slot = pair.batcher.slot("node", "");
    let mut sink = Sink::default();
    sink.begin();
    sink.put(&USED, &[("device", &"x".repeat(MAX_VALUE_BYTES + 1))], 1.0);
    sink.put(&USED, &[("device", "a"), ("host", "h")], 1.0);
    sink.put(&USED, &[("device", "a"), ("device", "b")], 1.0);
    sink.put(&USED, &[("device", &"x".repeat(MAX_VALUE_BYTES))], 2.0);
    let batch = pair.send(&[(slot, &sink)]);
    assert_eq!(pair.read(&batch).len(), 1);
    assert_eq!(pair.batcher.refused(), 3);
}

/// Scenario: the last reference and one more. Guarantees: the last is sent, one more is counted as refused, and the
/// collector would accept the catalog.
#[test]
fn references_end() {
    let mut pair = Pair::new();
    let def = |n: usize| SeriesDef {
        reference: u32::try_from(n).unwrap(),
        name: USED.name.into(),
        kind: USED.kind,
        unit: USED.unit,
        labels: vec![("device".into(), format!("old{n}").into())],
    };
    let series = (1..MAX_SERIES).map(def).collect();
    pair.full = Catalog { generation: 1, series, ..Catalog::default() };
    pair.batcher.resume(&pair.full);
    let slot = pair.batcher.slot("node", "");
    let mut sink = Sink::default();
    round(&mut sink, &[("last", 1.0), ("more", 2.0)]);
    let batch = pair.send(&[(slot, &sink)]);
    assert_eq!(pair.read(&batch), ["node/ last=Some(1.0)"]);
    assert_eq!(pair.batcher.refused(), 1);
}

/// Scenario: the last set id and one more. Guarantees: the last is used, one more is counted as refused without a
/// block, and a known list of series still finds its set.
#[test]
fn set_ids_end() {
    let mut pair = Pair::new();
    let id = u32::try_from(MAX_SETS).unwrap() - 1;
    let set = SeriesSet { id, job: "node".into(), ..SeriesSet::default() };
    pair.full = Catalog { generation: 1, sets: vec![set], ..Catalog::default() };
    pair.batcher.resume(&pair.full);
    for (device, blocks, refused) in [("a", 1, 0), ("b", 0, 1), ("a", 1, 1)] {
        let slot = pair.batcher.slot("node", "");
        let mut sink = Sink::default();
        round(&mut sink, &[(device, 1.0)]);
        let batch = pair.send(&[(slot, &sink)]);
        assert_eq!((batch.blocks.len(), pair.batcher.refused()), (blocks, refused), "{device}");
    }
}
