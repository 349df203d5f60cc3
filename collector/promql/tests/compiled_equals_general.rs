//! The compiled form equals the general engine: random series, random expressions of the subset, every instant.

use collector_domain::{Matcher, SeriesData, SeriesReader};
use collector_promql::{
    Expr, Limits, Lookback, Need, QueryError, Requirement, Slot, SlotReader, Value, Windows, bind,
    instant, parse,
};
use proptest::prelude::*;
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

type History = BTreeMap<Labels, Vec<(Timestamp, f64)>>;

/// The samples so far, with the freshness of the compiled form as lookback.
struct Store<'a> {
    history: &'a History,
    slots: &'a BTreeMap<Labels, Slot>,
    windows: &'a Windows,
}

impl SeriesReader for Store<'_> {
    fn select(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Vec<SeriesData> {
        let matching = self.history.iter();
        let matching = matching.filter(|(labels, _)| matchers.iter().all(|m| m.matches(labels)));
        let found = matching.map(|(labels, samples)| SeriesData {
            labels: labels.clone(),
            samples: samples.iter().copied().filter(|(at, _)| (from..=to).contains(at)).collect(),
        });
        found.filter(|s| !s.samples.is_empty()).collect()
    }
}

impl Lookback for Store<'_> {
    fn of(&self, labels: &Labels, _: Timestamp) -> Duration {
        self.windows.freshness(self.slots[labels])
    }

    fn longest(&self) -> Duration {
        Duration::from_secs(3_600)
    }
}

/// `a` and `b` on two hosts with two devices each, `c` once per host.
fn all_labels() -> Vec<Labels> {
    let mut all = Vec::new();
    for host in ["h1", "h2"] {
        for device in ["sda", "sdb"] {
            for name in ["a", "b"] {
                all.push(Labels::from_pairs([
                    ("__name__", name),
                    ("instance", host),
                    ("device", device),
                ]));
            }
        }
        all.push(Labels::from_pairs([("__name__", "c"), ("instance", host)]));
    }
    all
}

fn selector() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a",
        "b",
        "c",
        "a{device=\"sda\"}",
        "b{device=~\"sd.+\"}",
        "a{instance!=\"h2\"}",
        "b{device!~\"sdb|x.*\"}",
    ])
    .prop_map(str::to_owned)
}

fn vector() -> impl Strategy<Value = String> {
    let functions = prop::sample::select(vec![
        "rate",
        "increase",
        "delta",
        "irate",
        "idelta",
        "changes",
        "resets",
        "avg_over_time",
        "min_over_time",
        "max_over_time",
        "sum_over_time",
        "count_over_time",
        "last_over_time",
    ]);
    let windowed =
        (functions, selector(), 2_u32..40).prop_map(|(f, s, r)| format!("{f}({s}[{r}s])"));
    let leaf =
        prop_oneof![selector(), windowed, selector().prop_map(|s| format!("timestamp({s})"))];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let call = prop::sample::select(vec!["abs", "ceil", "floor", "round", "-", "timestamp"]);
        let aggregate = prop::sample::select(vec!["sum", "avg", "min", "max", "count"]);
        let grouping = prop::sample::select(vec![
            "by (instance)",
            "by (device)",
            "by ()",
            "without (device)",
            "without (instance, device)",
            "by (instance, device)",
        ]);
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", "> bool", "== bool",
            "and", "or", "unless",
        ]);
        let matching = prop::sample::select(vec![
            "",
            "on (instance)",
            "on (instance, device)",
            "ignoring (device)",
            "on (instance) group_left",
            "on (instance) group_right (device)",
            "ignoring (device) group_left",
        ]);
        let arithmetic = prop::sample::select(vec!["-", "/", ">", "<= bool"]);
        let one_side = prop::sample::select(vec!["right", "taken", "left"]);
        let number = prop::sample::select(vec!["0", "1.5", "-2", "100", "time()"]);
        prop_oneof![
            (call, inner.clone()).prop_map(|(f, v)| format!("{f}({v})")),
            (aggregate, grouping, inner.clone()).prop_map(|(a, g, v)| format!("{a} {g} ({v})")),
            (inner.clone(), operator.clone(), matching, inner.clone())
                .prop_map(|(l, o, m, r)| format!("({l}) {o} {m} ({r})")),
            (inner.clone(), operator.clone(), number.clone())
                .prop_map(|(l, o, n)| format!("({l}) {o} ({n})")),
            (inner.clone(), arithmetic, one_side, inner.clone()).prop_map(|(l, o, m, r)| match m {
                "right" => format!("(sum by (instance) ({l})) {o} on (instance) group_right ({r})"),
                "taken" => format!("({l}) {o} on (instance) group_left (device) (max by (instance) ({r}))"),
                _ => format!("({l}) {o} ignoring (device) group_left (avg by (instance) ({r}))"),
            }),
            (number, operator, inner.clone()).prop_map(|(n, o, r)| format!("({n}) {o} ({r})")),
            inner.prop_map(|v| format!("clamp_max(clamp_min({v}, -5), 7.5)")),
        ]
    })
}

/// Counters with resets, gauges, and now and then a value that spoils sums.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => (0_u32..50).prop_map(f64::from),
        4 => (-1000_i32..1000).prop_map(|tenths| f64::from(tenths) / 10.0),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, 1e300, -1e17, 1e-9, 0.0]),
    ]
}

/// For each series: gaps in milliseconds and values. A gap of some seconds makes the series stale.
fn samples() -> impl Strategy<Value = Vec<Vec<(u32, f64)>>> {
    let gap = prop_oneof![8 => Just(1_000_u32), 2 => 200_u32..3_000, 1 => 6_000_u32..20_000];
    let series = prop::collection::vec((gap, value()), 0..60);
    prop::collection::vec(series, all_labels().len())
}

fn same(a: f64, b: f64) -> bool {
    let near = (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    (a.is_nan() && b.is_nan()) || a.to_bits() == b.to_bits() || near
}

/// What the general engine says, as a map.
fn general(expr: &Expr, at: Timestamp, store: &Store) -> Result<BTreeMap<Labels, f64>, QueryError> {
    Ok(match instant(expr, at, store, store, &Limits::default())? {
        Value::Scalar(value) => BTreeMap::from([(Labels::default(), value)]),
        Value::Vector(elements) => elements.into_iter().collect(),
        Value::Matrix(_) => BTreeMap::new(),
    })
}

/// Pushes all samples in time order and compares after each instant. Returns how many values were compared.
fn compare(text: &str, samples: &[Vec<(u32, f64)>]) -> Result<usize, TestCaseError> {
    let Ok(expr) = parse(text) else {
        // Types that do not fit, such as a comparison of two scalars.
        return Ok(0);
    };
    let series: Vec<(Slot, Labels)> = (0..).map(Slot).zip(all_labels()).collect();
    let Ok(outputs) = bind(&expr, &series) else {
        return Ok(0);
    };
    let slots: BTreeMap<Labels, Slot> = series.iter().map(|(s, l)| (l.clone(), *s)).collect();
    let mut ticks: BTreeMap<Timestamp, Vec<(usize, f64)>> = BTreeMap::new();
    for (index, samples) in samples.iter().enumerate() {
        let mut at = Timestamp::from_secs(1_000);
        for (gap_ms, value) in samples {
            at = at.plus(Duration::from_millis(u64::from(*gap_ms)));
            ticks.entry(at).or_default().push((index, *value));
        }
    }
    let needed = outputs.iter().flat_map(|output| output.program.requirements().to_vec());
    let every_last = series.iter().map(|(slot, _)| Requirement { slot: *slot, need: Need::Last });
    let mut windows = Windows::new(needed.chain(every_last));
    let mut history = History::new();
    let mut compared = 0;
    for (at, samples) in ticks {
        for (index, value) in samples {
            let (slot, labels) = &series[index];
            prop_assert_eq!(windows.push(*slot, at, value), collector_promql::Pushed::Kept);
            history.entry(labels.clone()).or_default().push((at, value));
        }
        // At the tick itself and between ticks, where samples leave windows without a push.
        for at in [at, at.plus(Duration::from_millis(150))] {
            let store = Store { history: &history, slots: &slots, windows: &windows };
            let Ok(expected) = general(&expr, at, &store) else {
                continue;
            };
            let fresh = |slot: &Slot| windows.is_fresh(*slot, at);
            let mut unexplained = expected.len();
            for output in &outputs {
                let expected = expected.get(&output.labels).copied();
                unexplained -= usize::from(expected.is_some());
                let slots = output.program.slots();
                let stale = !slots.is_empty() && !slots.iter().any(fresh);
                let expected = expected.filter(|_| !stale);
                let actual = output.program.eval(&windows, at);
                let equal = match (actual, expected) {
                    (Some(a), Some(b)) => same(a, b),
                    (a, b) => a.is_none() && b.is_none(),
                };
                prop_assert!(
                    equal,
                    "{text} {} at {at}: {actual:?}, general {expected:?}",
                    output.labels
                );
                compared += usize::from(actual.is_some());
            }
            prop_assert_eq!(unexplained, 0, "{} has outputs that were not bound", text);
        }
    }
    Ok(compared)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Scenario: random expressions over random series with resets, gaps, NaN and infinities. Guarantees: every output of the
    /// general engine is bound, and both give the same value at each tick and between ticks.
    #[test]
    fn compiled_equals_general(text in vector(), samples in samples()) {
        compare(&text, &samples)?;
    }

    /// Scenario: random expressions. Guarantees: printed and parsed again they are the same.
    #[test]
    fn printing_round_trips(text in vector()) {
        if let Ok(expr) = parse(&text) {
            prop_assert_eq!(parse(&expr.to_string()), Ok(expr));
        }
    }
}

/// Scenario: expressions that rules use, over steady series. Guarantees: the comparison above is not empty for any of them.
#[test]
fn typical_rules_are_compared() {
    let steady: Vec<Vec<(u32, f64)>> = (0..all_labels().len())
        .map(|i| (0..50).map(|n| (1_000, f64::from((n * 7 + i as u32) % 23))).collect())
        .collect();
    let longest = format!("c{}", " + c".repeat(256));
    for text in [
        longest.as_str(),
        "100 * (1 - avg by (instance) (rate(a[10s])))",
        "a / on (instance) group_left c * 100 > 20",
        "sum by (instance) (increase(b[30s])) / on (instance) sum by (instance) (count_over_time(a[30s]))",
        "max_over_time(a[20s]) - min_over_time(a[20s])",
        "a unless on (instance, device) b > 10",
        "abs(a or on (instance, device) b)",
        "time() - timestamp(a)",
        "(a{device=\"sda\"} or b{device=\"sda\"}) / on (instance) c",
        "changes(a[15s]) + resets(b[15s]) == bool 3",
        "time()",
    ] {
        let compared = compare(text, &steady);
        assert!(compared.as_ref().is_ok_and(|n| *n > 20), "{text}: {compared:?}");
    }
}
