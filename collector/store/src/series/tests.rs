//! The store against a plain map of samples, under restarts, late rows, damage and concurrent readers.

use super::*;
use collector_domain::{Matcher, MatcherOp, SeriesData, SeriesReader};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// 2026-11-23T00:00:00Z in seconds.
const DAY_START: i64 = 1_795_392_000;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(DAY_START + secs)
}

fn open(dir: &Path) -> SeriesStore {
    let (store, damaged) = SeriesStore::open(dir, SeriesOptions::default()).unwrap();
    assert!(damaged.is_empty(), "{damaged:?}");
    store
}

fn labels(name: &str, device: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("device", device), ("host", "db-1")])
}

/// A group of `columns` series `metric{device="<n>"}`.
fn group(store: &SeriesStore, columns: usize) -> GroupId {
    let ids: Vec<SeriesId> =
        (0..columns).map(|c| store.define(labels("metric", &format!("d{c}"))).unwrap()).collect();
    store.define_group(&ids).unwrap()
}

fn matcher(name: &str, op: MatcherOp, values: &[&str]) -> Matcher {
    let values = values.iter().map(|v| (*v).into()).collect();
    let name = name.into();
    Matcher { name, op, values }
}

fn select(store: &SeriesStore, matchers: &[Matcher]) -> Vec<SeriesData> {
    store.view().select(matchers, at(-1_000_000), at(1_000_000))
}

type Model = BTreeMap<(String, i64), u64>;

/// Every sample in the store, as bits by device and time.
fn contents(store: &SeriesStore) -> Model {
    let named = matcher("__name__", MatcherOp::Equal, &["metric"]);
    let mut all = Model::new();
    for series in select(store, &[named]) {
        assert!(series.samples.is_sorted_by(|a, b| a.0 < b.0));
        let device = series.labels.get("device").unwrap().to_owned();
        for (time, value) in series.samples {
            all.insert((device.clone(), time.as_micros()), value.to_bits());
        }
    }
    all
}

fn add(model: &mut Model, time: Timestamp, values: &[Option<f64>]) {
    for (column, value) in values.iter().enumerate() {
        if let Some(value) = value {
            let key = (format!("d{column}"), time.as_micros());
            model.insert(key, value.to_bits());
        }
    }
}

fn fill(store: &SeriesStore, group: GroupId, secs: std::ops::Range<i64>) -> Model {
    let mut model = Model::new();
    for (lsn, s) in secs.enumerate() {
        let values = [Some(s as f64 * 0.25), (s % 5 != 0).then_some(1.0 / (s as f64 + 0.5))];
        let stored = store.append_row(group, at(s), &values, Lsn(lsn as u64 + 1));
        assert_eq!(stored.unwrap(), Appended::Stored);
        add(&mut model, at(s), &values);
    }
    model
}

fn blocks_file(dir: &Path) -> PathBuf {
    dir.join("2026-11-23/blocks")
}

fn value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        3 => (0i32..100_000).prop_map(|n| Some(f64::from(n) / 100.0)),
        2 => any::<u64>().prop_map(|bits| Some(f64::from_bits(bits))),
        1 => Just(Some(-0.0)),
        1 => Just(None),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Row(i64, [Option<f64>; 3]),
    SealAged(i64),
    SealAll,
    Reopen,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let values = || [value(), value(), value()];
    prop_oneof![
        20 => values().prop_map(|v| Step::Row(1, v)),
        4 => (-400i64..900, values()).prop_map(|(s, v)| Step::Row(s, v)),
        1 => (0i64..1_200).prop_map(Step::SealAged),
        1 => Just(Step::SealAll),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Scenario: rows in order and late, over midnight, seals, orderly restarts, and crashes after which every row is
    /// appended again, as the journal does.
    /// Guarantees: each row once, the first of its time, bit for bit; nothing lost, nothing invented.
    #[test]
    fn equals_a_plain_map(steps in prop::collection::vec(step(), 0..250), start in -300i64..0) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut id = group(&store, 3);
        let (mut model, mut journal) = (Model::new(), Vec::new());
        let (mut now, mut times) = (start, std::collections::BTreeSet::new());
        for step in steps {
            match step {
                Step::Row(1, values) => {
                    now += 1;
                    journal.push((now, values));
                }
                Step::Row(offset, values) => {
                    journal.push((now + offset, values));
                    now = now.max(now + offset);
                }
                Step::SealAged(secs) => store.seal_aged(at(now + secs)).unwrap(),
                Step::SealAll => store.seal_all().unwrap(),
                Step::Reopen | Step::Crash => {
                    if matches!(step, Step::Reopen) {
                        store.seal_all().unwrap();
                        prop_assert_eq!(store.oldest_unsealed(), None);
                    }
                    drop(store);
                    store = open(dir.path());
                    id = group(&store, 3);
                    for (lsn, (secs, values)) in journal.iter().enumerate() {
                        store.append_row(id, at(*secs), values, Lsn(lsn as u64 + 1)).unwrap();
                    }
                    continue;
                }
            }
            if let (Step::Row(..), Some((secs, values))) = (&step, journal.last()) {
                let new = times.insert(*secs);
                let stored = store.append_row(id, at(*secs), values, Lsn(journal.len() as u64));
                let expected = if new { Appended::Stored } else { Appended::Duplicate };
                prop_assert_eq!(stored.unwrap(), expected);
                if new {
                    add(&mut model, at(*secs), values);
                }
            }
        }
        prop_assert_eq!(contents(&store), model.clone());
        store.seal_all().unwrap();
        prop_assert_eq!(contents(&store), model.clone());
        drop(store);
        prop_assert_eq!(contents(&open(dir.path())), model);
    }
}

/// Scenario: 250 rows, then the process dies, and the journal's tail is appended again.
/// Guarantees: sealed rows are duplicates, the others are stored; what was sealed stays visible without the journal.
#[test]
fn the_journal_tail_may_be_appended_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let id = group(&store, 2);
    let model = fill(&store, id, 0..250);
    assert_eq!(store.oldest_unsealed(), Some(Lsn(1)), "sealed is not yet on disk");
    store.sync().unwrap();
    assert_eq!(store.oldest_unsealed(), Some(Lsn(241)));
    drop(store);
    let store = open(dir.path());
    let id = group(&store, 2);
    let sealed: Model = model
        .iter()
        .filter(|((_, t), _)| *t < at(240).as_micros())
        .map(|(k, v)| (k.clone(), *v))
        .collect();
    assert_eq!(contents(&store), sealed);
    assert_eq!(store.oldest_unsealed(), None);
    for s in 0..250 {
        let values = [Some(s as f64 * 0.25), (s % 5 != 0).then_some(1.0 / (s as f64 + 0.5))];
        let expected = if s < 240 { Appended::Duplicate } else { Appended::Stored };
        assert_eq!(store.append_row(id, at(s), &values, Lsn(500)).unwrap(), expected, "{s}");
    }
    assert_eq!(contents(&store), model);
    assert_eq!(store.oldest_unsealed(), Some(Lsn(500)));
}

/// Scenario: rows up to and over the limits of a block: its number of rows, its age, and midnight.
/// Guarantees: sealed exactly when the next row would go over.
#[test]
fn blocks_end_at_their_limits() {
    let seconds = |secs: &[i64]| secs.to_vec();
    for (case, times, open_after) in [
        ("119 and one", (0..120).collect(), Some(1)),
        ("120 and one", (0..121).collect(), Some(121)),
        ("just under ten minutes", seconds(&[0, 599]), Some(1)),
        ("ten minutes", seconds(&[0, 600]), Some(2)),
        ("midnight", seconds(&[86_398, 86_399, 86_400]), Some(3)),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let id = group(&store, 1);
        for (i, secs) in times.iter().enumerate() {
            store.append_row(id, at(*secs), &[Some(1.0)], Lsn(i as u64 + 1)).unwrap();
        }
        store.sync().unwrap();
        assert_eq!(store.oldest_unsealed(), open_after.map(Lsn), "{case}");
        let last = at(times[times.len() - 1]);
        store
            .seal_aged(
                last.plus(
                    Duration::from_millis(599_999)
                        .saturating_sub(last.since(at(times[open_after.unwrap() as usize - 1]))),
                ),
            )
            .unwrap();
        store.sync().unwrap();
        assert_eq!(store.oldest_unsealed(), open_after.map(Lsn), "{case}: too young");
        store.seal_aged(last.plus(Duration::from_secs(600))).unwrap();
        store.sync().unwrap();
        assert_eq!(store.oldest_unsealed(), None, "{case}: aged");
    }
}

/// Scenario: each kind of matcher, alone and together, over three series. Guarantees: PromQL's choice, with and without
/// an index to start from; series without samples in the range are left out.
#[test]
fn matchers_select_series() {
    use MatcherOp::{Equal, NoneOf, NotEqual, OneOf};
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let series = [("up", "sda"), ("up", "sdb"), ("load", "")];
    let ids: Vec<_> = series.iter().map(|(n, d)| store.define(labels(n, d)).unwrap()).collect();
    let id = store.define_group(&ids).unwrap();
    store.append_row(id, at(10), &[Some(1.0), Some(2.0), Some(3.0)], Lsn(1)).unwrap();
    store.append_row(id, at(20), &[None, Some(4.0), None], Lsn(2)).unwrap();
    let found = |matchers: &[Matcher], from, to| -> Vec<Vec<f64>> {
        let found = store.view().select(matchers, at(from), at(to));
        found.iter().map(|s| s.samples.iter().map(|(_, v)| *v).collect()).collect()
    };
    let (sda, sdb, load) = (vec![1.0], vec![2.0, 4.0], vec![3.0]);
    for (matchers, expected) in [
        (vec![], vec![&sda, &sdb, &load]),
        (vec![matcher("__name__", Equal, &["up"])], vec![&sda, &sdb]),
        (vec![matcher("__name__", Equal, &["u*"])], vec![]),
        (vec![matcher("__name__", Equal, &["gone"])], vec![]),
        (vec![matcher("gone", Equal, &["x"])], vec![]),
        (vec![matcher("device", Equal, &[""])], vec![&load]),
        (vec![matcher("device", NotEqual, &[""])], vec![&sda, &sdb]),
        (vec![matcher("device", OneOf, &["sd*"])], vec![&sda, &sdb]),
        (vec![matcher("device", OneOf, &["sdb", "sdc"])], vec![&sdb]),
        (vec![matcher("device", OneOf, &["sdb"])], vec![&sdb]),
        (vec![matcher("device", OneOf, &["sda", ""])], vec![&sda, &load]),
        (vec![matcher("device", OneOf, &["*"])], vec![&sda, &sdb, &load]),
        (vec![matcher("device", NoneOf, &["sda"])], vec![&sdb, &load]),
        (
            vec![matcher("__name__", Equal, &["up"]), matcher("device", NotEqual, &["sda"])],
            vec![&sdb],
        ),
    ] {
        let expected: Vec<Vec<f64>> = expected.into_iter().cloned().collect();
        assert_eq!(found(&matchers, 0, 30), expected, "{matchers:?}");
    }
    assert_eq!(found(&[], 11, 20), [[4.0]]);
    assert_eq!(found(&[], 20, 20), [[4.0]]);
    assert_eq!(found(&[], 21, 30), Vec::<Vec<f64>>::new());
    assert_eq!(found(&[], 30, 0), Vec::<Vec<f64>>::new());
    assert_eq!(store.view().label_values("__name__"), ["load".into(), "up".into()]);
    assert_eq!(store.view().label_names(), ["__name__".into(), "device".into(), "host".into()]);
    assert_eq!(store.view().series_count(), 3);
}

/// Scenario: one series in two groups, as after a change of catalog, with one instant in both.
/// Guarantees: one series with all samples in order, the first stored at the common instant.
#[test]
fn a_series_may_change_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let old = group(&store, 1);
    let new = group(&store, 2);
    assert_ne!(old, new);
    assert_eq!(group(&store, 2), new);
    for (id, secs, values) in [
        (old, 1, vec![Some(1.0)]),
        (old, 2, vec![Some(2.0)]),
        (new, 2, vec![Some(9.0), None]),
        (new, 3, vec![Some(3.0), Some(0.5)]),
    ] {
        store.append_row(id, at(secs), &values, Lsn(1)).unwrap();
    }
    let first = matcher("device", MatcherOp::Equal, &["d0"]);
    let found = select(&store, &[first]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].samples, [(at(1), 1.0), (at(2), 2.0), (at(3), 3.0)]);
}

/// Blocks of twelve rows.
const SMALL: SeriesOptions = SeriesOptions {
    retention: Duration::from_secs(86_400),
    series_max: 10,
    rows_max: 12,
    age_max: Duration::from_secs(600),
};

/// Scenario: one bit of every byte of a day's file flipped, with and without the marks of what was synced.
/// Guarantees: every sample that is read is right; what is missing was reported at open or at reading; no panic.
#[test]
fn a_damaged_block_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let store = SeriesStore::open(dir.path(), SMALL).unwrap().0;
    let id = group(&store, 2);
    let model = fill(&store, id, 0..30);
    store.seal_all().unwrap();
    drop(store);
    let file = blocks_file(dir.path());
    let sound = fs::read(&file).unwrap();
    let marks = fs::read(dir.path().join("synced")).unwrap();
    for marked in [true, false] {
        for offset in 0..sound.len() {
            let mut bytes = sound.clone();
            bytes[offset] ^= 0x10;
            fs::write(&file, &bytes).unwrap();
            match marked {
                true => fs::write(dir.path().join("synced"), &marks).unwrap(),
                false => fs::remove_file(dir.path().join("synced")).unwrap_or(()),
            }
            let (store, damaged) = SeriesStore::open(dir.path(), SMALL).unwrap();
            let found = contents(&store);
            assert!(found.iter().all(|(key, bits)| model.get(key) == Some(bits)), "{offset}");
            assert!(found.len() < model.len(), "byte {offset} is in no block");
            assert!(!damaged.is_empty() || store.view().damaged_reads() > 0, "{offset}");
            assert!(marked || !damaged.is_empty(), "{offset}: unsynced bodies are checked at open");
            let again = fill_again(&store);
            assert_eq!(again, model, "{offset}: the journal restores what was found damaged");
        }
    }
}

/// Appends the rows of [`fill`] again and reads everything.
fn fill_again(store: &SeriesStore) -> Model {
    let id = group(store, 2);
    for s in 0..30 {
        let values = [Some(s as f64 * 0.25), (s % 5 != 0).then_some(1.0 / (s as f64 + 0.5))];
        store.append_row(id, at(s), &values, Lsn(1)).unwrap();
    }
    contents(store)
}

/// Scenario: a day's file cut at every byte, as a crash may leave it. Guarantees: whole blocks are there, the rest is
/// cut, and the journal restores it.
#[test]
fn a_cut_file_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = SeriesStore::open(dir.path(), SMALL).unwrap().0;
    let id = group(&store, 2);
    let model = fill(&store, id, 0..30);
    store.seal_all().unwrap();
    drop(store);
    let file = blocks_file(dir.path());
    let sound = fs::read(&file).unwrap();
    for cut in 0..sound.len() {
        fs::write(&file, &sound[..cut]).unwrap();
        let (store, damaged) = SeriesStore::open(dir.path(), SMALL).unwrap();
        let whole: u64 = fs::metadata(&file).unwrap().len();
        assert_eq!(damaged.iter().map(|d| d.bytes).sum::<u64>(), cut as u64 - whole, "{cut}");
        assert_eq!(fill_again(&store), model, "{cut}");
        store.seal_all().unwrap();
        drop(store);
        assert_eq!(contents(&open(dir.path())), model, "{cut}");
    }
}

/// Scenario: days that ended just less and just more than the retention ago. Guarantees: only the latter is removed,
/// from disk and from answers, and rows of it are not taken in any more.
#[test]
fn old_days_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let options =
        SeriesOptions { retention: Duration::from_secs(86_400), ..SeriesOptions::default() };
    let store = SeriesStore::open(dir.path(), options).unwrap().0;
    let id = group(&store, 1);
    for day in 0..3 {
        store.append_row(id, at(day * 86_400), &[Some(day as f64)], Lsn(1)).unwrap();
    }
    store.seal_all().unwrap();
    assert_eq!(store.retain(at(2 * 86_400 - 1)).unwrap(), Vec::<String>::new());
    assert_eq!(store.retain(at(2 * 86_400)).unwrap(), ["2026-11-23"]);
    assert!(!dir.path().join("2026-11-23").exists());
    assert_eq!(contents(&store).len(), 2);
    let late = |secs| store.append_row(id, at(secs), &[Some(7.0)], Lsn(2)).unwrap();
    assert_eq!(late(86_399), Appended::Expired);
    assert_eq!(late(86_401), Appended::Stored);
    drop(store);
    let store = SeriesStore::open(dir.path(), options).unwrap().0;
    assert_eq!(contents(&store).len(), 2);
}

/// Scenario: series, groups and rows at and over their limits. Guarantees: each refusal has its name.
#[test]
fn limits_are_enforced() {
    let dir = tempfile::tempdir().unwrap();
    let options = SeriesOptions { series_max: 2, ..SeriesOptions::default() };
    let store = SeriesStore::open(dir.path(), options).unwrap().0;
    let a = store.define(labels("m", "a")).unwrap();
    let b = store.define(labels("m", "b")).unwrap();
    assert_eq!((a, b), (SeriesId(0), SeriesId(1)));
    assert_eq!(store.define(labels("m", "a")).unwrap(), a);
    let third = store.define(labels("m", "c"));
    assert!(matches!(third, Err(SeriesError::TooManySeries { limit: 2 })));
    assert!(matches!(store.define_group(&[]), Err(SeriesError::GroupSize(0))));
    assert!(matches!(store.define_group(&[a, a]), Err(SeriesError::DuplicateColumn(_))));
    assert!(matches!(store.define_group(&[SeriesId(2)]), Err(SeriesError::UnknownSeries(_))));
    let id = store.define_group(&[a, b]).unwrap();
    let wide = store.append_row(id, at(0), &[None; 3], Lsn(1));
    assert!(matches!(wide, Err(SeriesError::RowWidth { expected: 2, found: 3 })));
    let unknown = store.append_row(GroupId(1), at(0), &[None; 2], Lsn(1));
    assert!(matches!(unknown, Err(SeriesError::UnknownGroup(_))));
    assert_eq!(store.append_row(id, at(0), &[None; 2], Lsn(1)).unwrap(), Appended::Stored);
    assert_eq!(contents(&store).len(), 0);
}

/// Scenario: times at and over the ends of the calendar. Guarantees: taken in and read back, or refused by name.
#[test]
fn times_without_a_day_are_refused() {
    let (first, last) = (-62_135_596_800_000_000, 253_402_300_799_999_999);
    for (micros, taken) in [
        (i64::MIN, false),
        (first - 1, false),
        (first, true),
        (last, true),
        (last + 1, false),
        (i64::MAX, false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let id = group(&store, 1);
        let time = Timestamp::from_micros(micros);
        let stored = store.append_row(id, time, &[Some(1.0)], Lsn(1));
        assert_eq!(stored.is_ok(), taken, "{micros}");
        assert!(taken || matches!(stored, Err(SeriesError::Time { .. })), "{micros}");
        store.seal_all().unwrap();
        drop(store);
        let found = open(dir.path()).view().select(&[], time, time);
        assert_eq!(found.len(), usize::from(taken), "{micros}");
    }
}

/// Scenario: a reader in another thread while rows are appended and sealed.
/// Guarantees: it always sees an unbroken beginning of what was appended, up to the whole of it.
#[test]
fn readers_see_a_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let id = group(&store, 1);
    let view = store.view();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut seen = 0;
            while seen < 2_000 {
                let found = view.select(&[], at(0), at(10_000));
                let samples = found.first().map_or(&[][..], |s| &s.samples);
                assert!(samples.len() >= seen);
                seen = samples.len();
                let steps = samples.iter().enumerate();
                assert!(steps.clone().all(|(i, s)| *s == (at(i as i64), i as f64)));
            }
        });
        for i in 0..2_000 {
            store.append_row(id, at(i), &[Some(i as f64)], Lsn(i as u64 + 1)).unwrap();
        }
    });
}
