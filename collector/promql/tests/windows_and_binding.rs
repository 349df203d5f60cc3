//! Windows as an evaluator uses them: freshness, refusals, snapshots, changes of the catalogue; and what `bind` refuses.

use collector_promql::{
    MAX_WINDOW_SAMPLES, Need, Pushed, RangeFunction, Requirement, Slot, SlotReader, Windows, bind,
    parse,
};
use shared_model::{Labels, Timestamp};
use std::time::Duration;

const A: Slot = Slot(0);

fn labels(name: &str, device: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("instance", "h1"), ("device", device)])
}

fn ms(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn last(slot: Slot) -> Requirement {
    Requirement { slot, need: Need::Last }
}

fn window(function: RangeFunction, range_s: u64) -> Requirement {
    let range = Duration::from_secs(range_s);
    Requirement { slot: A, need: Need::Window { function, range } }
}

/// Scenario: samples 1 s, 10 s and once, then silence. Guarantees: fresh until just before `max(5 s, 2.5 x spacing)`, at most
/// 37.5 minutes.
#[test]
fn freshness_follows_the_spacing() {
    for (gap_ms, limit_ms) in
        [(1_000, 5_000), (2_000, 5_000), (10_000, 25_000), (3_600_000, 2_250_000)]
    {
        let mut windows = Windows::new([last(A)]);
        for i in 0..50 {
            assert_eq!(windows.push(A, ms(i * gap_ms), 1.0), Pushed::Kept);
        }
        let newest = 49 * gap_ms;
        assert!(windows.is_fresh(A, ms(newest + limit_ms - 1)), "{gap_ms}");
        assert!(!windows.is_fresh(A, ms(newest + limit_ms)), "{gap_ms}");
        assert!(!windows.is_fresh(A, ms(newest - 1)), "a sample from the future");
    }
    let mut once = Windows::new([last(A)]);
    assert!(!once.is_fresh(A, ms(0)));
    once.expect_spacing(A, Duration::from_secs(60));
    assert_eq!(once.push(A, ms(0), 1.0), Pushed::Kept);
    assert_eq!(once.freshness(A), Duration::from_secs(150));
}

/// Scenario: an outage of an hour in a series of 1 s, and a change of interval to a minute. Guarantees: the outage lengthens
/// freshness to seconds only and is forgotten; the new interval is learnt within five samples.
#[test]
fn an_outage_is_not_an_interval() {
    let mut windows = Windows::new([last(A)]);
    let mut at = 0;
    let mut push = |windows: &mut Windows, gap_ms: i64| {
        at += gap_ms;
        assert_eq!(windows.push(A, ms(at), 1.0), Pushed::Kept);
    };
    (0..20).for_each(|_| push(&mut windows, 1_000));
    push(&mut windows, 3_600_000);
    assert!(windows.freshness(A) < Duration::from_secs(8));
    (0..20).for_each(|_| push(&mut windows, 1_000));
    assert_eq!(windows.freshness(A), Duration::from_secs(5));
    (0..5).for_each(|_| push(&mut windows, 60_000));
    assert!(windows.freshness(A) > Duration::from_secs(60));
}

/// Scenario: samples out of order, denser than windows take them, and of a slot nobody asked for. Guarantees: each is told by
/// name; a dense one is the newest value but not in the window, and does not push the next one out of it.
#[test]
fn samples_are_refused_by_name() {
    let last = Requirement { slot: A, need: Need::Last };
    let mut windows = Windows::new([window(RangeFunction::CountOverTime, 60), last]);
    for (slot, at, expected) in [
        (A, 1_000, Pushed::Kept),
        (A, 1_000, Pushed::OutOfOrder),
        (A, 0, Pushed::OutOfOrder),
        (A, 1_070, Pushed::Dense),
        (A, 1_070, Pushed::OutOfOrder),
        (A, 1_199, Pushed::Dense),
        (A, 1_200, Pushed::Kept),
        (Slot(1), 1_200, Pushed::Unknown),
    ] {
        assert_eq!(windows.push(slot, ms(at), 1.0), expected, "{at}");
    }
    let count =
        |w: &Windows| w.window(A, RangeFunction::CountOverTime, Duration::from_secs(60), ms(1_200));
    assert_eq!(count(&windows), Some(2.0));
    assert_eq!(windows.push(A, ms(1_270), 7.0), Pushed::Dense);
    assert_eq!(windows.last(A, ms(1_270)), Some((ms(1_270), 7.0)));
    windows.forget(A);
    assert_eq!((count(&windows), windows.push(A, ms(0), 1.0)), (None, Pushed::Kept));
}

/// Scenario: ranges of 30 min and 31 days at 1 s and denser. Guarantees: the state stays within its limit, the extremes are
/// kept although samples are thinned.
#[test]
fn memory_is_bounded_and_extremes_survive() {
    let month = 31 * 86_400;
    let all = [
        RangeFunction::Rate,
        RangeFunction::AvgOverTime,
        RangeFunction::MaxOverTime,
        RangeFunction::MinOverTime,
    ];
    let mut windows = Windows::new(all.map(|f| window(f, month)));
    let spike_at = 777;
    for i in 0..40_000_i64 {
        let value = if i == spike_at { 1e9 } else { -(i as f64) };
        assert_eq!(windows.push(A, ms(i * 1_000), value), Pushed::Kept);
    }
    let bytes = rmp_serde::to_vec(&windows).expect("serialisable").len();
    assert!(bytes < 4 * MAX_WINDOW_SAMPLES * 24, "{bytes}");
    let read = |f| windows.window(A, f, Duration::from_secs(month), ms(40_000_000));
    assert_eq!(read(RangeFunction::MaxOverTime), Some(1e9));
    assert_eq!(read(RangeFunction::MinOverTime), Some(-39_999.0));
}

/// Scenario: state written out and read back in the middle of a stream with NaN and far magnitudes. Guarantees: it goes on bit
/// for bit.
#[test]
fn a_snapshot_goes_on_bit_for_bit() {
    let every = RangeFunction::ALL.iter().map(|f| window(*f, 20));
    let mut whole = Windows::new(every.chain([last(A)]));
    let value = |i: i64| match i % 17 {
        3 => f64::NAN,
        5 => 1e300,
        n => (n as f64) * 0.1 - 0.7,
    };
    let mut restored = whole.clone();
    for i in 0..200 {
        if i == 93 {
            let bytes = rmp_serde::to_vec(&whole).expect("serialisable");
            restored = rmp_serde::from_slice(&bytes).expect("readable");
        }
        assert_eq!(whole.push(A, ms(i * 700), value(i)), Pushed::Kept);
        if i < 93 {
            continue;
        }
        assert_eq!(restored.push(A, ms(i * 700), value(i)), Pushed::Kept);
        for function in RangeFunction::ALL {
            let read =
                |w: &Windows| w.window(A, *function, Duration::from_secs(20), ms(i * 700 + 300));
            assert_eq!(
                read(&whole).map(f64::to_bits),
                read(&restored).map(f64::to_bits),
                "{function:?}"
            );
        }
    }
}

/// Scenario: the catalogue changes while samples flow. Guarantees: what stays required keeps its samples, what is not is gone.
#[test]
fn rebinding_keeps_what_is_still_required() {
    let (sum, max) =
        (window(RangeFunction::SumOverTime, 60), window(RangeFunction::MaxOverTime, 60));
    let mut windows = Windows::new([sum, max, last(Slot(1))]);
    for i in 0..3 {
        assert_eq!(windows.push(A, ms(i * 1_000), 1.0), Pushed::Kept);
    }
    windows.rebind([sum, last(Slot(2))]);
    let read = |w: &Windows, f| w.window(A, f, Duration::from_secs(60), ms(2_000));
    assert_eq!(read(&windows, RangeFunction::SumOverTime), Some(3.0));
    assert_eq!(read(&windows, RangeFunction::MaxOverTime), None);
    assert_eq!(windows.push(Slot(1), ms(0), 1.0), Pushed::Unknown);
    assert_eq!(windows.push(Slot(2), ms(0), 1.0), Pushed::Kept);
}

/// Scenario: a rate whose series falls silent while its window still holds samples. Guarantees: None once stale, and a second
/// fresh input brings it back, as in Prometheus.
#[test]
fn all_inputs_stale_is_unknown() {
    let series = [(A, labels("a", "sda")), (Slot(1), labels("b", "sda"))];
    let eval = |text: &str, b_at: i64, at: i64| {
        let bound = bind(&parse(text).expect("valid"), &series).expect("fits");
        let mut windows = Windows::new(bound[0].program.requirements().to_vec());
        for i in 0..10 {
            assert_eq!(windows.push(A, ms(i * 1_000), i as f64), Pushed::Kept);
        }
        let _unknown_in_the_first = windows.push(Slot(1), ms(b_at), 1.0);
        bound[0].program.eval(&windows, ms(at))
    };
    assert!(eval("rate(a[1m])", 0, 13_999).is_some());
    assert_eq!(eval("rate(a[1m])", 0, 14_000), None);
    assert!(eval("rate(a[1m]) + b", 20_000, 20_000).is_some());
}

/// Scenario: expressions that cannot be bound. Guarantees: refused with the construct and what is allowed instead.
#[test]
fn binding_refuses_by_name() {
    let series: Vec<(Slot, Labels)> = (0..)
        .map(Slot)
        .zip([labels("a", "sda"), labels("a", "sdb"), labels("b", "sda"), labels("b", "sdb")])
        .collect();
    for (text, expected) in [
        (
            "absent(a)",
            "absent(a) cannot be used in a rule: what happens without data is the rule's `no_data`",
        ),
        ("a[5m]", "a[5m] cannot be used in a rule: a rule needs one number per series"),
        (
            "count_over_time(a[2h1s])",
            "count_over_time over 2 h cannot be used in a rule: its result depends on every sample",
        ),
        (
            "rate(a[32d])",
            "rate over 768 h cannot be used in a rule: a rule's range is at most 31 days",
        ),
        ("a / on (instance) b", "several series on the right side"),
        ("a / on (instance) b{device=\"sda\"}", "several series on the left side"),
        ("abs({__name__=~\"a|b\"})", "two series of the result of abs have the same labels"),
    ] {
        let error = bind(&parse(text).expect(text), &series).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    for text in ["count_over_time(a[2h])", "rate(a[31d])", "nothing"] {
        assert!(bind(&parse(text).expect(text), &series).is_ok(), "{text}");
    }
    let twice = [(A, labels("a", "sda")), (Slot(1), labels("a", "sda"))];
    assert!(bind(&parse("a").expect("valid"), &twice).is_err());
}
