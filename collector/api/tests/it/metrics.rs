//! `/metrics`.

use crate::client::Api;

/// Scenario: a scrape. Guarantees: OpenMetrics text with one descriptor per family, counts by level and state with true
/// zeros, running clocks only, unknown values left out, and label values escaped.
#[tokio::test]
async fn a_scrape() {
    let api = Api::new();
    let token = api.token("viewer").await;
    let reply = api.get(&token, "/metrics").await;
    assert_eq!(
        reply.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    for line in [
        r#"wardround_incidents_current{level="1",state="open"} 1.0"#,
        r#"wardround_incidents_current{level="4",state="open"} 0.0"#,
        r#"wardround_incidents_total{cause="db.down",level="1"} 1.0"#,
        r#"wardround_incidents_total{cause="os.cpu_busy",level="3"} 3.0"#,
        r#"wardround_incident_response_remaining_seconds{incident="W-000004",level="1"} -120.0"#,
        r#"wardround_incident_resolution_remaining_seconds{incident="W-000003",level="2"} 1200.0"#,
        r#"wardround_node_state{appliance="a1",hospital="h1",host="db-1",state="silent"} 1.0"#,
        r#"wardround_node_state{appliance="a1",hospital="h1",host="db-1",state="fresh"} 0.0"#,
        r#"wardround_node_series{appliance="a1",hospital="h1",host="db-2"} 1834.0"#,
        r#"wardround_findings_current{condition="breached"} 1.0"#,
        "wardround_contract_time_scale 1.0",
        "wardround_ready 1.0",
        "wardround_api_sessions 1.0",
        "# TYPE wardround_ingest_batches counter",
        r#"wardround_ingest_batches_total{host="a\"b\\c\nd"} 42.0"#,
        "# EOF",
    ] {
        assert!(reply.body.lines().any(|l| l == line), "{line} is not in\n{}", reply.body);
    }
    assert!(!reply.body.contains(r#"response_remaining_seconds{incident="W-000003""#));
    assert!(!reply.body.contains(r#"node_series{appliance="a1",hospital="h1",host="st-1""#));
    let mut families: Vec<&str> = reply.body.lines().filter(|l| l.starts_with("# TYPE")).collect();
    let all = families.len();
    families.sort_unstable();
    families.dedup();
    assert_eq!(families.len(), all);
}
