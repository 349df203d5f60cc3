//! Acts on incidents.

use crate::client::Api;
use collector_domain::{Act, Category, Deed, Disputed, IncidentId, Request};
use http::StatusCode;

/// Scenario: an incident from acknowledgement to verification, and a second acknowledgement.
/// Guarantees: each act carries the person's own name, the answer shows the incident afterwards, clocks stop, and the
/// second acknowledgement is told the state.
#[tokio::test]
async fn an_incident_is_worked_on() {
    let api = Api::new();
    let token = api.token("engineer").await;
    let post = async |act: &str, body: &str| {
        api.call(&token, "POST", &format!("/api/v1/incidents/W-000005/{act}"), body).await
    };
    let reply = post("acknowledge", "").await;
    assert_eq!(reply.status, StatusCode::OK);
    let json = reply.json();
    assert_eq!((&json["id"], &json["state"]), (&"W-000005".into(), &"acknowledged".into()));
    assert_eq!(json["acknowledged_by"], "engineer");
    assert!(json["clocks"]["response_remaining_seconds"].is_null());
    assert_eq!(json["clocks"]["acknowledged"], "2026-11-23T03:00:00.000Z");
    let again = post("acknowledge", "").await;
    assert_eq!((again.status, again.problem().as_str()), (StatusCode::CONFLICT, "wrong_state"));
    assert!(again.body.contains("incident W-000005 is acknowledged"));

    assert_eq!(post("resolve", r#"{"fix":"  restarted it "}"#).await.json()["fix"], "restarted it");
    assert_eq!(post("verify", "").await.json()["state"], "verifying");
    let fix = "  restarted it ".to_owned();
    let deeds = [Deed::Acknowledge, Deed::Acknowledge, Deed::Resolve { fix }, Deed::Verify];
    let by = || "engineer".to_owned();
    api.desk.change(|s| {
        let act = |deed| Act { incident: IncidentId(5), by: by(), deed };
        assert_eq!(s.acts, deeds.map(act));
    });
}

/// Scenario: every way in which an act is refused. Guarantees: a status and code of its own for each.
#[tokio::test]
async fn refusals() {
    let api = Api::new();
    let token = api.token("approver").await;
    let long = format!(r#"{{"fix":"{}"}}"#, "修".repeat(4_001));
    let longest = format!(r#"{{"fix":"{}"}}"#, "修".repeat(4_000));
    for (path, body, status, code) in [
        ("77/acknowledge", "", 404, "incident_unknown"),
        ("4/resolve", r#"{"fix":"x"}"#, 409, "still_breached"),
        ("4/verify", "", 409, "wrong_state"),
        ("5/resolve", r#"{"fix":"   "}"#, 422, "required"),
        ("5/resolve", "{}", 422, "invalid_body"),
        ("5/resolve", r#"{"fix":7}"#, 422, "invalid_body"),
        ("5/resolve", r#"{"fix":"x","level":1}"#, 422, "invalid_body"),
        ("5/resolve", "", 400, "invalid_json"),
        ("5/resolve", &long, 422, "invalid_body"),
        ("4/resolve", &longest, 409, "still_breached"),
        ("5/consent", "", 409, "not_allowed"),
        ("5/ask", r#"{"request":"cancel","level":3,"reason":"x"}"#, 422, "invalid_body"),
        ("5/ask", r#"{"request":"merge","into":"x","reason":"x"}"#, 422, "invalid_body"),
        ("5/ask", r#"{"request":"lower","level":9,"reason":"x"}"#, 422, "invalid_body"),
        ("5/prevent", r#"{"measure":"x","owner":"y","due":"soon"}"#, 422, "invalid_body"),
        ("5/diagnose", r#"{"category":"magic","root_cause":"y"}"#, 422, "invalid_body"),
        ("5/close", "{}", 404, "not_found"),
        ("W-x/acknowledge", "", 400, "invalid_path"),
        ("-1/acknowledge", "", 400, "invalid_path"),
        ("99999999999999999999/acknowledge", "", 400, "invalid_path"),
        ("%FF/acknowledge", "", 400, "invalid_path"),
    ] {
        let reply = api.call(&token, "POST", &format!("/api/v1/incidents/{path}"), body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.problem().as_str()),
            (status, code),
            "{path} {body:.40}"
        );
    }
    api.desk.change(|s| s.takes_acts = false);
    let reply = api.call(&token, "POST", "/api/v1/incidents/5/acknowledge", "").await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (503, "unavailable"));
    assert_eq!(reply.header("retry-after"), "2");
}

/// Scenario: every act with its body. Guarantees: each reaches the machine as what it says.
#[tokio::test]
async fn every_act_is_taken() {
    let api = Api::new();
    let token = api.token("approver").await;
    let text = || "x".to_owned();
    let due = "2026-12-31T00:00:00Z".parse().unwrap();
    let subject = shared_model::Labels::from_pairs([("host", "db-1")]);
    let into = IncidentId(3);
    let rows = [
        ("dispatch", r#"{"engineer":"x"}"#, Deed::Dispatch { engineer: text() }),
        ("arrive", "", Deed::Arrive),
        ("confirm-core", "", Deed::ConfirmCore),
        ("reopen", r#"{"reason":"x"}"#, Deed::Reopen { reason: text() }),
        (
            "ask",
            r#"{"request":"merge","into":"W-000003","reason":"x"}"#,
            Deed::Ask { request: Request::Merge { into }, reason: text() },
        ),
        (
            "ask",
            r#"{"request":"cancel","reason":"x"}"#,
            Deed::Ask { request: Request::Cancel, reason: text() },
        ),
        ("decline", r#"{"reason":"x"}"#, Deed::Decline { reason: text() }),
        (
            "separate",
            r#"{"rule":"os.cpu_busy","subject":{"host":"db-1"},"reason":"x"}"#,
            Deed::Separate { rule: "os.cpu_busy".into(), subject, reason: text() },
        ),
        (
            "dispute",
            r#"{"about":"core_restored","statement":"x"}"#,
            Deed::Dispute { about: Disputed::CoreRestored, statement: text() },
        ),
        ("settle-dispute", r#"{"outcome":"x"}"#, Deed::SettleDispute { outcome: text() }),
        (
            "diagnose",
            r#"{"category":"network","root_cause":"x"}"#,
            Deed::Diagnose { category: Category::Network, root_cause: text() },
        ),
        (
            "prevent",
            r#"{"measure":"x","owner":"x","due":"2026-12-31T00:00:00Z"}"#,
            Deed::Prevent { measure: text(), owner: text(), due },
        ),
        (
            "back-up",
            r#"{"reference":"x","waived":true}"#,
            Deed::BackUp { reference: text(), waived: true },
        ),
        ("note", r#"{"text":"x"}"#, Deed::Note { text: text() }),
        ("sign", "", Deed::Sign),
    ];
    for (path, body, deed) in rows {
        let path = format!("/api/v1/incidents/5/{path}");
        let reply = api.call(&token, "POST", &path, body).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.body);
        api.desk.change(|s| assert_eq!(s.acts.last().map(|a| &a.deed), Some(&deed)));
    }
}

/// Scenario: an engineer does what is the hospital's. Guarantees: refused by role, and the machine never hears of it.
#[tokio::test]
async fn what_is_the_hospitals_is_not_the_engineers() {
    let api = Api::new();
    let token = api.token("engineer").await;
    for (act, body) in [
        ("consent", ""),
        ("sign", ""),
        ("decline", r#"{"reason":"x"}"#),
        ("separate", r#"{"rule":"a","subject":{},"reason":"x"}"#),
        ("dispute", r#"{"about":"level","statement":"x"}"#),
        ("settle-dispute", r#"{"outcome":"x"}"#),
    ] {
        let path = format!("/api/v1/incidents/5/{act}");
        let reply = api.call(&token, "POST", &path, body).await;
        let answer = (reply.status, reply.problem());
        assert_eq!(answer, (StatusCode::FORBIDDEN, "role_may_not_act".to_owned()), "{act}");
    }
    api.desk.change(|s| assert!(s.acts.is_empty()));
}

/// Scenario: two engineers look at an incident and both acknowledge with the tag that they saw.
/// Guarantees: the tag comes with the incident; who comes second is told that it changed, not that it is impossible.
#[tokio::test]
async fn a_tag_tells_who_comes_second() {
    let api = Api::new();
    let token = api.token("engineer").await;
    let seen = api.call(&token, "GET", "/api/v1/incidents/5", "").await;
    let tag = seen.header("etag").to_owned();
    assert_eq!(tag, "\"5\"");
    let acknowledge = async |tag: &str| {
        api.call_with(&token, "POST", "/api/v1/incidents/5/acknowledge", "", &[("if-match", tag)])
            .await
    };
    assert_eq!(acknowledge(&tag).await.status, StatusCode::OK);
    let late = acknowledge("\"4\"").await;
    let answer = (late.status, late.problem());
    assert_eq!(answer, (StatusCode::PRECONDITION_FAILED, "changed".to_owned()));
    assert_eq!(acknowledge("5").await.problem(), "bad_request");
}
