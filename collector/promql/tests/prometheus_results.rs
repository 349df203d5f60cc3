//! Known results of Prometheus: series in, expression, answer.

use collector_domain::{Matcher, SeriesData, SeriesReader};
use collector_promql::{DEFAULT_LOOKBACK, Limits, QueryError, Value, instant, parse, range};
use shared_model::{Labels, Timestamp};
use std::time::Duration;

struct Store(Vec<SeriesData>);

impl SeriesReader for Store {
    fn select(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Vec<SeriesData> {
        let matching = self.0.iter();
        let matching = matching.filter(|s| matchers.iter().all(|m| m.matches(&s.labels)));
        let found = matching.map(|series| SeriesData {
            labels: series.labels.clone(),
            samples: series
                .samples
                .iter()
                .copied()
                .filter(|(at, _)| (from..=to).contains(at))
                .collect(),
        });
        found.filter(|s| !s.samples.is_empty()).collect()
    }
}

fn labels(text: &str) -> Labels {
    let (name, rest) = text.split_once('{').unwrap_or((text, ""));
    let pairs = rest.trim_end_matches('}').split(',');
    let pairs = pairs.filter_map(|pair| pair.split_once('='));
    Labels::from_pairs(pairs.chain([("__name__", name)]))
}

/// Samples `step_s` apart from 0; `_` is a gap.
fn series(text: &str, step_s: i64, values: &str) -> SeriesData {
    let samples = (0..).zip(values.split_whitespace());
    let samples = samples.filter(|(_, value)| *value != "_");
    let sample = |(i, value): (i64, &str)| {
        (Timestamp::from_secs(i * step_s), value.parse().expect("a number"))
    };
    SeriesData { labels: labels(text), samples: samples.map(sample).collect() }
}

fn ask(store: &Store, text: &str, at_s: i64) -> Result<Value, QueryError> {
    let at = Timestamp::from_secs(at_s);
    instant(&parse(text)?, at, &DEFAULT_LOOKBACK, store, &Limits::default())
}

/// `labels value` per series, or the error.
fn answer(store: &Store, text: &str, at_s: i64) -> Vec<String> {
    match ask(store, text, at_s) {
        Ok(Value::Scalar(value)) => vec![value.to_string()],
        Ok(Value::Vector(elements)) => {
            let elements = elements.iter();
            elements.map(|(labels, value)| format!("{labels} {value}")).collect()
        }
        Ok(Value::Matrix(all)) => {
            let all = all.iter();
            all.map(|s| format!("{} {}", s.labels, s.samples.len())).collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

/// Scenario: counters and gauges every 10 s, whole and with gaps, resets and starts inside the range. Guarantees: the
/// extrapolation is that of Prometheus' `extrapolatedRate`, computed by hand for each case.
#[test]
fn ranges_are_extrapolated() {
    let store = Store(vec![
        // 10 per 10 s from 10; the range (0, 60] holds 6 samples over 50 s, 10 s before the first reach the boundary.
        series("steady", 10, "0 10 20 30 40 50 60"),
        // Reset to 5 at 40 s: 20 -> 60 is 40, then 5 and 15 more.
        series("reset", 10, "10 20 30 40 5 15 25"),
        // Starts at 30 s: half a gap before the first sample, and no further than where the counter was zero.
        series("late", 10, "_ _ _ 2 12 22 32"),
        series("down", 10, "60 50 40 30 20 10 0"),
        series("one", 10, "_ _ _ _ _ _ 1"),
        series("spoilt", 10, "0 10 NaN 30 40 50 60"),
    ]);
    for (text, expected) in [
        ("increase(steady[1m])", "{} 60"),
        ("rate(steady[1m])", "{} 1"),
        ("delta(down[1m])", "{} -60"),
        ("increase(reset[1m])", "{} 54"),
        ("resets(reset[1m])", "{} 1"),
        ("increase(late[1m])", "{} 32"),
        ("delta(late[1m])", "{} 35"),
        ("irate(reset[1m])", "{} 1"),
        ("idelta(down[1m])", "{} -10"),
        ("changes(down[1m])", "{} 5"),
        ("count_over_time(steady[1m])", "{} 6"),
        ("sum_over_time(steady[1m])", "{} 210"),
        ("avg_over_time(steady[1m])", "{} 35"),
        ("min_over_time(spoilt[1m])", "{} 10"),
        ("max_over_time(spoilt[1m])", "{} 60"),
        ("sum_over_time(spoilt[1m])", "{} NaN"),
        ("last_over_time(steady[1m])", "steady 60"),
        ("steady[30s]", "steady 3"),
    ] {
        assert_eq!(answer(&store, text, 60), [expected], "{text}");
    }
    assert!(answer(&store, "rate(one[1m])", 60).is_empty());
    assert!(answer(&store, "rate(steady[1m])", 1_000).is_empty());
}

/// Scenario: the newest sample just inside, at and outside the lookback. Guarantees: the boundary is open on the left.
#[test]
fn lookback_is_open_on_the_left() {
    let store = Store(vec![series("a", 10, "7")]);
    assert_eq!(answer(&store, "a", 0), ["a 7"]);
    assert_eq!(answer(&store, "a", 299), ["a 7"]);
    assert!(answer(&store, "a", 300).is_empty());
    assert!(answer(&store, "a", -1).is_empty());
}

/// Expressions over the documented series, and the answer to each at 5 s.
const MATCHING: &[(&str, &[&str])] = &[
    (
        "errors{code=\"500\"} / ignoring(code) requests",
        &["{method=\"get\"} 0.04", "{method=\"post\"} 0.05"],
    ),
    (
        "errors / ignoring(code) group_left requests",
        &[
            "{code=\"404\",method=\"get\"} 0.05",
            "{code=\"404\",method=\"post\"} 0.175",
            "{code=\"500\",method=\"get\"} 0.04",
            "{code=\"500\",method=\"post\"} 0.05",
        ],
    ),
    ("requests * on (method) group_left (owner) info", &["{method=\"get\",owner=\"x\"} 600"]),
    ("info * on (method) group_right (owner) requests", &["{method=\"get\",owner=\"x\"} 600"]),
    ("requests > 100 < 200", &["requests{method=\"post\"} 120"]),
    ("100 < requests{method=~\"p.*\"}", &["requests{method=\"post\"} 120"]),
    ("requests{method=\"del\"} > bool 100", &["{method=\"del\"} 0"]),
    ("requests unless on (method) errors", &["requests{method=\"del\"} 34"]),
    ("sum(errors) or on () requests", &["{} 84"]),
    ("requests{method=\"del\"} and on () errors", &["requests{method=\"del\"} 34"]),
    ("sum by (code) (errors)", &["{code=\"404\"} 51", "{code=\"500\"} 30", "{code=\"501\"} 3"]),
    (
        "count without (code) (errors)",
        &["{method=\"get\"} 2", "{method=\"post\"} 2", "{method=\"put\"} 1"],
    ),
    ("-requests{method=\"del\"} + 2 ^ 3 ^ 0", &["{method=\"del\"} -32"]),
    ("absent(nothing{x=\"1\",y!=\"2\"})", &["{x=\"1\"} 1"]),
    ("absent(requests)", &[]),
    ("time() + 0.5", &["5.5"]),
    ("timestamp(requests{method=\"del\"})", &["{method=\"del\"} 0"]),
    ("timestamp(-requests{method=\"del\"})", &["{method=\"del\"} 5"]),
    (
        "errors / ignoring (code) requests",
        &[
            "several series on the left side have the matching labels {method=\"get\"}: at most one may, or use group_left or group_right",
        ],
    ),
    (
        "requests / on (method) errors",
        &[
            "several series on the right side have the matching labels {method=\"get\"}: at most one may, or use group_left or group_right",
        ],
    ),
    (
        "requests / on (method) group_left errors",
        &[
            "several series on the one side have the matching labels {method=\"get\"}: at most one may, or use group_left or group_right",
        ],
    ),
    (
        "abs({__name__=~\"info|requests\",owner!=\"x\"} or info{owner=\"x\"} * 1)",
        &[
            "{method=\"del\"} 34",
            "{method=\"get\"} 600",
            "{method=\"get\",owner=\"x\"} 1",
            "{method=\"post\"} 120",
        ],
    ),
];

/// Scenario: Prometheus' documented example of vector matching (querying/operators) and its neighbours. Guarantees: the
/// documented results, labels included, and the documented errors.
#[test]
fn vectors_match_as_documented() {
    let store = Store(vec![
        series("errors{method=get,code=500}", 10, "24"),
        series("errors{method=get,code=404}", 10, "30"),
        series("errors{method=put,code=501}", 10, "3"),
        series("errors{method=post,code=500}", 10, "6"),
        series("errors{method=post,code=404}", 10, "21"),
        series("requests{method=get}", 10, "600"),
        series("requests{method=del}", 10, "34"),
        series("requests{method=post}", 10, "120"),
        series("info{method=get,owner=x}", 10, "1"),
    ]);
    for (text, expected) in MATCHING {
        assert_eq!(answer(&store, text, 5), *expected, "{text}");
    }
}

/// Scenario: range queries at, above and beside the limits. Guarantees: exact steps, and clear errors.
#[test]
fn range_queries_step_and_are_limited() {
    let store = Store(vec![series("a", 10, "0 1 2 3 4 5 6"), series("b", 10, "1 1 1 1 1 1 1")]);
    let ask = |text: &str, end_s: i64, step: Duration, limits: Limits| {
        let (start, end) = (Timestamp::from_secs(0), Timestamp::from_secs(end_s));
        range(&parse(text)?, start, end, step, &Duration::from_secs(10), &store, &limits)
    };
    let second = Duration::from_secs(1);
    let Ok(Value::Matrix(all)) = ask("a > 2", 55, 10 * second, Limits::default()) else {
        panic!("a matrix is expected");
    };
    let samples: Vec<_> =
        all[0].samples.iter().map(|(at, v)| (at.as_millis() / 1_000, *v)).collect();
    assert_eq!(samples, [(30, 3.0), (40, 4.0), (50, 5.0)]);
    let Ok(Value::Matrix(all)) = ask("time()", 2, second, Limits::default()) else {
        panic!("a matrix is expected");
    };
    assert_eq!((all.len(), all[0].samples.len()), (1, 3));

    assert!(ask("a", 10_999, second, Limits::default()).is_ok());
    let error = |result: Result<Value, QueryError>| result.map_err(|e| e.to_string()).err();
    for (result, expected) in [
        (
            ask("a", 11_000, second, Limits::default()),
            "the query has 11001 steps, at most 11000 are allowed: widen the step",
        ),
        (ask("a", -1, second, Limits::default()), "the start of the query is after its end"),
        (
            ask("a", 1, Duration::ZERO, Limits::default()),
            "the step is 0ns, at least 1 ms is needed",
        ),
        (
            ask("{__name__=~\"a|b\"}", 1, second, Limits { series: 1, ..Limits::default() }),
            "the query selects more than 1 series",
        ),
        (
            ask("a", 60, second, Limits { points: 60, ..Limits::default() }),
            "the query looks at more than 60 samples: shorten the time or the ranges, or widen the step",
        ),
        (
            ask("a[1m]", 1, second, Limits::default()),
            "`a[1m]` is not supported: a range query needs a number per series at each step, such as rate(a[5m])",
        ),
    ] {
        assert_eq!(error(result).as_deref(), Some(expected));
    }
}
