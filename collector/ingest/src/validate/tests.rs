use super::*;
use crate::node_limits::Accounts;
use proto::{BodyEncoder, catalog_digest, decode_catalog, encode_catalog};
use shared_model::{Block, Kind, NodeIdentity, SeriesDef, SeriesSet, Timestamp, Unit};

const NOW: BootTime = BootTime::from_micros(1);

fn validator(catalog: Option<Arc<Catalog>>, limits: NodeLimits) -> Validator {
    let node = NodeIdentity::new("p", "h", "a", "n").unwrap();
    Validator::new(catalog, Accounts::new(limits).of(&node), limits).unwrap()
}

/// What is known to a session, as the next one starts from it.
fn known(v: &Validator) -> Option<Arc<Catalog>> {
    v.definitions.catalog.clone()
}

/// `sets` sets of two series each, as generation `sets`.
fn sets(from: u32, to: u32) -> wire::Catalog {
    let series = (from * 2 - 1..=to * 2).map(|reference| SeriesDef {
        reference,
        name: "node_load1".into(),
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: vec![("n".into(), reference.to_string().into())],
    });
    let sets = (from..=to).map(|id| SeriesSet {
        id,
        job: "node".into(),
        instance: "".into(),
        references: vec![id * 2 - 1, id * 2],
    });
    let (series, sets) = (series.collect(), sets.collect());
    encode_catalog(&Catalog { generation: to, base: from - 1, series, sets }).unwrap()
}

fn catalog() -> wire::Catalog {
    sets(1, 1)
}

fn batch(set: u32, columns: usize) -> wire::Batch {
    let block =
        Block { set, times: vec![Timestamp::from_secs(9)], values: vec![Some(1.5); columns] };
    let body =
        BodyEncoder::new().unwrap().encode(&Batch { generation: 1, blocks: vec![block] }).unwrap();
    wire::Batch::new(Seq(1), Lane::Live, 1, &body)
}

fn refused(v: &mut Validator, b: &wire::Batch) -> Result<(), NackCode> {
    v.batch(b, NOW).map(drop).map_err(|refused| refused.code)
}

/// Scenario: a batch that fits its catalog, and one with each fault. Guarantees: only the first passes; every other gets
/// the code that makes the agent do the right thing.
#[test]
fn only_fitting_batches_pass() {
    let mut validator = validator(None, NodeLimits::default());
    assert_eq!(refused(&mut validator, &batch(1, 2)), Err(NackCode::UnknownCatalog));
    assert_eq!(validator.catalog(catalog(), NOW).unwrap(), [catalog()]);
    assert_eq!(refused(&mut validator, &batch(1, 2)), Ok(()));
    assert_eq!(refused(&mut validator, &batch(2, 2)), Err(NackCode::UnknownCatalog));
    assert_eq!(refused(&mut validator, &batch(1, 3)), Err(NackCode::Invalid));
    let mut flipped = batch(1, 2);
    flipped.crc32c ^= 1;
    assert_eq!(refused(&mut validator, &flipped), Err(NackCode::Checksum));
    let mut lying = batch(1, 2);
    lying.raw_len += 1;
    assert_eq!(refused(&mut validator, &lying), Err(NackCode::Invalid));
}

/// Scenario: a session that starts from a catalog the collector knows. Guarantees: its version is told, batches pass at once.
#[test]
fn a_known_catalog_needs_no_resending() {
    let mut first = validator(None, NodeLimits::default());
    first.catalog(catalog(), NOW).unwrap();
    let version = known(&first).map(|c| (1, catalog_digest(&c)));
    let mut second = validator(known(&first), NodeLimits::default());
    let none = validator(None, NodeLimits::default());
    assert!(second.knows(version) && !second.knows(None));
    assert!(none.knows(None) && !none.knows(version));
    assert_eq!(refused(&mut second, &batch(1, 2)), Ok(()));
}

/// The catalog of `sets`, whole, under another generation.
fn renumbered(sets: &wire::Catalog, generation: u32) -> wire::Catalog {
    wire::Catalog { generation, ..sets.clone() }
}

/// Scenario: a node sends its whole catalog again, in the same session and in the next, at no limit and at one that leaves a
/// set out; then with one set more, and the same under another number. Guarantees: what is known is not journalled again and
/// its batches pass, before and after; all else is journalled, since a later addition stands on it.
#[test]
fn a_known_catalog_is_journalled_once() {
    for (series_max, passing) in [(20_000, 3), (5, 2)] {
        let limits = NodeLimits { series_max, ..NodeLimits::default() };
        let mut first = validator(None, limits);
        assert_eq!(first.catalog(sets(1, 3), NOW).unwrap().len(), 1);
        let mut next = validator(known(&first), limits);
        for session in [&mut first, &mut next] {
            for _ in 0..3 {
                assert_eq!(session.catalog(sets(1, 3), NOW).unwrap(), []);
                for set in 1..=3 {
                    let expected =
                        if set <= passing { Ok(()) } else { Err(NackCode::TooManySeries) };
                    assert_eq!(refused(session, &batch(set, 2)), expected, "set {set}");
                }
            }
        }
        assert_eq!(next.catalog(sets(1, 4), NOW).unwrap().len(), 1);
        assert_eq!(next.catalog(renumbered(&sets(1, 4), 5), NOW).unwrap().len(), 1);
        assert_eq!(next.catalog(sets(6, 6), NOW).unwrap_err().code(), tonic::Code::InvalidArgument);
    }
}

/// Scenario: a node at a limit of a hundred series sends whole catalogs: one that adds to what is known, many that say the
/// same under another number, many that name all series anew. Guarantees: the first costs what it adds; of the others few are
/// bound, and the rest waits; what is known goes on, and the known catalog itself never waits.
#[test]
fn catalogs_that_change_everything_have_a_rate() {
    let limits = NodeLimits { series_max: 100, ..NodeLimits::default() };
    let renamed = |n: u32| {
        let mut other = decode_catalog(&renumbered(&sets(1, 40), 100 + n)).unwrap();
        other.series.iter_mut().for_each(|def| def.name = format!("other_{n}").into());
        encode_catalog(&other).unwrap()
    };
    // 60 of 100 are used up by the first and 20 by what is added; 80 series again count as 8, other ones as 80.
    let cases: [(&dyn Fn(u32) -> wire::Catalog, usize); 2] =
        [(&|n| renumbered(&sets(1, 40), 100 + n), 3), (&renamed, 1)];
    for (another, expected) in cases {
        let mut validator = validator(None, limits);
        assert_eq!(validator.catalog(sets(1, 30), NOW).unwrap().len(), 1);
        assert_eq!(validator.catalog(sets(1, 40), NOW).unwrap().len(), 1);
        assert_eq!(validator.catalog(sets(1, 40), NOW).unwrap(), []);
        let taken = (1..=8).map(|n| validator.catalog(another(n), NOW).unwrap().len());
        assert_eq!(taken.sum::<usize>(), expected);
        assert_eq!(refused(&mut validator, &batch(40, 2)), Ok(()));
    }
}

/// Scenario: bodies that are not what they claim, and small ones with very many absent cells. Guarantees: reading them is paid
/// for by what they cost, so that what comes next is read later; sound ones of the same length cost nothing of the kind.
#[test]
fn bodies_pay_for_what_they_cost() {
    let limits = NodeLimits { samples_per_second: 1, ..NodeLimits::default() };
    let node = NodeIdentity::new("p", "h", "a", "n").unwrap();
    let mut lying = batch(1, 2);
    lying.raw_len = 1 << 20;
    let times: Vec<_> = (0..3000).map(Timestamp::from_secs).collect();
    let values = vec![None; times.len() * 2];
    let block = Block { set: 1, times, values };
    let empty = BodyEncoder::new().unwrap().encode(&Batch { generation: 1, blocks: vec![block] });
    let empty = wire::Batch::new(Seq(1), Lane::Live, 1, &empty.unwrap());
    assert!(empty.raw_len < 10_000, "{}", empty.raw_len);
    // 8 MB may be read at once: of 7 MiB each, of some 90 kB each, and of nothing.
    for (body, expected) in [(lying, 2..=2), (empty, 80..=100), (batch(1, 2), 200..=200)] {
        let account = Accounts::new(limits).of(&node);
        let mut validator = Validator::new(None, account.clone(), limits).unwrap();
        validator.catalog(catalog(), NOW).unwrap();
        let mut owes = |_: &i32| {
            drop(validator.batch(&body, NOW));
            !account.owes(NOW).is_zero()
        };
        let read = (1..200).find(|n| owes(n)).unwrap_or(200);
        assert!(expected.contains(&read), "{read} instead of {expected:?}");
    }
}

/// Scenario: four sets of two series at a limit of five, at once, as additions, and again after a session. Guarantees:
/// the first two sets are kept and pass, batches with the others are refused for their number, never as unknown.
#[test]
fn series_above_the_limit_are_left_out() {
    let limits = NodeLimits { series_max: 5, ..NodeLimits::default() };
    let expect = |v: &mut Validator| {
        assert_eq!([1, 2].map(|set| refused(v, &batch(set, 2))), [Ok(()), Ok(())]);
        for set in [3, 4] {
            let answer = v.batch(&batch(set, 2), NOW).unwrap_err();
            assert_eq!(answer.code, NackCode::TooManySeries);
            assert!(answer.detail.contains("limit of 5 series"), "{}", answer.detail);
        }
        assert_eq!(refused(v, &batch(5, 2)), Err(NackCode::UnknownCatalog));
    };
    let mut at_once = validator(None, limits);
    // The rate of new series lets a first catalog pass that is above the limit.
    let journalled = at_once.catalog(sets(1, 4), NOW).unwrap();
    let kept = decode_catalog(&journalled[0]).unwrap();
    assert_eq!(kept.sets.iter().map(|s| s.id).collect::<Vec<_>>(), [1, 2]);
    expect(&mut at_once);
    let mut again = validator(known(&at_once), limits);
    again.catalog(sets(1, 4), NOW).unwrap();
    expect(&mut again);
    let mut added = validator(None, limits);
    added.catalog(sets(1, 2), NOW).unwrap();
    added.catalog(sets(3, 4), NOW).unwrap();
    expect(&mut added);
}

/// Scenario: more series than any agent may have, in additions, and then more of them. Guarantees: the known ones go on,
/// batches of the rest are refused for their number, and a whole catalog within the limit mends it.
#[test]
fn a_million_series_change_nothing() {
    let limits = NodeLimits { samples_per_second: u32::MAX, ..NodeLimits::default() };
    let mut validator = validator(None, limits);
    validator.catalog(sets(1, 4000), NOW).unwrap();
    for part in 1..5 {
        let from = part * 4000 + 1;
        // A set id above the greatest would be malformed, so that the same few carry them.
        let mut more = decode_catalog(&sets(from, from + 3999)).unwrap();
        more.sets = Vec::new();
        validator.catalog(encode_catalog(&more).unwrap(), BootTime::from_micros(1 << 50)).unwrap();
    }
    assert!(validator.definitions.over.is_some());
    assert_eq!(refused(&mut validator, &batch(4000, 2)), Ok(()));
    let mut beyond = batch(1, 2);
    beyond.catalog_generation = 20_000;
    assert_eq!(refused(&mut validator, &beyond), Err(NackCode::TooManySeries));
    validator.catalog(sets(1, 1), NOW).unwrap();
    assert_eq!(refused(&mut validator, &batch(1, 2)), Ok(()));
    assert_eq!(refused(&mut validator, &beyond), Err(NackCode::UnknownCatalog));
}

/// Scenario: new series beyond the rate, then time passes. Guarantees: batches that need them are busy with the time to
/// wait, which is true; nothing is refused for good.
#[test]
fn new_series_have_a_rate() {
    let limits = NodeLimits { series_max: 60, ..NodeLimits::default() };
    let mut validator = validator(None, limits);
    validator.catalog(sets(1, 30), NOW).unwrap();
    assert_eq!(validator.catalog(sets(31, 32), NOW).unwrap(), []);
    assert!(!validator.may_be_due(NOW), "it is not worth another try yet");
    let mut waiting = batch(1, 2);
    waiting.catalog_generation = 32;
    let answer = validator.batch(&waiting, NOW).unwrap_err();
    assert_eq!(answer.code, NackCode::Busy);
    assert!(answer.retry_after > Duration::ZERO);
    let later = NOW.plus(answer.retry_after);
    assert_eq!(validator.due(later).unwrap().len(), 1);
    assert!(validator.batch(&waiting, later).is_ok());
}

/// Scenario: a node sends more samples than it may. Guarantees: busy, with the time to wait, which is true.
#[test]
fn samples_have_a_rate() {
    let limits = NodeLimits { samples_per_second: 1, ..NodeLimits::default() };
    let mut validator = validator(None, limits);
    validator.catalog(catalog(), NOW).unwrap();
    let passed = (0..20).filter(|_| refused(&mut validator, &batch(1, 2)).is_ok()).count();
    assert_eq!(passed, 5);
    let answer = validator.batch(&batch(1, 2), NOW).unwrap_err();
    assert_eq!(answer.code, NackCode::Busy);
    assert!(validator.batch(&batch(1, 2), NOW.plus(answer.retry_after)).is_ok());
}

/// Scenario: definitions that each fit a message and together do not, whose texts do not compress. Guarantees: the first are
/// kept, the ones that would not fit are refused as too many, and what is kept can be sent, and so kept, as a whole.
#[test]
fn what_fits_no_message_is_not_kept() {
    let mut random = 1u64;
    let mut text = || {
        let digit = |_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'!' + (random >> 58) as u8)
        };
        (0..1_000).map(digit).collect::<String>()
    };
    let mut delta = |generation: u32| {
        let references = (generation - 1) * 600 + 1..=generation * 600;
        let series = references.clone().map(|reference| SeriesDef {
            reference,
            name: "m".into(),
            kind: Kind::Gauge,
            unit: Unit::None,
            labels: vec![("n".into(), text().into())],
        });
        let set = SeriesSet {
            id: generation,
            job: "node".into(),
            instance: "".into(),
            references: references.collect(),
        };
        let (series, sets) = (series.collect(), vec![set]);
        encode_catalog(&Catalog { generation, base: generation - 1, series, sets }).unwrap()
    };
    let mut v = validator(None, NodeLimits::default());
    let later = BootTime::from_micros(3_600_000_000);
    let (mut kept, mut refused_from) = (0, None);
    for generation in 1..=4 {
        let taken = v.catalog(delta(generation), later).unwrap();
        match taken.len() {
            1 => kept = generation,
            _ => refused_from = refused_from.or(Some(generation)),
        }
    }
    assert_eq!((refused_from, v.definitions.generation()), (Some(kept + 1), kept));
    assert!(encode_catalog(&known(&v).unwrap()).is_ok());
    let mut missing = batch(4, 600);
    missing.catalog_generation = 4;
    assert_eq!(refused(&mut v, &missing), Err(NackCode::TooManySeries));
}
