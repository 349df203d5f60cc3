//! Acts on incidents.

use crate::client::Api;
use collector_domain::{Act, IncidentId};
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
    let (incident, by) = (IncidentId(5), || "engineer".to_owned());
    let fix = "restarted it".to_owned();
    api.desk.change(|s| {
        let expected = [
            Act::Acknowledge { incident, by: by() },
            Act::Acknowledge { incident, by: by() },
            Act::Resolve { incident, by: by(), fix },
            Act::Verify { incident, by: by() },
        ];
        assert_eq!(s.acts, expected);
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
