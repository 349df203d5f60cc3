//! The views against the catalogs of versions that are not installed here, laid over a real PostgreSQL 15 as their manuals describe
//! them (`agent/databases/contract`). It proves names and types of columns and the ways around what is missing; it does not prove
//! that such a server behaves.

// The server of the tests of the whole probe.
#[path = "../../tests/it/server.rs"]
#[allow(dead_code, clippy::expect_used, reason = "these tests use a part of it")]
mod server;

use super::logins;
use super::views::{ALL, is_optional, prepare};
use crate::view::emit;
use agent_probe::Sink;
use server::{PASSWORD, Server};
use tokio_postgres::types::ToSql;

const VERSIONS: [(&str, &str, &[&str]); 4] = [
    ("13", include_str!("../../contract/postgresql-13.sql"), &["pg_blocking_pids", "logins"]),
    ("14", include_str!("../../contract/postgresql-14.sql"), &["logins"]),
    ("16", include_str!("../../contract/postgresql-16.sql"), &["logins"]),
    ("17", include_str!("../../contract/postgresql-17.sql"), &["pg_stat_bgwriter", "logins"]),
];

/// Scenario: the catalogs of versions 13, 14, 16 and 17 in place of those of 15. Guarantees: every view that is not optional can be
/// prepared, read and sampled without a complaint; exactly the named ones are asked in another way.
#[tokio::test]
async fn views_fit_other_versions() {
    let server = Server::primary().await;
    let admin = server.admin().await;
    for (version, differences, asked_otherwise) in VERSIONS {
        let setup = format!(
            "DROP SCHEMA IF EXISTS contract CASCADE; CREATE SCHEMA contract; {differences}
             GRANT USAGE ON SCHEMA contract TO monitor; GRANT SELECT ON ALL TABLES IN SCHEMA contract TO monitor;
             ALTER ROLE monitor SET search_path = contract, pg_catalog"
        );
        admin.batch_execute(&setup).await.unwrap();
        let client = server.login("monitor", PASSWORD).await.unwrap();
        let mut otherwise = Vec::new();
        for view in ALL.into_iter().filter(|view| !is_optional(view)) {
            let name = view.name;
            let (statement, is_other) =
                prepare(&client, view).await.unwrap_or_else(|e| panic!("{version} {name}: {e:?}"));
            let allowed: &(dyn ToSql + Sync) = &Vec::<String>::new();
            let parameters: &[_] = if statement.params().is_empty() { &[] } else { &[allowed] };
            let rows = client.query(&statement, parameters).await;
            let rows = rows.unwrap_or_else(|e| panic!("{version} {name}: {e:?}"));
            let (mut sink, mut complaints) = (Sink::default(), Vec::new());
            sink.begin();
            emit(view, &rows, &mut sink, &mut complaints);
            assert!(complaints.is_empty(), "{version} {name}: {complaints:?}");
            if name == logins::VIEW.name {
                assert!(logins::looks(&rows).unwrap().is_some(), "{version} {name}");
            }
            if is_other {
                otherwise.push(name);
            }
        }
        assert_eq!(otherwise, asked_otherwise, "{version}");
    }
}
