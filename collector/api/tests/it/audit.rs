//! What the audit log is told, and who may read it.

use crate::client::Api;
use crate::desk::{PASSWORD, ROLES};
use http::StatusCode;

/// Scenario: sign-ins that succeed, fail and are locked out; an act done, refused by state and by role; reads; a call
/// without a session. Guarantees: each is told once, in this form, and what is not the hospital's data is not.
#[tokio::test]
async fn what_is_let_in_refused_and_handed_out_is_told() {
    let api = Api::new();
    let audited = &api.desk.1;
    let engineer = api.token("engineer").await;
    let viewer = api.token("viewer").await;
    api.try_login("viewer", "wrong", None).await;
    assert_eq!(
        audited.take(),
        [
            "engineer SignIn console Done",
            "viewer SignIn console Done",
            "viewer SignIn console Refused Wrong name or password",
        ]
    );
    for _ in 0..4 {
        api.try_login("approver", "wrong", None).await;
    }
    api.try_login("approver", "wrong", None).await;
    api.try_login("approver", PASSWORD, None).await;
    let last = audited.take().pop();
    let locked = "approver SignIn console Refused Locked after too many failed logins";
    assert_eq!(last.as_deref(), Some(locked));

    let act = "/api/v1/incidents/5/acknowledge";
    api.call(&engineer, "POST", act, "").await;
    api.call(&engineer, "POST", act, "").await;
    api.call(&viewer, "POST", act, "").await;
    let [done, state, role] = audited.take().try_into().unwrap();
    assert_eq!(done, "engineer Act W-000005 acknowledge Done");
    assert!(
        state.starts_with("engineer Act W-000005 acknowledge Refused Not possible in"),
        "{state}"
    );
    assert!(role.starts_with("viewer Act W-000005 Refused This role may not act"), "{role}");

    for path in [
        "/api/v1/nodes",
        "/api/v1/incidents/W-000003",
        "/api/v1/incidents/W-009999",
        "/prometheus/api/v1/query?query=up",
        "/api/v1/session",
        "/api/v1/rules",
        "/prometheus/api/v1/status/buildinfo",
    ] {
        api.get(&viewer, path).await;
    }
    api.open("GET", "/api/v1/incidents").await;
    assert_eq!(
        audited.take(),
        [
            "viewer Call GET /api/v1/nodes Done",
            "viewer Call GET /api/v1/incidents/{id} Done",
            "viewer Call GET /prometheus/api/v1/query Done",
            "unknown Call GET /api/v1/incidents Refused Not signed in, or the session has ended",
        ]
    );
}

/// Scenario: each role asks for the audit log; the auditor pages through it with limits at and beyond the ends.
/// Guarantees: only the auditor reads it, every refusal and every reading is in it, pages join without a hole or a double.
#[tokio::test]
async fn the_auditor_alone_reads_it() {
    let api = Api::new();
    for (name, _) in ROLES {
        let token = api.token(name).await;
        let reply = api.get(&token, "/api/v1/audit").await;
        if name == "auditor" {
            assert_eq!(reply.status, StatusCode::OK);
        } else {
            assert_eq!(reply.problem(), "role_may_not_read", "{name}");
        }
    }
    let token = api.token("auditor").await;
    let mut cursor = String::new();
    let mut numbers = Vec::new();
    loop {
        let page = api.get(&token, &format!("/api/v1/audit?limit=5{cursor}")).await.json();
        let entries = page["entries"].as_array().unwrap();
        numbers.extend(entries.iter().map(|e| e["number"].as_u64().unwrap()));
        let Some(next) = page["next_cursor"].as_u64() else { break };
        cursor = format!("&cursor={next}");
    }
    let expected: Vec<u64> = (1..=13).rev().collect();
    assert_eq!(numbers, expected, "six sign-ins, six calls, one more sign-in");
    let newest = api.get(&token, "/api/v1/audit?limit=1000").await.json();
    let refused = newest["entries"].as_array().unwrap().iter().find(|e| e["outcome"] == "refused");
    let refused = refused.unwrap();
    assert_eq!((&refused["who"], &refused["action"]), (&"system_admin".into(), &"call".into()));
    assert_eq!(refused["object"], "GET /api/v1/audit");
    for limit in [0, 1_001] {
        let reply = api.get(&token, &format!("/api/v1/audit?limit={limit}")).await;
        assert_eq!(reply.problem(), "invalid_query");
    }
}
