//! What takes an hour or months, on servers whose clocks are set on, and replication of PostgreSQL.

use super::Ward;
use crate::mariadb_server::MariaDb;
use crate::postgres_server::Server;
use mysql_async::prelude::Queryable;

/// A primary and its standby, and a MariaDB, none of whose accounts has been used since.
async fn servers() -> (Server, Server, MariaDb) {
    let primary = Server::primary().await;
    primary.restart_with("shared_preload_libraries = 'pg_stat_statements'\narchive_mode = on\narchive_command = 'true'\n");
    primary.shift_clock("+0");
    let admin = primary.admin().await;
    for text in
        ["CREATE EXTENSION pg_stat_statements", "CREATE ROLE legacy LOGIN PASSWORD 'legacy'"]
    {
        admin.batch_execute(text).await.unwrap();
    }
    let legacy = primary.login("legacy", "legacy").await.unwrap();
    legacy.batch_execute("SELECT 1").await.unwrap();
    let standby = primary.standby();
    standby.shift_clock("+0");
    let mut mariadb = MariaDb::primary("").await;
    mariadb.shift_clock("+0");
    mariadb.restart_with("").await;
    let mut admin = mariadb.admin().await;
    admin.query_drop("CREATE USER legacy@localhost IDENTIFIED BY 'legacy'").await.unwrap();
    mariadb.connect("legacy", Some("legacy")).await.unwrap().disconnect().await.unwrap();
    (primary, standby, mariadb)
}

/// Scenario: a standby that stops to receive, and one that lags; a session that is idle in its transaction; a transaction of an hour; accounts of PostgreSQL and MariaDB that
/// nobody uses for 91 days. Guarantees: each raises exactly its check, names who it is, and clears once it is mended.
pub(super) fn what_takes_long_raises_its_checks() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (primary, standby, mariadb) = servers().await;
        let allowed = "inspection_interval = \"1s\"\nallowed_accounts = [\"root\", \"mysql\"]\n";
        let text = format!(
            "[[postgres]]\n{}[[postgres]]\n{}[[mysql]]\n{}",
            primary.keys(""),
            standby.keys(""),
            mariadb.keys(allowed)
        );
        let settled = "pg_replication_is_replica == 1 and on (host) mysql_up == 1";
        let mut ward = Ward::start(&text, settled);
        replication(&mut ward, &primary, &standby).await;

        let idler = primary.admin().await;
        idler.batch_execute("BEGIN; UPDATE t SET v = 3 WHERE id = 2").await.unwrap();
        ward.expect("a session that is idle in its transaction", &["session.idle_transaction"]);
        idler.batch_execute("COMMIT").await.unwrap();
        ward.mended("a session that is idle in its transaction", &["session.idle_transaction"]);

        let worker = primary.admin().await;
        let end = worker.cancel_token();
        let work = "DO $$ BEGIN LOOP PERFORM pg_sleep(0.05); END LOOP; END $$";
        let running = tokio::spawn(async move { worker.batch_execute(work).await });
        primary.shift_clock("+61m");
        ward.expect("a transaction of an hour", &["session.long_transaction"]);
        end.cancel_query(tokio_postgres::NoTls).await.unwrap();
        assert!(running.await.unwrap().is_err());
        ward.mended("a transaction of an hour", &["session.long_transaction"]);

        let fault = "an account that nobody uses";
        let idle = "security.idle_accounts";
        mariadb.shift_clock("+91d");
        ward.expect(fault, &[idle]);
        ward.explained(idle, "91 d: legacy@localhost");
        mariadb.connect("legacy", Some("legacy")).await.unwrap().disconnect().await.unwrap();
        ward.mended(fault, &[idle]);
        primary.shift_clock("+91d");
        ward.expect(fault, &[idle]);
        ward.explained(idle, "d: legacy");
        // It is dropped, and only accounts that are allowed are left.
        primary.admin().await.batch_execute("DROP ROLE legacy").await.unwrap();
        ward.mended(fault, &[idle]);
        ward.judged(&[("db.replication", "3.1", 3), ("session.idle_transaction", "3.1", 3)]);
        tokio::task::block_in_place(|| drop(ward));
    });
}

async fn replication(ward: &mut Ward, primary: &Server, standby: &Server) {
    let admin = standby.admin().await;
    let before: String = admin.query_one("SHOW primary_conninfo", &[]).await.unwrap().get(0);
    let reload = "SELECT pg_reload_conf()";
    admin.batch_execute("ALTER SYSTEM SET primary_conninfo = ''").await.unwrap();
    admin.batch_execute(reload).await.unwrap();
    ward.expect("a standby that receives nothing", &["db.replication"]);
    let again = format!("ALTER SYSTEM SET primary_conninfo = '{}'", before.replace('\'', "''"));
    admin.batch_execute(&again).await.unwrap();
    admin.batch_execute(reload).await.unwrap();
    ward.mended("a standby that receives nothing", &["db.replication"]);

    // A standby that has applied no commit since its start does not know how old its data are.
    let on_primary = primary.admin().await;
    on_primary.batch_execute("UPDATE t SET v = 1 WHERE id = 1").await.unwrap();
    ward.reached("pg_replication_lag_seconds");
    admin.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
    // The pause is only asked for by then: what comes in the meantime is applied, and nothing would lag.
    let state = "SELECT pg_get_wal_replay_pause_state()";
    while admin.query_one(state, &[]).await.unwrap().get::<_, &str>(0) != "paused" {}
    on_primary.batch_execute("UPDATE t SET v = 2 WHERE id = 1").await.unwrap();
    // So far that accounts would be idle, too, if a standby were asked.
    standby.shift_clock("+91d");
    ward.expect("a standby that lags", &["db.replication"]);
    admin.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
    ward.mended("a standby that lags", &["db.replication"]);
}
