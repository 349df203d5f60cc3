//! What the REST API shows.

use crate::client::Api;
use crate::desk::incident;
use serde_json::{Value, json};
use shared_model::Level;

/// Scenario: an open, overdue incident with a linked finding. Guarantees: every field is there in its documented form;
/// remaining times count from the collector's steady time and go below zero.
#[tokio::test]
async fn an_incident_in_full() {
    let api = Api::new();
    let token = api.token("viewer").await;
    let incident = api.get(&token, "/api/v1/incidents/W-000004").await.json();
    let expected = json!({
        "id": "W-000004", "cause": "db.down",
        "subject": {"hospital": "h1", "appliance": "a1", "host": "db-1"},
        "clause": "2.2/3.1",
        "title": {"zh": "核心数据库不可用", "en": "core database down"},
        "advice": {"zh": "查看进程", "en": "look at the processes"},
        "level": 1, "level_highest": 1,
        "levels": [{"at": "2026-11-23T02:53:00.000Z", "level": 1, "why": "opened"}],
        "state": "open", "condition": "breached", "value": 0.9375, "late": false,
        "clocks": {
            "occurred": "2026-11-23T02:53:00.000Z", "detected": "2026-11-23T02:53:00.000Z",
            "response_due": "2026-11-23T02:58:00.000Z", "response_remaining_seconds": -120.0,
            "resolution_due": "2026-11-23T03:08:00.000Z", "resolution_remaining_seconds": 480.0,
            "acknowledged": null, "resolved": null, "verified": null, "watch_until": null, "closed": null,
            "dispatched": null, "onsite_due": null, "onsite_remaining_seconds": null, "onsite": null,
            "onsite_missed": null, "core_restored": null, "core_confirmed": null, "signed": null,
            "response_missed": "2026-11-23T02:58:00.000Z", "resolution_missed": null
        },
        "links": [{
            "rule": "os.cpu_busy", "subject": {"host": "db-1"}, "at": "2026-11-23T02:53:05.000Z",
            "condition": "breached", "value": null
        }],
        "reopened": 0, "acknowledged_by": null, "fix": null, "notes": [],
        "evidence": [{"at": "2026-11-23T02:53:00.000Z", "instance": "db-1:5432", "topic": "db.blocking", "lines": ["11 app@his, <idle>"]}], "silences": [],
        "sheet": {
            "category": null, "root_cause": null, "preventions": [], "backup": null, "asked": null,
            "disputes": [], "engineer": null, "signed_by": null, "merged_into": null
        },
        "awaits": [
            {"who": "person", "what": "acknowledge", "at": null},
            {"who": "time", "what": "resolution_due", "at": "2026-11-23T03:08:00.000Z"}
        ]
    });
    assert_eq!(incident, expected);
    let closed = api.get(&token, "/api/v1/incidents/1").await.json();
    assert!(closed["clocks"]["response_remaining_seconds"].is_null());
    assert_eq!(api.get(&token, "/api/v1/incidents/6").await.problem(), "incident_unknown");
}

/// Scenario: each filter, alone and together, and filters that make no sense.
/// Guarantees: newest first, exactly the matching ones; nonsense is refused, not ignored.
#[tokio::test]
async fn incidents_are_filtered() {
    let api = Api::new();
    let token = api.token("viewer").await;
    for (query, expected) in [
        ("", &[5, 4, 3, 2, 1][..]),
        ("?state=open", &[5, 4]),
        ("?state=open,acknowledged", &[5, 4, 3]),
        ("?level=1,2", &[4, 3]),
        ("?level=3&state=closed", &[1]),
        ("?cause=db.down", &[4]),
        ("?clause=3.2&host=st-1", &[5, 1]),
        ("?late=true", &[2]),
        ("?instance=db-1:5432", &[]),
    ] {
        let page = api.get(&token, &format!("/api/v1/incidents{query}")).await.json();
        let ids: Vec<Value> = expected.iter().map(|n| json!(format!("W-{n:06}"))).collect();
        assert_eq!(numbers(&page), ids, "{query}");
        assert_eq!(page["total"], expected.len(), "{query}");
        assert!(page["next_cursor"].is_null(), "{query}");
    }
    for query in [
        "state=new",
        "state=",
        "level=0",
        "level=5",
        "level=one",
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=!",
        "late=maybe",
        "severity=1",
        "state=open&state=closed",
    ] {
        let reply = api.get(&token, &format!("/api/v1/incidents?{query}")).await;
        assert_eq!(reply.problem(), "invalid_query", "{query}");
    }
}

/// Scenario: 1001 incidents, read page by page while new ones are opened.
/// Guarantees: pages are bounded, every old incident comes exactly once, the last page has no cursor.
#[tokio::test]
async fn incidents_come_in_pages() {
    let api = Api::new();
    let token = api.token("viewer").await;
    let fresh = |id| incident(id, Level::Three, "db-1", "02:00:00");
    api.desk.change(|s| s.incidents = (1..=1_001).map(fresh).collect());
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for page in 0..3 {
        let reply = api.get(&token, &format!("/api/v1/incidents?limit=500{cursor}")).await.json();
        seen.extend(numbers(&reply));
        match reply["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => assert_eq!(page, 2),
        }
        api.desk.change(|s| s.incidents.push(fresh(2_000 + page)));
    }
    let expected: Vec<Value> = (1..=1_001).rev().map(|n| json!(format!("W-{n:06}"))).collect();
    assert_eq!(seen, expected);
    let first = api.get(&token, "/api/v1/incidents").await.json();
    assert_eq!(first["incidents"].as_array().unwrap().len(), 100);
}

fn numbers(page: &Value) -> Vec<Value> {
    let incidents = page["incidents"].as_array().unwrap();
    incidents.iter().map(|i| i["id"].clone()).collect()
}

/// Scenario: nodes, findings and rules. Guarantees: sorted, with every field; what is not known is null, never 0.
#[tokio::test]
async fn nodes_findings_and_rules() {
    let api = Api::new();
    let token = api.token("viewer").await;
    let nodes = api.get(&token, "/api/v1/nodes").await.json();
    let expected = json!({
        "identity": "spiffe://acme/hospital/h1/appliance/a1/node/st-1",
        "hospital": "h1", "appliance": "a1", "host": "st-1", "state": "never_seen",
        "last_seen": null, "clock_offset_seconds": null, "agent_version": null, "series": null
    });
    assert_eq!(nodes["nodes"][2], expected);
    assert_eq!(nodes["nodes"][0]["host"], "db-1");
    assert_eq!(nodes["nodes"][0]["clock_offset_seconds"], 0.0012);

    api.desk.change(|s| s.findings[1].judgement.value = Some(f64::INFINITY));
    let findings = api.get(&token, "/api/v1/findings").await.json();
    let expected = json!({
        "rule": "fs.usage", "subject": {"host": "st-1", "mountpoint": "/data"}, "condition": "breached",
        "since": "2026-11-23T02:41:10.000Z", "judged_at": "2026-11-23T02:59:59.000Z", "within_limit": false,
        "value": 0.83, "clause": "3.2",
        "title": {"zh": "磁盘使用率超限", "en": "file system too full"}, "tier": "deviation",
        "evidence": [{"at": "2026-11-23T02:41:10.000Z", "instance": "db-1:5432", "topic": "db.indexes", "lines": ["unused: his.visit.i"]}]
    });
    assert_eq!(findings["findings"][0], expected);
    assert_eq!(findings["findings"][1]["value"], "+Inf");

    let rules = api.get(&token, "/api/v1/rules").await.json();
    let expected = json!({
        "id": "os.cpu_busy", "clause": "3.2", "component": "os",
        "title": {"zh": "CPU 使用率过高", "en": "CPU busy too long"}, "advice": {"zh": "查看", "en": "look"},
        "tier": "incident", "level": 3, "explained_by": [], "evidence": []
    });
    assert_eq!(rules["rules"][0], expected);
}

/// Scenario: 40 closed incidents of which the last 30 are in memory, listed in pages of 7, filtered, and one by one; then the
/// archive is being rebuilt. Guarantees: every incident once, newest first, the total right; a known one beyond memory is
/// shown, an unknown one is not; without the archive the answer is "try again", never a shorter list.
#[tokio::test]
async fn incidents_beyond_memory_are_read_from_the_archive() {
    let api = Api::new();
    let all = (1..=40).map(|id| {
        let host = if id % 2 == 0 { "db-1" } else { "db-2" };
        incident(id, Level::Three, host, "01:00:00")
    });
    let all: Vec<collector_domain::Incident> = all.collect();
    api.desk.change(|s| {
        s.incidents = all[10..].to_vec();
        s.archived = Ok(all[..20].to_vec());
    });
    let token = api.token("viewer").await;
    for (filter, expected) in [("", 40), ("&host=db-1", 20)] {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/incidents?limit=7{filter}{cursor}");
            let page = api.get(&token, &path).await.json();
            assert_eq!(page["total"], expected);
            let on_page = page["incidents"].as_array().unwrap();
            ids.extend(on_page.iter().map(|i| i["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(ids.len(), expected, "{filter}");
        assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    }
    assert_eq!(api.get(&token, "/api/v1/incidents/3").await.json()["id"], "W-000003");
    assert_eq!(api.get(&token, "/api/v1/incidents/41").await.problem(), "incident_unknown");
    api.desk.change(|s| s.archived = Err("it is being rebuilt".to_owned()));
    for path in ["/api/v1/incidents", "/api/v1/incidents/3"] {
        let reply = api.get(&token, path).await;
        assert_eq!((reply.problem().as_str(), reply.header("retry-after")), ("unavailable", "2"));
    }
    assert_eq!(api.get(&token, "/api/v1/incidents/33").await.json()["id"], "W-000033");
}
