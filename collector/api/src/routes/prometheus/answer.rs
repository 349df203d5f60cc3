//! Answers in Prometheus' JSON (its HTTP API, "Format overview"): `status`, `data.resultType`, values as strings.

use crate::problem::Problem;
use axum::Json;
use axum::response::{IntoResponse, Response};
use collector_domain::SeriesData;
use collector_promql::Value;
use http::StatusCode;
use serde::{Serialize, Serializer};
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;

/// A successful answer.
#[derive(Serialize)]
pub(super) struct Answer {
    status: &'static str,
    data: Data,
}

#[derive(Serialize)]
struct Data {
    #[serde(rename = "resultType")]
    result_type: &'static str,
    result: Outcome,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Scalar(Point),
    Vector(Vec<VectorItem>),
    Matrix(Vec<MatrixItem>),
}

#[derive(Serialize)]
struct VectorItem {
    metric: BTreeMap<String, String>,
    value: Point,
}

#[derive(Serialize)]
struct MatrixItem {
    metric: BTreeMap<String, String>,
    values: Vec<Point>,
}

/// `[1435781430.781, "1"]`.
struct Point(Timestamp, f64);

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0.as_millis() as f64 / 1e3, number_text(self.1)).serialize(serializer)
    }
}

/// As Prometheus' `jsonutil.MarshalFloat`: plain digits, with an exponent of two digits below 1e-6 and from 1e21.
fn number_text(value: f64) -> String {
    let size = value.abs();
    match value {
        v if v.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        v if size != 0.0 && !(1e-6..1e21).contains(&size) => {
            let text = format!("{v:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(positive) => ('-', positive),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        v => v.to_string(),
    }
}

impl Answer {
    /// The answer to an instant query evaluated at `at`.
    pub(super) fn instant(value: Value, at: Timestamp) -> Self {
        match value {
            Value::Scalar(number) => Self::new("scalar", Outcome::Scalar(Point(at, number))),
            Value::Vector(items) => {
                let items = items.into_iter().map(|(labels, number)| VectorItem {
                    metric: metric_of(&labels),
                    value: Point(at, number),
                });
                Self::new("vector", Outcome::Vector(items.collect()))
            }
            Value::Matrix(series) => Self::matrix(series),
        }
    }

    /// The answer to a range query that started at `start`. The engine gives a matrix; anything else is one step.
    pub(super) fn range(value: Value, start: Timestamp) -> Self {
        let one = |labels, number| SeriesData { labels, samples: vec![(start, number)] };
        Self::matrix(match value {
            Value::Matrix(series) => series,
            Value::Scalar(number) => vec![one(Labels::default(), number)],
            Value::Vector(items) => items.into_iter().map(|(l, v)| one(l, v)).collect(),
        })
    }

    fn matrix(series: Vec<SeriesData>) -> Self {
        let items = series.into_iter().map(|series| MatrixItem {
            metric: metric_of(&series.labels),
            values: series.samples.iter().map(|&(t, v)| Point(t, v)).collect(),
        });
        Self::new("matrix", Outcome::Matrix(items.collect()))
    }

    fn new(result_type: &'static str, result: Outcome) -> Self {
        let data = Data { result_type, result };
        Self { status: "success", data }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

fn metric_of(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// Data of `status/buildinfo`. Fields that mean nothing here are empty, as Prometheus' own are when unset.
#[derive(Serialize)]
struct BuildInfo {
    application: &'static str,
    version: &'static str,
    revision: &'static str,
    branch: &'static str,
    #[serde(rename = "buildUser")]
    build_user: &'static str,
    #[serde(rename = "buildDate")]
    build_date: &'static str,
    #[serde(rename = "goVersion")]
    go_version: &'static str,
}

#[derive(Serialize)]
struct BuildInfoAnswer {
    status: &'static str,
    data: BuildInfo,
}

/// The answer of `status/buildinfo`.
pub(super) fn build_info() -> impl IntoResponse {
    Json(BuildInfoAnswer {
        status: "success",
        data: BuildInfo {
            application: "Wardround",
            version: env!("CARGO_PKG_VERSION"),
            revision: "",
            branch: "",
            build_user: "",
            build_date: "",
            go_version: "",
        },
    })
}

/// A failed query.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    kind: &'static str,
    error: String,
}

#[derive(Serialize)]
struct FailureJson {
    status: &'static str,
    #[serde(rename = "errorType")]
    error_type: &'static str,
    error: String,
}

impl Failure {
    /// The request is wrong.
    pub(super) fn bad_data(error: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_data", error)
    }

    /// One parameter is wrong.
    pub(super) fn parameter(name: &str, why: &str) -> Self {
        Self::bad_data(&format!("invalid parameter \"{name}\": {why}"))
    }

    /// The query could not be evaluated on this data or exceeds a limit.
    pub(super) fn execution(error: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "execution", error)
    }

    /// Not now.
    pub(super) fn unavailable(error: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", error)
    }

    /// A defect.
    pub(super) fn internal(error: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error)
    }

    fn new(status: StatusCode, kind: &'static str, error: &str) -> Self {
        Self { status, kind, error: error.to_owned() }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let error = problem.sentence();
        Self::new(problem.status(), "bad_data", &error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = FailureJson { status: "error", error_type: self.kind, error: self.error };
        (self.status, Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: numbers of every size. Guarantees: the text is what Prometheus writes.
    #[test]
    fn numbers_as_prometheus_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e-6, "0.000001"),
            (9.9e-7, "9.9e-07"),
            (1e-300, "1e-300"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-2.5e22, "-2.5e+22"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(number_text(value), text);
        }
    }

    /// Scenario: points at whole and broken seconds. Guarantees: time is a number in seconds, the value a string.
    #[test]
    fn points_as_prometheus_writes_them() {
        let text = |ms, v| serde_json::to_string(&Point(Timestamp::from_millis(ms), v)).unwrap();
        assert_eq!(text(1_435_781_430_781, 1.0), r#"[1435781430.781,"1"]"#);
        assert_eq!(text(1_435_781_430_000, 0.5), r#"[1435781430.0,"0.5"]"#);
    }
}
