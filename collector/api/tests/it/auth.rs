//! Who may do what.

use crate::client::{Api, build};
use crate::desk::{PASSWORD, ROLES};
use http::StatusCode;
use std::net::IpAddr;
use std::time::Duration;

/// Reads that every role has.
const READS: [&str; 15] = [
    "/api/v1/session",
    "/api/v1/nodes",
    "/api/v1/incidents",
    "/api/v1/incidents/W-000003",
    "/api/v1/findings",
    "/api/v1/rules",
    "/api/v1/roster",
    "/api/v1/changes",
    "/api/v1/kpis",
    "/api/v1/ledger/checkpoint",
    "/alertmanager/api/v2/alerts",
    "/alertmanager/api/v2/silences",
    "/metrics",
    "/prometheus/api/v1/query?query=up",
    "/prometheus/api/v1/status/buildinfo",
];

const ACTS: [&str; 3] = ["acknowledge", "resolve", "verify"];

/// Scenario: every protected route without a session, with a made-up token, and with a cookie that is none.
/// Guarantees: 401 as a problem each time, and no act reaches the daemon.
#[tokio::test]
async fn nothing_without_a_session() {
    let api = Api::new();
    let reads = READS.map(|path| ("GET", path.to_owned()));
    let acts = ACTS.map(|act| ("POST", format!("/api/v1/incidents/5/{act}")));
    let others = [
        ("POST", "/prometheus/api/v1/query".to_owned()),
        ("GET", "/prometheus/api/v1/query_range".to_owned()),
        ("DELETE", "/api/v1/session".to_owned()),
    ];
    for (method, path) in reads.into_iter().chain(acts).chain(others) {
        for headers in [
            [("x-requested-with", "wardround"), ("accept", "*/*")],
            [("x-requested-with", "wardround"), ("authorization", "Bearer guessed")],
            [("x-requested-with", "wardround"), ("authorization", "Basic no-base64")],
            [("x-requested-with", "wardround"), ("cookie", "__Host-wardround=guessed")],
        ] {
            let reply = api.send(build(method, &path, &headers, "")).await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(reply.problem(), "not_signed_in");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
        }
    }
    api.desk.change(|s| assert!(s.acts.is_empty()));
}

/// Scenario: each role on each route. Guarantees: all read; only engineer and approver act, and the others' acts do not
/// reach the daemon.
#[tokio::test]
async fn roles_read_and_two_act() {
    let api = Api::new();
    for (name, role) in ROLES {
        let token = api.token(name).await;
        for path in READS {
            assert_eq!(api.get(&token, path).await.status, StatusCode::OK, "{name} {path}");
        }
        for act in ACTS {
            api.desk.change(|s| s.acts.clear());
            let path = format!("/api/v1/incidents/999/{act}");
            let reply = api.call(&token, "POST", &path, r#"{"fix":"x"}"#).await;
            let (code, seen) =
                if role.may_act() { ("incident_unknown", 1) } else { ("role_may_not_act", 0) };
            assert_eq!(reply.problem(), code, "{name} {act}");
            api.desk.change(|s| assert_eq!(s.acts.len(), seen, "{name} {act}"));
        }
        assert_eq!(api.get(&token, "/api/v1/session").await.json()["role"], name);
    }
}

/// Scenario: a login and what it hands out. Guarantees: the cookie has every protection, the token works in both places,
/// the probes are open.
#[tokio::test]
async fn login_hands_out_a_protected_cookie() {
    let api = Api::new();
    let reply = api.try_login("viewer", PASSWORD, None).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    let json = reply.json();
    let token = json["token"].as_str().unwrap();
    assert_eq!(
        reply.header("set-cookie"),
        format!("__Host-wardround={token}; Path=/; Secure; HttpOnly; SameSite=Strict")
    );
    assert_eq!((&json["name"], &json["may_act"]), (&"viewer".into(), &false.into()));
    let cookie = format!("other=1; __Host-wardround={token}");
    let request = build("GET", "/api/v1/session", &[("cookie", &cookie)], "");
    let reply = api.send(request).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(!reply.body.contains(token));
    assert_eq!(api.open("GET", "/healthz").await.status, StatusCode::OK);
    assert_eq!(api.open("GET", "/readyz").await.status, StatusCode::OK);
    api.desk.change(|s| s.ready = Err("journal of db-secret is damaged".to_owned()));
    let reply = api.open("GET", "/readyz").await;
    assert_eq!(reply.problem(), "not_ready");
    assert!(!reply.body.contains("secret"));
}

/// Scenario: logout, a removed account, a changed role, a changed password.
/// Guarantees: each works on sessions that are already open, at once.
#[tokio::test]
async fn changes_reach_open_sessions() {
    let api = Api::new();
    let [first, second, third] =
        [api.token("engineer").await, api.token("engineer").await, api.token("approver").await];
    let status = async |token: &str| api.get(token, "/api/v1/session").await.status;
    let reply = api.call(&first, "DELETE", "/api/v1/session", "").await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    assert!(reply.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(
        (status(&first).await, status(&second).await),
        (StatusCode::UNAUTHORIZED, StatusCode::OK)
    );

    api.desk.change(|s| s.accounts[1].role = collector_domain::Role::Viewer);
    let reply = api.call(&second, "POST", "/api/v1/incidents/5/acknowledge", "").await;
    assert_eq!(reply.problem(), "role_may_not_act");
    api.desk.change(|s| s.accounts[2].password_hash = "$argon2id$changed".to_owned());
    assert_eq!(status(&third).await, StatusCode::UNAUTHORIZED);
    api.desk.change(|s| s.accounts.clear());
    assert_eq!(status(&second).await, StatusCode::UNAUTHORIZED);
}

/// Scenario: sessions at their idle limit and at their lifetime, with a step of the wall clock between.
/// Guarantees: 30 min without a request and 12 h in all end a session; the wall clock plays no part.
#[tokio::test]
async fn sessions_end() {
    let api = Api::new();
    let token = api.token("viewer").await;
    let status = async || api.get(&token, "/api/v1/session").await.status;
    api.clock.advance(Duration::from_secs(30 * 60 - 1));
    assert_eq!(status().await, StatusCode::OK);
    api.clock.step_wall("2036-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(status().await, StatusCode::OK);
    api.clock.advance(Duration::from_secs(30 * 60));
    assert_eq!(status().await, StatusCode::UNAUTHORIZED);

    let token = api.token("viewer").await;
    let status = async || api.get(&token, "/api/v1/session").await.status;
    for _ in 0..35 {
        api.clock.advance(Duration::from_secs(20 * 60));
        assert_eq!(status().await, StatusCode::OK);
    }
    api.clock.advance(Duration::from_secs(20 * 60));
    assert_eq!(status().await, StatusCode::UNAUTHORIZED);
}

/// Scenario: wrong passwords and made-up names, then the right password.
/// Guarantees: both get the same answer, the sixth try is refused even with the right password, and passes after 15 min.
#[tokio::test]
async fn five_failures_lock_an_account() {
    let api = Api::new();
    for name in ["engineer", "nobody"] {
        for _ in 0..5 {
            let reply = api.try_login(name, "wrong password", None).await;
            assert_eq!(
                (reply.status, reply.problem().as_str()),
                (StatusCode::UNAUTHORIZED, "wrong_credentials")
            );
        }
        let reply = api.try_login(name, PASSWORD, None).await;
        assert_eq!(
            (reply.status, reply.problem().as_str()),
            (StatusCode::TOO_MANY_REQUESTS, "login_locked")
        );
        assert_eq!(reply.header("retry-after"), "900");
    }
    api.token("viewer").await;
    api.clock.advance(Duration::from_secs(899));
    assert_eq!(api.try_login("engineer", PASSWORD, None).await.problem(), "login_locked");
    api.clock.advance(Duration::from_secs(1));
    api.token("engineer").await;
}

/// Scenario: one address fails with many names. Guarantees: the address is refused at its limit, another one is not.
#[tokio::test]
async fn failures_lock_an_address() {
    let options =
        collector_api::Options { peer_failures_max: 3, ..collector_api::Options::default() };
    let api = Api::with(&options);
    let [bad, good] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(|a: [u8; 4]| Some(IpAddr::from(a)));
    for name in ["a", "b", "c"] {
        assert_eq!(api.try_login(name, "wrong", bad).await.problem(), "wrong_credentials");
    }
    assert_eq!(api.try_login("viewer", PASSWORD, bad).await.problem(), "login_locked");
    assert_eq!(api.try_login("viewer", PASSWORD, good).await.status, StatusCode::CREATED);
}

/// Scenario: acts with the cookie: without a mark, with the header, with our own origin (HTTP/1 and HTTP/2 forms), with
/// foreign origins. Guarantees: only requests from our own pages act; a bearer token needs no mark.
#[tokio::test]
async fn cookie_writes_need_our_own_origin() {
    let api = Api::new();
    let token = api.token("engineer").await;
    let cookie = format!("__Host-wardround={token}");
    let path = "/api/v1/incidents/999/acknowledge";
    let absolute = "https://round.example:8443/api/v1/incidents/999/acknowledge";
    let host = ("host", "round.example:8443");
    for (uri, mark, passes) in [
        (path, ("accept", "*/*"), false),
        (path, ("x-requested-with", "wardround"), true),
        (path, ("x-requested-with", "XMLHttpRequest"), false),
        (path, ("origin", "https://round.example:8443"), true),
        (absolute, ("origin", "https://round.example:8443"), true),
        (path, ("origin", "http://round.example:8443"), false),
        (path, ("origin", "https://round.example"), false),
        (path, ("origin", "https://evil.example"), false),
        (path, ("origin", "null"), false),
    ] {
        let headers = [("cookie", cookie.as_str()), host, mark];
        let reply = api.send(build("POST", uri, &headers, "")).await;
        let code = if passes { "incident_unknown" } else { "cross_site" };
        assert_eq!(reply.problem(), code, "{uri} {mark:?}");
    }
    let read = build("GET", "/api/v1/nodes", &[("cookie", &cookie), host], "");
    assert_eq!(api.send(read).await.status, StatusCode::OK);
}

/// Scenario: logins that are no logins. Guarantees: a precise problem for each, and the password is never repeated.
#[tokio::test]
async fn malformed_logins() {
    let api = Api::new();
    let long = format!(r#"{{"name":"{}","password":"x"}}"#, "n".repeat(65));
    let heavy = format!(r#"{{"name":"n","password":"{}"}}"#, "p".repeat(1_025));
    for (kind, body, code) in [
        ("application/json", "{", "invalid_json"),
        ("application/json", "{}", "invalid_body"),
        ("application/json", r#"{"name":"","password":"p"}"#, "invalid_body"),
        ("application/json", r#"{"name":"n","password":"hunter2!","x":1}"#, "invalid_body"),
        ("application/json", &long, "invalid_body"),
        ("application/json", &heavy, "invalid_body"),
        ("text/plain", "{}", "unsupported_media_type"),
    ] {
        let request = build("POST", "/api/v1/session", &[("content-type", kind)], body);
        let reply = api.send(request).await;
        assert_eq!(reply.problem(), code, "{body:.60}");
        assert!(!reply.body.contains("hunter2!"));
    }
}
