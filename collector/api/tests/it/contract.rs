//! Planned changes, reports by phone, the contract's figures, and checkpoints of the ledger.

use crate::client::Api;
use serde_json::{Value, json};

fn plan() -> Value {
    let document = |kind: &str| json!({"kind": kind, "name": "d.pdf", "sha256": "0a".repeat(32)});
    json!({
        "title": "PostgreSQL 15.9",
        "documents": [document("plan"), document("test_report"), document("rollback")],
        "start": "2026-12-07T16:00:00Z", "end": "2026-12-07T20:00:00Z",
    })
}

/// Scenario: a change is handed in by an engineer, approved by the hospital, and withdrawn.
/// Guarantees: the answer says whether it was announced in time and is deducted; the roles are kept apart; the trail has each step.
#[tokio::test]
async fn a_change_from_plan_to_withdrawal() {
    let api = Api::new();
    let (engineer, approver) = (api.token("engineer").await, api.token("approver").await);
    let made = api.call(&engineer, "POST", "/api/v1/changes", &plan().to_string()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    assert_eq!((&made["id"], &made["state"]), (&"C-000001".into(), &"submitted".into()));
    assert_eq!(made["earliest"], "2026-12-02T16:00:00.000Z");
    let (in_time, deducted) = (&made["announced_in_time"], &made["deducted"]);
    assert_eq!((in_time, deducted), (&true.into(), &false.into()));
    let post = async |token: &str, act: &str, body: &str| {
        api.call(token, "POST", &format!("/api/v1/changes/C-000001/{act}"), body).await
    };
    assert_eq!(post(&engineer, "approve", "").await.problem(), "role_may_not_act");
    let approved = post(&approver, "approve", "").await.json();
    assert_eq!(
        (&approved["deducted"], &approved["decided_by"]),
        (&true.into(), &"approver".into())
    );
    assert_eq!(post(&approver, "approve", "").await.problem(), "not_allowed");
    assert_eq!(post(&engineer, "withdraw", r#"{"reason":" "}"#).await.problem(), "required");
    let withdrawn = post(&engineer, "withdraw", r#"{"reason":"postponed"}"#).await.json();
    assert_eq!(
        (&withdrawn["state"], &withdrawn["reason"]),
        (&"withdrawn".into(), &"postponed".into())
    );
    assert_eq!(api.get(&engineer, "/api/v1/changes/1").await.json(), withdrawn);
    let listed = api.get(&engineer, "/api/v1/changes?upcoming=true").await.json();
    assert_eq!(listed["changes"], json!([withdrawn]));
    let told = api.desk.1.take();
    let of_changes = told.iter().filter(|line| line.contains(" Change "));
    // What a refusal says is proven above.
    let trail: Vec<&str> = of_changes
        .map(|line| line.find("Refused").map_or(line.as_str(), |at| &line[..at + "Refused".len()]))
        .collect();
    assert_eq!(
        trail,
        [
            "engineer Change C-000001 submit Done",
            "engineer Change approve Refused",
            "approver Change C-000001 approve Done",
            "approver Change approve Refused",
            "engineer Change withdraw Refused",
            "engineer Change C-000001 withdraw Done",
        ]
    );
}

/// Scenario: everything that a change or a report can be refused for over HTTP. Guarantees: a status and code of its own each.
#[tokio::test]
async fn refusals() {
    let api = Api::new();
    let (engineer, viewer) = (api.token("engineer").await, api.token("viewer").await);
    let with = |key: &str, value: Value| {
        let mut plan = plan();
        plan[key] = value;
        plan.to_string()
    };
    let good = plan().to_string();
    let report = r#"{"level":3,"symptom":"x","caller":"y"}"#;
    for (token, path, body, status, code) in [
        (&viewer, "changes", good.as_str(), 403, "role_may_not_act"),
        (&engineer, "changes", &with("documents", json!([])), 422, "required"),
        (&engineer, "changes", &with("start", "soon".into()), 422, "invalid_body"),
        (&engineer, "changes", &with("end", "2026-12-07T16:00:00Z".into()), 422, "invalid_body"),
        (&engineer, "changes", &with("services", json!(["x"])), 422, "invalid_body"),
        (&engineer, "changes", &with("more", 1.into()), 422, "invalid_body"),
        (&engineer, "changes/7/withdraw", r#"{"reason":"x"}"#, 404, "change_unknown"),
        (&engineer, "changes/x/withdraw", r#"{"reason":"x"}"#, 400, "invalid_path"),
        (&viewer, "incidents", report, 403, "role_may_not_act"),
        (&engineer, "incidents", r#"{"level":1,"symptom":"x","caller":"y"}"#, 422, "invalid_body"),
        (&engineer, "incidents", r#"{"level":9,"symptom":"x","caller":"y"}"#, 422, "invalid_body"),
        (&engineer, "incidents", r#"{"level":3,"symptom":" ","caller":"y"}"#, 422, "required"),
        (
            &engineer,
            "incidents",
            r#"{"level":3,"symptom":"x","caller":"y","called":"now"}"#,
            422,
            "invalid_body",
        ),
    ] {
        let reply = api.call(token, "POST", &format!("/api/v1/{path}"), body).await;
        let found = (reply.status.as_u16(), reply.problem());
        assert_eq!(found, (status, code.to_owned()), "{path} {body}");
    }
    assert_eq!(api.get(&viewer, "/api/v1/changes/9").await.problem(), "change_unknown");
    api.desk.change(|s| s.takes_acts = false);
    let reply = api.call(&engineer, "POST", "/api/v1/changes", &good).await;
    assert_eq!((reply.problem(), reply.header("retry-after")), ("unavailable".to_owned(), "2"));
}

/// Scenario: a call that came ten minutes ago is taken down. Guarantees: an incident whose clocks began with the call.
#[tokio::test]
async fn a_call_is_taken_down() {
    let api = Api::new();
    let token = api.token("engineer").await;
    let body = r#"{"level":2,"symptom":"收费很慢","caller":"王护士","phone":"8001","called":"2026-11-23T02:50:00Z"}"#;
    let reply = api.call(&token, "POST", "/api/v1/incidents", body).await;
    assert_eq!((reply.status.as_u16(), reply.header("etag").is_empty()), (201, false));
    let incident = reply.json();
    assert_eq!((&incident["cause"], &incident["level"]), (&"report.fault".into(), &2.into()));
    assert_eq!(incident["clocks"]["detected"], "2026-11-23T02:50:00.000Z");
    assert_eq!(incident["clocks"]["response_remaining_seconds"], -300.0);
}

/// Scenario: the figures of this year by default, of a day, and of periods that are none.
/// Guarantees: numerator, denominator and what is left out are named; an empty one is met without a value.
#[tokio::test]
async fn figures_say_what_they_are_made_of() {
    let api = Api::new();
    let token = api.token("viewer").await;
    let year = api.get(&token, "/api/v1/kpis").await.json();
    assert_eq!(
        (&year["from"], &year["to"]),
        (&"2025-12-31T16:00:00.000Z".into(), &"2026-11-23T03:00:00.000Z".into())
    );
    let response = &year["response"];
    assert_eq!((&response["numerator"], &response["denominator"]), (&2.into(), &4.into()));
    // The closed one of the double was never acknowledged.
    assert_eq!(response["missed"], json!(["W-000001", "W-000004"]));
    assert_eq!(response["excluded"], json!([{"id": "W-000005", "why": "its clock still runs"}]));
    assert_eq!(year["level_2_up_required"], json!(["level_1_2", "level_2_3"]));
    let day = api.get(&token, "/api/v1/kpis?from=2026-11-20&to=2026-11-21").await.json();
    let level_1 = &day["level_1"];
    assert_eq!((&level_1["value"], &level_1["met"]), (&Value::Null, &true.into()));
    for query in ["from=2026-11-21&to=2026-11-20", "from=yesterday", "to=2026-13-01", "till=x"] {
        let reply = api.get(&token, &format!("/api/v1/kpis?{query}")).await;
        assert_eq!(reply.problem(), "invalid_query", "{query}");
    }
    let checkpoint = api.get(&token, "/api/v1/ledger/checkpoint").await;
    assert_eq!(
        (checkpoint.status.as_u16(), checkpoint.header("content-type")),
        (200, "application/json")
    );
    api.desk.change(|s| s.takes_acts = false);
    for path in ["kpis", "ledger/checkpoint"] {
        assert_eq!(api.get(&token, &format!("/api/v1/{path}")).await.problem(), "unavailable");
    }
}

/// Scenario: a week of the roster is written with a gap, and asked for. Guarantees: the gap is named, who is on duty is shown, the
/// trail has it; what makes no sense and roles that only read are refused.
#[tokio::test]
async fn the_roster_shows_its_gaps() {
    let api = Api::new();
    let (engineer, viewer) = (api.token("engineer").await, api.token("viewer").await);
    let shift = |from: &str, to: &str| json!({"person": "engineer", "rank": "first", "from": from, "to": to});
    let plan = json!({
        "from": "2026-11-23T00:00:00Z", "to": "2026-11-24T00:00:00Z",
        "shifts": [shift("2026-11-23T00:00:00Z", "2026-11-23T12:00:00Z"), shift("2026-11-23T18:00:00Z", "2026-11-24T00:00:00Z")],
    });
    let put = async |token: &str, plan: &Value| {
        api.call(token, "PUT", "/api/v1/roster", &plan.to_string()).await
    };
    assert_eq!(put(&viewer, &plan).await.problem(), "role_may_not_act");
    let written = put(&engineer, &plan).await.json();
    assert_eq!(
        written["gaps"],
        json!([{"from": "2026-11-23T12:00:00.000Z", "to": "2026-11-23T18:00:00.000Z"}])
    );
    assert_eq!((&written["coverage"], &written["on_duty"]), (&0.75.into(), &json!(["engineer"])));
    let query = "/api/v1/roster?from=2026-11-23T06:00:00Z&to=2026-11-23T12:00:00Z";
    let part = api.get(&viewer, query).await.json();
    assert_eq!((&part["gaps"], &part["coverage"]), (&json!([]), &1.0.into()));
    for (key, value) in [
        ("from", json!("2026-11-24T00:00:00Z")),
        ("to", json!("soon")),
        ("shifts", json!([shift("x", "y")])),
    ] {
        let mut wrong = plan.clone();
        wrong[key] = value;
        assert_eq!(put(&engineer, &wrong).await.problem(), "invalid_body", "{key}");
    }
    assert_eq!(api.get(&viewer, "/api/v1/roster?from=x").await.problem(), "invalid_query");
    assert!(api.desk.1.take().iter().any(|line| line.starts_with("engineer Roster roster from")));
}
