//! The Prometheus-compatible query API.

use crate::client::{Api, build};
use http::StatusCode;
use serde_json::json;

/// 2026-11-23T03:00:00Z, the instant of the only sample.
const NOW: u64 = 1_795_402_800;

/// Scenario: an instant query at the default time, at a time in both notations, of a scalar, and as a form.
/// Guarantees: the JSON is Prometheus' own, to the byte.
#[tokio::test]
async fn instant_queries() {
    let api = Api::new();
    let token = api.token("viewer").await;
    let one = json!({"status": "success", "data": {"resultType": "vector", "result": [
        {"metric": {"__name__": "up", "host": "db-1"}, "value": [NOW as f64, "1"]}]}});
    let none = json!({"status": "success", "data": {"resultType": "vector", "result": []}});
    for (query, expected) in [
        ("query=up".to_owned(), &one),
        (format!("query=up&time={NOW}.000"), &one),
        ("query=up&time=2026-11-23T11:00:00%2B08:00&timeout=10s".to_owned(), &one),
        ("query=up&time=2026-11-23T02:59:59Z".to_owned(), &none),
    ] {
        let reply = api.get(&token, &format!("/prometheus/api/v1/query?{query}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{query}: {}", reply.body);
        assert_eq!(&reply.json(), expected, "{query}");
        assert_eq!(reply.header("content-type"), "application/json");
    }
    let scalar = api.get(&token, "/prometheus/api/v1/query?query=1%2B1&time=5.5").await;
    assert_eq!(
        scalar.body,
        r#"{"status":"success","data":{"resultType":"scalar","result":[5.5,"2"]}}"#
    );
    let bearer = format!("Bearer {token}");
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let form = build("POST", "/prometheus/api/v1/query", &headers, "query=up");
    assert_eq!(api.send(form).await.json(), one);
}

/// Scenario: range queries, and a scalar over a range. Guarantees: a matrix each time.
#[tokio::test]
async fn range_queries() {
    let api = Api::new();
    let token = api.token("viewer").await;
    let (start, end) = (NOW, NOW + 10);
    let path = format!("/prometheus/api/v1/query_range?query=up&start={start}&end={end}&step=10s");
    let reply = api.get(&token, &path).await.json();
    assert_eq!(reply["data"]["resultType"], "matrix");
    let series = &reply["data"]["result"][0];
    assert_eq!(series["metric"], json!({"__name__": "up", "host": "db-1"}));
    assert_eq!(series["values"][0], json!([NOW as f64, "1"]));
    let path =
        format!("/prometheus/api/v1/query_range?query=1%2B1&start={start}&end={start}&step=1");
    let reply = api.get(&token, &path).await.json();
    let expected = json!([{"metric": {}, "values": [[NOW as f64, "2"]]}]);
    assert_eq!(reply["data"]["result"], expected);
}

/// Scenario: everything that can be wrong with a query. Guarantees: 400 `bad_data` in Prometheus' words and shape; the
/// number of steps is limited at exactly 11,000.
#[tokio::test]
async fn wrong_queries() {
    let api = Api::new();
    let token = api.token("viewer").await;
    for (path, words) in [
        ("query", r#"invalid parameter "query": is missing"#),
        ("query?query=up{", r#"invalid parameter "query""#),
        (
            "query?query=up&time=soon",
            r#"invalid parameter "time": cannot parse "soon" to a valid timestamp"#,
        ),
        ("query_range?query=up&end=1&step=1", r#"invalid parameter "start": is missing"#),
        (
            "query_range?query=up&start=2&end=1&step=1",
            r#"invalid parameter "end": end timestamp must not be before start time"#,
        ),
        (
            "query_range?query=up&start=1&end=2&step=0",
            "zero or negative query resolution step widths are not accepted",
        ),
        ("query_range?query=up&start=1&end=2&step=-1m", r#"invalid parameter "step""#),
        (
            "query_range?query=up&start=0&end=11001&step=1",
            "exceeded maximum resolution of 11,000 points per timeseries",
        ),
    ] {
        let reply = api.get(&token, &format!("/prometheus/api/v1/{path}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path}");
        let json = reply.json();
        assert_eq!((&json["status"], &json["errorType"]), (&"error".into(), &"bad_data".into()));
        assert!(json["error"].as_str().unwrap().contains(words), "{path}: {}", reply.body);
    }
    let at_limit = "/prometheus/api/v1/query_range?query=up&start=0&end=11000&step=1";
    assert_eq!(api.get(&token, at_limit).await.status, StatusCode::OK);
    let info = api.get(&token, "/prometheus/api/v1/status/buildinfo").await.json();
    assert_eq!(info["data"]["version"], env!("CARGO_PKG_VERSION"));
}
