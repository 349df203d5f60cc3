//! Limits, framework errors and hostile input.

use crate::client::{Api, build};
use collector_api::Options;
use http::StatusCode;
use proptest::prelude::*;

/// Scenario: unknown paths, wrong methods, wrong content types. Guarantees: problem+json with the right code, `Allow`
/// kept, security headers everywhere.
#[tokio::test]
async fn framework_errors_are_problems() {
    let api = Api::new();
    let token = api.token("engineer").await;
    for (method, path, status, code) in [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/api/v1/nothing/1", 404, "not_found"),
        ("PUT", "/api/v1/nodes", 405, "method_not_allowed"),
        ("DELETE", "/metrics", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("GET", "/api/v1/incidents/1/resolve", 405, "method_not_allowed"),
    ] {
        let reply = api.call(&token, method, path, "").await;
        assert_eq!(
            (reply.status.as_u16(), reply.problem().as_str()),
            (status, code),
            "{method} {path}"
        );
        assert_eq!(status == 405, !reply.header("allow").is_empty(), "{method} {path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
    for path in ["/", "/healthz", "/api/v1/nodes", "/assets/status.css"] {
        let reply = api.open("GET", path).await;
        let policy = reply.header("content-security-policy");
        assert!(policy.starts_with("default-src 'self'") && !policy.contains("unsafe"), "{path}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(reply.header("strict-transport-security"), "max-age=31536000", "{path}");
    }
    let style = api.open("GET", "/assets/status.css").await;
    assert_eq!(style.header("cache-control"), "public, max-age=3600");
    assert_eq!(api.open("GET", "/").await.header("cache-control"), "no-store");
}

/// Scenario: bodies at the limit and one byte above, with and without a declared length.
/// Guarantees: above is 413 as a problem, at the limit is read.
#[tokio::test]
async fn bodies_are_bounded() {
    let api = Api::new();
    let token = api.token("engineer").await;
    let bearer = format!("Bearer {token}");
    let json = ("content-type", "application/json");
    let path = "/api/v1/incidents/5/resolve";
    let body_of = |bytes: usize| format!(r#"{{"fix":"{}"}}"#, "x".repeat(bytes - 10));
    for (bytes, code) in [(1 << 20, "invalid_body"), ((1 << 20) + 1, "body_too_large")] {
        let body = body_of(bytes);
        assert_eq!(body.len(), bytes);
        let length = bytes.to_string();
        for declared in [("content-length", length.as_str()), ("accept", "*/*")] {
            let headers = [("authorization", bearer.as_str()), json, declared];
            let reply = api.send(build("POST", path, &headers, &body)).await;
            assert_eq!(reply.problem(), code, "{bytes} {declared:?}");
        }
    }
}

/// Scenario: no request may be worked on at once. Guarantees: 503 with `Retry-After` as a problem; the probes still answer.
#[tokio::test]
async fn too_many_requests_are_shed() {
    let api = Api::with(&Options { requests_max: 0, ..Options::default() });
    let reply = api.open("GET", "/api/v1/nodes").await;
    assert_eq!(
        (reply.status, reply.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "overloaded")
    );
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(api.open("GET", "/healthz").await.status, StatusCode::OK);
    assert_eq!(api.open("GET", "/readyz").await.status, StatusCode::OK);
}

/// Scenario: every place at the hash function is taken for longer than a login waits, in virtual time.
/// Guarantees: the login is sent away as overloaded, and that does not count as a failure.
#[tokio::test(start_paused = true)]
async fn logins_do_not_queue_for_ever() {
    let api = Api::with(&Options { verifications_max: 0, ..Options::default() });
    for _ in 0..6 {
        let reply = api.try_login("viewer", "wrong password", None).await;
        assert_eq!((reply.problem().as_str(), reply.header("retry-after")), ("overloaded", "5"));
    }
}

/// Scenario: an act that never finishes, in virtual time. Guarantees: the request ends at the time limit as a problem.
#[tokio::test]
async fn requests_do_not_last_for_ever() {
    let api = Api::new();
    let token = api.token("engineer").await;
    api.desk.change(|s| s.stalls = true);
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let reply = api.call(&token, "POST", "/api/v1/incidents/5/acknowledge", "").await;
    assert_eq!(
        (reply.status, reply.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "request_timeout")
    );
    assert_eq!(began.elapsed().as_secs(), 30);
}

/// Scenario: no query gets its turn, in virtual time. Guarantees: 503 in Prometheus' shape.
#[tokio::test]
async fn queries_do_not_queue_for_ever() {
    let api = Api::with(&Options { queries_max: 0, ..Options::default() });
    let token = api.token("viewer").await;
    tokio::time::pause();
    let reply = api.get(&token, "/prometheus/api/v1/query?query=up").await;
    assert_eq!(
        (reply.status, &reply.json()["errorType"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"unavailable".into())
    );
}

fn segment() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "api",
        "v1",
        "incidents",
        "W-000004",
        "resolve",
        "acknowledge",
        "verify",
        "session",
        "nodes",
        "metrics",
        "prometheus",
        "query",
        "query_range",
        "login",
        "logout",
        "assets",
    ]);
    prop_oneof![
        known.prop_map(str::to_owned),
        "[a-zA-Z0-9%._~-]{0,12}".prop_map(|text| escape_percent(&text))
    ]
}

/// A lone `%` is no URI; two hex digits make it one, often of broken UTF-8.
fn escape_percent(text: &str) -> String {
    text.replace('%', "%F0")
}

fn path() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "/api/v1/session",
        "/api/v1/incidents",
        "/api/v1/incidents/5/resolve",
        "/prometheus/api/v1/query",
        "/prometheus/api/v1/query_range",
        "/login",
        "/logout",
    ]);
    let free =
        prop::collection::vec(segment(), 0..6).prop_map(|parts| format!("/{}", parts.join("/")));
    let query = "(\\?(query|time|start|end|step|state|level|cursor|limit)=[a-z0-9%+:.{}\"\\[\\]()-]{0,24}(&(query|time|start|end|step)=[a-z0-9.:-]{0,12}){0,3})?";
    (prop_oneof![known.prop_map(str::to_owned), free], query).prop_map(|(path, query)| {
        format!("{path}{}", escape_percent(&query.replace(['{', '}', '"', '[', ']'], "%7B")))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Scenario: random methods, paths, queries, content types and bodies, signed in and not.
    /// Guarantees: never a 500, never a panic, every error is JSON or HTML of ours.
    #[test]
    fn nothing_makes_it_fail(
        method in prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]),
        path in path(),
        kind in prop::sample::select(vec!["application/json", "application/x-www-form-urlencoded", "text/plain", ""]),
        body in prop_oneof![
            any::<String>(),
            "[{}\\[\\]\":,a-z0-9 ]{0,64}",
            "(query|time|start|end|step|name|password)=[ -~]{0,32}(&(query|time|start|end|step|password)=[ -~]{0,16}){0,4}",
        ],
        signed_in in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (api, token) = shared().await;
            let bearer = format!("Bearer {token}");
            let mut headers = vec![("content-type", kind)];
            if signed_in {
                headers.push(("authorization", &bearer));
            }
            let reply = api.send(build(method, &path, &headers, &body)).await;
            assert_ne!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{method} {path}");
            if reply.status.is_client_error() && method != "HEAD" {
                let kind = reply.header("content-type");
                let ours = ["application/problem+json", "application/json", "text/html; charset=utf-8"];
                assert!(ours.contains(&kind), "{method} {path}: {} {kind}", reply.status);
            }
        });
    }
}

/// One router and session for all cases, since hashing takes its time.
async fn shared() -> &'static (Api, String) {
    static SHARED: tokio::sync::OnceCell<(Api, String)> = tokio::sync::OnceCell::const_new();
    let make = async || {
        let api = Api::new();
        let token = api.token("engineer").await;
        (api, token)
    };
    SHARED.get_or_init(make).await
}
