//! `/alertmanager`: what amtool and Grafana read, what Prometheus and another Alertmanager send, and how programs sign in.

use crate::client::{Api, build};
use crate::desk::PASSWORD;
use data_encoding::BASE64;
use serde_json::{Value, json};

const ALERTS: &str = "/alertmanager/api/v2/alerts";

/// Scenario: amtool's questions, with filters, while a silence mutes one host. Guarantees: unfinished incidents as alerts of version
/// 2 with its fields, filtered as Alertmanager does; the muted one says by what.
#[tokio::test]
async fn incidents_are_listed_as_alerts() {
    let api = Api::new();
    let token = api.token("engineer").await;
    let hour =
        r#"{"matchers":[{"name":"host","values":["db-1"]}],"reason":"x","duration_seconds":3600}"#;
    api.call(&token, "POST", "/api/v1/silences", hour).await;
    let list = async |query: &str| -> Vec<String> {
        let all = api.get(&token, &format!("{ALERTS}{query}")).await.json();
        let id = |a: &Value| a["labels"]["incident"].as_str().unwrap().to_owned();
        all.as_array().unwrap().iter().map(id).collect()
    };
    assert_eq!(list("").await, ["W-000002", "W-000003", "W-000004", "W-000005"]);
    assert_eq!(list("?silenced=false").await, ["W-000002", "W-000003", "W-000005"]);
    assert_eq!(list("?filter=host%3D%22db-1%22").await, ["W-000004"]);
    let two = "?filter=level%3D~%221%7C2%22&filter=alertname%21%3D%22db.down%22";
    assert_eq!(list(two).await, ["W-000003"]);
    let all = api.get(&token, ALERTS).await.json();
    let muted = &all[2];
    assert_eq!(
        muted["status"],
        json!({"state": "suppressed", "silencedBy": ["S-000001"], "inhibitedBy": []})
    );
    assert_eq!(
        (&muted["labels"]["severity"], &muted["receivers"]),
        (&"critical".into(), &json!([{"name": "wardround"}]))
    );
    assert_eq!(muted["fingerprint"].as_str().unwrap().len(), 16);
    for field in ["startsAt", "endsAt", "updatedAt", "generatorURL", "annotations"] {
        assert!(!muted[field].is_null(), "{field}");
    }
    let silences = api.get(&token, "/alertmanager/api/v2/silences").await.json();
    assert_eq!(
        silences[0]["matchers"],
        json!([{"name": "host", "value": "db-1", "isRegex": false, "isEqual": true}])
    );
    let status = api.get(&token, "/alertmanager/api/v2/status").await.json();
    assert_eq!(status["cluster"]["status"], "disabled");
    assert_eq!(api.get(&token, &format!("{ALERTS}?filter=host")).await.problem(), "invalid_query");
}

/// Scenario: alerts as Prometheus posts them and as Alertmanager's webhook does, whole, resolved, and wrong in every way.
/// Guarantees: labels, summary and times as they were said, with any offset; roles that only read are refused.
#[tokio::test]
async fn alerts_are_taken() {
    let api = Api::new();
    let (engineer, viewer) = (api.token("engineer").await, api.token("viewer").await);
    let labels = json!({"alertname": "Ups", "severity": "critical"});
    let alerts = json!([{
        "labels": labels, "annotations": {"summary": "UPS on battery"}, "generatorURL": "http://p/",
        "startsAt": "2026-11-23T10:59:00.5+08:00", "endsAt": "2026-11-23T03:04:00Z",
    }]);
    let hook = json!({
        "version": "4", "groupKey": "x", "status": "firing", "receiver": "w", "truncatedAlerts": 0,
        "alerts": [
            {"status": "firing", "labels": labels, "annotations": {}, "startsAt": "2026-11-23T02:59:00Z", "endsAt": "0001-01-01T00:00:00Z"},
            {"status": "resolved", "labels": labels, "annotations": {}, "startsAt": "2026-11-23T02:59:00Z", "endsAt": "2026-11-23T03:00:00Z"},
        ],
    });
    let webhook = "/alertmanager/webhook";
    for (path, body) in [(ALERTS, &alerts), (webhook, &hook)] {
        let reply = api.call(&engineer, "POST", path, &body.to_string()).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(
            api.call(&viewer, "POST", path, &body.to_string()).await.problem(),
            "role_may_not_act"
        );
    }
    api.desk.change(|s| {
        let said: Vec<String> = s
            .foreign
            .iter()
            .map(|(by, a)| format!("{by} {} {} {:?} {}", a.labels, a.starts, a.ends.map(|e| e.to_string()), a.summary))
            .collect();
        let subject = "{alertname=\"Ups\",severity=\"critical\"}";
        assert_eq!(
            said,
            [
                format!("engineer {subject} 2026-11-23T02:59:00.500Z Some(\"2026-11-23T03:04:00.000Z\") UPS on battery"),
                format!("engineer {subject} 2026-11-23T02:59:00.000Z None "),
                format!("engineer {subject} 2026-11-23T02:59:00.000Z Some(\"2026-11-23T03:00:00.000Z\") "),
            ]
        );
    });
    let many: Vec<&Value> = std::iter::repeat_n(&alerts[0], 1_001).collect();
    let mut wide = alerts.clone();
    wide[0]["labels"] =
        (0..33).map(|n| (format!("l{n}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    let mut long = alerts.clone();
    long[0]["labels"]["host"] = "x".repeat(257).into();
    let mut late = alerts.clone();
    late[0]["endsAt"] = "later".into();
    let mut old = hook.clone();
    old["version"] = "3".into();
    for (path, body) in [
        (ALERTS, json!(many)),
        (ALERTS, wide),
        (ALERTS, long),
        (ALERTS, late),
        (ALERTS, json!([{}])),
        (webhook, old),
    ] {
        let reply = api.call(&engineer, "POST", path, &body.to_string()).await;
        assert_eq!(reply.problem(), "invalid_body", "{path}");
    }
}

/// Scenario: a program that sends its password with each call: right, wrong, of a removed account.
/// Guarantees: let in with the rights of its account, its password proven once; refused and locked like any sign-in; no challenge that a
/// browser would answer by itself.
#[tokio::test]
async fn programs_send_their_password() {
    let api = Api::new();
    let call = async |name: &str, password: &str| {
        let basic = format!("Basic {}", BASE64.encode(format!("{name}:{password}").as_bytes()));
        api.send(build("GET", ALERTS, &[("authorization", basic.as_str())], "")).await
    };
    for _ in 0..3 {
        assert_eq!(call("engineer", PASSWORD).await.status, 200);
    }
    let sign_ins = api.desk.1.take().iter().filter(|line| line.contains(" SignIn ")).count();
    assert_eq!(sign_ins, 1, "proven once");
    for _ in 0..5 {
        let refused = call("viewer", "not the password").await;
        assert_eq!(refused.problem(), "wrong_credentials");
        assert!(!refused.header("www-authenticate").to_lowercase().contains("basic"));
    }
    assert_eq!(call("viewer", PASSWORD).await.problem(), "login_locked");
    api.desk.change(|s| s.accounts.retain(|a| a.name != "engineer"));
    assert_eq!(call("engineer", PASSWORD).await.problem(), "wrong_credentials");
    let broken = api.send(build("GET", ALERTS, &[("authorization", "Basic %%%")], "")).await;
    assert_eq!(broken.problem(), "not_signed_in");
}
