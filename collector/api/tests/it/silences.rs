//! Silences over HTTP, and what incidents say of them.

use crate::client::Api;
use serde_json::{Value, json};

const HOUR: &str = r#"{"matchers":[{"name":"host","values":["db-1"]}],"reason":"计划维护","duration_seconds":3600}"#;

/// Scenario: a silence over one host is made, listed, shown and ended by hand.
/// Guarantees: it carries its owner and times, incidents of that host show it and others do not, an ended one is listed only
/// when asked for, and the audit trail holds both changes with the account.
#[tokio::test]
async fn a_silence_from_beginning_to_end() {
    let api = Api::new();
    let token = api.token("engineer").await;
    let made = api.call(&token, "POST", "/api/v1/silences", HOUR).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    assert_eq!(
        made,
        json!({
            "id": "S-000001", "state": "active", "by": "engineer", "reason": "计划维护",
            "matchers": [{"name": "host", "values": ["db-1"]}],
            "created": "2026-11-23T03:00:00.000Z", "start": "2026-11-23T03:00:00.000Z",
            "end": "2026-11-23T04:00:00.000Z", "ended_by": null,
        })
    );
    let silences = async |id: &str| {
        api.get(&token, &format!("/api/v1/incidents/{id}")).await.json()["silences"].clone()
    };
    assert_eq!((silences("4").await, silences("5").await), (json!(["S-000001"]), json!([])));
    assert_eq!(api.get(&token, "/api/v1/silences/S-000001").await.json(), made);
    let listed = async |query: &str| -> Vec<Value> {
        let reply = api.get(&token, &format!("/api/v1/silences{query}")).await.json();
        reply["silences"].as_array().unwrap().clone()
    };
    assert_eq!(listed("").await, [made]);

    let ended = api.call(&token, "DELETE", "/api/v1/silences/1", "").await.json();
    assert_eq!((&ended["state"], &ended["ended_by"]), (&"expired".into(), &"engineer".into()));
    assert_eq!((silences("4").await, listed("").await.len()), (json!([]), 0));
    assert_eq!(listed("?expired=true").await, [ended]);

    let changes: Vec<String> =
        api.desk.1.take().into_iter().filter(|line| line.contains(" Silence ")).collect();
    assert_eq!(
        changes,
        [
            "engineer Silence S-000001 create host=db-1 Done",
            "engineer Silence S-000001 expire Done",
        ]
    );
}

/// Scenario: every way in which a silence is refused. Guarantees: a status and code of its own for each, nothing is made, and
/// each refusal by role or rule is in the audit trail.
#[tokio::test]
async fn refusals() {
    let api = Api::new();
    let (engineer, viewer) = (api.token("engineer").await, api.token("viewer").await);
    let wish = |change: &dyn Fn(&mut Value)| {
        let mut wish: Value = serde_json::from_str(HOUR).unwrap();
        change(&mut wish);
        wish.to_string()
    };
    let long = "长".repeat(257);
    for (body, status, code) in [
        (wish(&|w| w["reason"] = "  ".into()), 422, "required"),
        (wish(&|w| w["matchers"] = json!([])), 422, "required"),
        (wish(&|w| w["matchers"][0]["values"] = json!([])), 422, "invalid_body"),
        (wish(&|w| w["matchers"][0]["values"] = json!([""])), 422, "invalid_body"),
        (wish(&|w| w["matchers"][0]["values"] = json!([long])), 422, "invalid_body"),
        (
            wish(&|w| w["matchers"][0] = json!({"name": "level", "values": ["5"]})),
            422,
            "invalid_body",
        ),
        (wish(&|w| w["matchers"][0]["isRegex"] = true.into()), 422, "invalid_body"),
        (wish(&|w| w["duration_seconds"] = 0.into()), 422, "invalid_body"),
        (wish(&|w| w["duration_seconds"] = (30 * 86_400 + 1).into()), 422, "invalid_body"),
        (wish(&|w| w["end"] = "2026-11-24T00:00:00Z".into()), 422, "invalid_body"),
        (wish(&|w| w["start"] = "tomorrow".into()), 422, "invalid_body"),
    ] {
        let reply = api.call(&engineer, "POST", "/api/v1/silences", &body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.problem().as_str()),
            (status, code),
            "{body:.200}"
        );
    }
    let month = wish(&|w| w["duration_seconds"] = (30 * 86_400).into());
    assert_eq!(api.call(&engineer, "POST", "/api/v1/silences", &month).await.status, 201);
    for (token, method, path, status, code) in [
        (&viewer, "POST", "/api/v1/silences", 403, "role_may_not_act"),
        (&viewer, "DELETE", "/api/v1/silences/1", 403, "role_may_not_act"),
        (&engineer, "DELETE", "/api/v1/silences/7", 404, "silence_unknown"),
        (&engineer, "GET", "/api/v1/silences/7", 404, "silence_unknown"),
        (&engineer, "GET", "/api/v1/silences/S-x", 400, "invalid_path"),
    ] {
        let reply = api.call(token, method, path, HOUR).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (status, code), "{path}");
    }
    assert_eq!(api.call(&engineer, "DELETE", "/api/v1/silences/1", "").await.status, 200);
    let again = api.call(&engineer, "DELETE", "/api/v1/silences/1", "").await;
    assert_eq!((again.status.as_u16(), again.problem().as_str()), (409, "silence_ended"));
    api.desk.change(|s| s.takes_acts = false);
    let unavailable = api.call(&engineer, "POST", "/api/v1/silences", HOUR).await;
    assert_eq!((unavailable.status.as_u16(), unavailable.header("retry-after")), (503, "2"));
    api.desk.change(|s| assert_eq!(s.notify.silences().count(), 1));
    let refused = api
        .desk
        .1
        .take()
        .into_iter()
        .filter(|l| l.contains(" Silence ") && l.contains(" Refused "));
    // Ten bodies that were read, the role twice, the unknown one, the ended one, and the one that the disk did not take.
    assert_eq!(refused.count(), 15);
}

/// Scenario: deliveries of an incident that nobody was told of, and of one that does not exist. Guarantees: an empty list, and
/// a problem.
#[tokio::test]
async fn deliveries_of_quiet_and_unknown_incidents() {
    let api = Api::new();
    let token = api.token("viewer").await;
    let quiet = api.get(&token, "/api/v1/incidents/4/deliveries").await;
    assert_eq!(quiet.json(), json!({"deliveries": []}));
    let unknown = api.get(&token, "/api/v1/incidents/77/deliveries").await;
    assert_eq!((unknown.status.as_u16(), unknown.problem().as_str()), (404, "incident_unknown"));
}
