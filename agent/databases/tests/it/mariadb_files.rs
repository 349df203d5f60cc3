//! What a real MariaDB writes on its node.

use crate::mariadb_server::MariaDb;
use crate::watch::{ROUNDS_MAX, print};
use agent_databases::{MysqlFilesProbe, MysqlInstance};
use agent_probe::{Outcome, Probe, Sample, Sink};
use mysql_async::prelude::Queryable;
use shared_runtime::SystemClock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Scenario: a MariaDB with an audit; a refused login, and a table whose index file was cut. Guarantees: each is counted in its class, however many lines the server writes,
/// and in no other that a rule speaks of; the audit's age is that of its file.
#[tokio::test]
async fn files_of_the_server_are_read() {
    let plugin =
        "plugin_load_add = server_audit\nserver_audit_logging = ON\nmyisam_recover_options = OFF\n";
    let server = MariaDb::primary(plugin).await;
    let mut admin = server.admin().await;
    let table = "CREATE TABLE his.m (a INT PRIMARY KEY) ENGINE = MyISAM; INSERT INTO his.m VALUES (1), (2); FLUSH TABLES";
    admin.query_drop(table).await.unwrap();
    let keys = format!(
        "error_log = \"{}\"\naudit_file = \"{}\"\n",
        server.error_log().display(),
        server.data("server_audit.log").display()
    );
    let settings: MysqlInstance = toml::from_str(&server.keys(&keys)).unwrap();
    let mut probe = MysqlFilesProbe::new(&settings, Arc::new(SystemClock)).unwrap();
    let mut sink = Sink::default();
    let mut read = || {
        sink.begin();
        assert!(matches!(probe.read(&mut sink), Outcome::Sampled));
        let of = |s: &Sample| (print(s), s.value());
        sink.samples().iter().map(of).collect::<BTreeMap<String, Option<f64>>>()
    };
    let class = |name: &str| format!("wardround_mysql_log_errors_total{{class=\"{name}\"}}");
    assert_eq!(read()[&class("corruption")], Some(0.0));
    let index = std::fs::File::options().write(true).open(server.data("his/m.MYI")).unwrap();
    index.set_len(1_024).unwrap();
    assert!(admin.query_drop("SELECT * FROM his.m").await.is_err());
    assert!(server.connect_remotely("wrong").await.is_err());
    for _ in 0..ROUNDS_MAX {
        let found = read();
        if found[&class("corruption")] >= Some(1.0) && found[&class("authentication")] >= Some(1.0)
        {
            let others = [found[&class("disk_full")], found[&class("resources")]];
            assert_eq!(others, [Some(0.0); 2]);
            assert!(found["wardround_mysql_audit_age_seconds"].unwrap() < 60.0);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the faults are not in the log");
}
