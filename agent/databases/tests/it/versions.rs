//! What an offline list says of the versions of real servers.

use crate::mariadb_server::MariaDb;
use crate::server::Server;
use crate::watch::Watch;
use agent_databases::{Advised, Advisories};
use shared_model::topic;
use shared_runtime::SystemClock;
use std::sync::Arc;

/// Lists of both branches: one release ahead with a hole that it closes, or long ago.
fn list(issued: &str, postgresql: &str, mariadb: &str) -> Arc<Advisories> {
    let branch = |product: &str, branch: &str, latest: &str| {
        format!(
            r#"{{"product": "{product}", "branch": "{branch}", "latest": "{latest}", "ends": "2026-01-01",
                "fixes": [{{"id": "CVE-0000-1", "severity": "high", "fixed_in": "{latest}"}}]}}"#
        )
    };
    let (postgresql, mariadb) =
        (branch("postgresql", "15", postgresql), branch("mariadb", "10.11", mariadb));
    let text = format!(r#"{{"issued": "{issued}", "branches": [{postgresql}, {mariadb}]}}"#);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("advisories.json");
    std::fs::write(&path, text).unwrap();
    Arc::new(Advisories::load(&path).unwrap())
}

fn advised(watch: Watch, list: &Arc<Advisories>) -> Watch {
    Watch::over(Box::new(Advised::new(watch.probe, Arc::clone(list), Arc::new(SystemClock))))
}

/// Scenario: a real PostgreSQL and a real MariaDB against a list with later releases and one with earlier ones, both of branches whose
/// support has ended. Guarantees: each is behind and has a hole with the former alone, the evidence names it, the end of support and
/// the list's age are said with both.
#[tokio::test]
async fn versions_of_real_servers_are_judged() {
    let (postgres, mariadb) = (Server::primary().await, MariaDb::primary("").await);
    let (later, earlier) =
        (list("2026-01-01", "15.999", "10.11.999"), list("2026-01-01", "15.1", "10.11.1"));
    let hole = "wardround_db_known_vulnerabilities{severity=\"high\"}";
    for watch in [Watch::instance(&postgres, ""), Watch::mariadb(&mariadb, "")] {
        let mut watch = advised(watch, &later);
        watch.sampled().await;
        watch.expect(&[
            ("wardround_db_version_behind", 1.0),
            ("wardround_db_version_ended", 1.0),
            (hole, 1.0),
            ("wardround_db_known_vulnerabilities{severity=\"critical\"}", 0.0),
        ]);
        assert!(watch.value("wardround_db_advisories_age_seconds").unwrap() > 86_400.0);
        let said = watch.said(topic::VERSIONS);
        assert!(
            said[0].contains(", latest is 1") && said[1].starts_with("CVE-0000-1 high, fixed in 1"),
            "{said:?}"
        );
    }
    for watch in [Watch::instance(&postgres, ""), Watch::mariadb(&mariadb, "")] {
        let mut watch = advised(watch, &earlier);
        watch.sampled().await;
        watch.expect(&[
            ("wardround_db_version_behind", 0.0),
            ("wardround_db_version_ended", 1.0),
            (hole, 0.0),
        ]);
        assert!(watch.said(topic::VERSIONS).is_empty());
    }
}
