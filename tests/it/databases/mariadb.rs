//! MariaDB.

use super::Ward;
use crate::mariadb_server::MariaDb;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

/// Scenario: MariaDB 10.11 with a replica, both watched as the least-privilege account; faults one after the other. Guarantees: each
/// raises exactly its check, incidents carry their clause and level, and each clears once it is mended.
pub(super) fn faults_of_mariadb_raise_their_checks() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut primary = MariaDb::primary("").await;
        let replica = primary.replica().await;
        let mut admin = primary.admin().await;
        admin.query_drop("CREATE TABLE his.visit (id INT PRIMARY KEY, patient INT, KEY a (patient)) ENGINE = InnoDB").await.unwrap();
        for _ in 0..3 {
            admin.query_drop("FLUSH BINARY LOGS").await.unwrap();
        }
        let extra = "inspection_interval = \"1s\"\nallowed_accounts = [\"root\", \"replicator\", \"mysql\"]\n";
        let text = format!("[[mysql]]\n{}[[mysql]]\n{}", primary.keys(extra), replica.keys(extra));
        admin.query_drop("CREATE USER clerk@'10.0.0.9' IDENTIFIED BY 'x'").await.unwrap();
        let mut ward = Ward::start(&text, "wardround_mysql_is_replica == 1");

        admin.query_drop("SET GLOBAL long_query_time = 7").await.unwrap();
        ward.expect("a changed parameter", &["db.parameter_changed"]);
        ward.explained("db.parameter_changed", "long_query_time: 10.000000 -> 7.000000");
        ward.leave("db.parameter_changed");

        admin.query_drop("GRANT SUPER ON *.* TO clerk@'10.0.0.9'").await.unwrap();
        ward.expect("a new superuser", &["security.superusers"]);
        ward.explained("security.superusers", "superuser: clerk@10.0.0.9");
        admin.query_drop("REVOKE SUPER ON *.* FROM clerk@'10.0.0.9'").await.unwrap();
        ward.mended("a new superuser", &["security.superusers"]);

        admin.query_drop("CREATE INDEX b ON his.visit (patient)").await.unwrap();
        ward.expect("a duplicate index", &["db.index_redundant"]);
        ward.explained("db.index_redundant", "redundant: his.visit.b");
        admin.query_drop("DROP INDEX b ON his.visit").await.unwrap();
        ward.mended("a duplicate index", &["db.index_redundant"]);

        replication(&mut ward, &mut admin, &replica).await;

        for _ in 0..12 {
            assert!(primary.connect_remotely("wrong").await.is_err());
        }
        ward.expect("failed logins", &["security.failed_logins"]);
        ward.mended("failed logins", &["security.failed_logins"]);

        let (hole, aside) = (primary.data("node-bin.000002"), primary.data("aside"));
        std::fs::rename(&hole, &aside).unwrap();
        ward.expect("a missing file of the binary log", &["db.binlogs_missing"]);
        ward.explained("db.binlogs_missing", "node-bin.000002: not found");
        std::fs::rename(&aside, &hole).unwrap();
        ward.mended("a missing file of the binary log", &["db.binlogs_missing"]);

        drop(admin);
        primary.signal("STOP");
        ward.expect("a hung primary", &["db.instance_up", "db.replication"]);
        let others = format!("count_over_time(mysql_up{{instance=\"127.0.0.1:{}\"}}[10s])", replica.port);
        let read = ward.value(&others);
        assert!(read >= 9.0, "the hung server delays another: {read} readings in 10 s");
        primary.signal("CONT");
        ward.mended("a hung primary", &["db.instance_up", "db.replication"]);
        primary.crash();
        ward.expect("a killed primary", &["db.instance_up", "db.replication"]);
        primary.start().await;
        ward.mended("a killed primary", &["db.instance_up", "db.replication"]);
        // The lag is linked to the incident of the stopped replica, which nobody has resolved.
        ward.judged(&[
            ("security.superusers", "3.5", 3),
            ("db.replication", "3.1", 3),
            ("security.failed_logins", "3.5", 3),
            ("db.binlogs_missing", "3.1", 3),
            ("db.parameter_changed", "3.3", 3),
            ("db.instance_up", "3.1", 2),
        ]);
        tokio::task::block_in_place(|| drop(ward));
    });
}

/// A replica that is stopped, and one that lags.
async fn replication(ward: &mut Ward, admin: &mut Conn, replica: &MariaDb) {
    let mut on_replica = replica.admin().await;
    on_replica.query_drop("STOP SLAVE").await.unwrap();
    ward.expect("a stopped replica", &["db.replication"]);
    on_replica.query_drop("START SLAVE").await.unwrap();
    ward.mended("a stopped replica", &["db.replication"]);

    // An event that cannot be applied while somebody reads the table, and a clock that goes on by seven minutes.
    on_replica.query_drop("LOCK TABLES his.t READ").await.unwrap();
    admin.query_drop("UPDATE his.t SET v = 9 WHERE id = 1").await.unwrap();
    replica.shift_clock("+420");
    ward.expect("a replica that lags", &["db.replica_behind"]);
    on_replica.query_drop("UNLOCK TABLES").await.unwrap();
    ward.mended("a replica that lags", &["db.replica_behind"]);
}
