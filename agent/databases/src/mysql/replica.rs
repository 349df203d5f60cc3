//! Whether this server is a replica, and how usable it is as one. Judged on the replica: the primary calls a stopped one's thread
//! alive for a long while.

use super::row::{Row, number, position, text};
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError, bounded};
use agent_probe::Sink;
use shared_model::{Metric, Unit};

/// The most sources of one replica that are sampled.
const SOURCES_MAX: usize = 16;

static IS_REPLICA: Metric = gauge(
    "wardround_mysql_is_replica",
    Unit::None,
    "1 when the server replicates from another one.",
    "SHOW ALL SLAVES STATUS, SHOW REPLICA STATUS",
);
static IO: Metric = gauge(
    "mysql_slave_status_slave_io_running",
    Unit::None,
    "1 while the replica receives from its source.",
    "Slave_IO_Running, Replica_IO_Running",
);
static SQL: Metric = gauge(
    "mysql_slave_status_slave_sql_running",
    Unit::None,
    "1 while the replica applies what it received.",
    "Slave_SQL_Running, Replica_SQL_Running",
);
static BEHIND: Metric = gauge(
    "mysql_slave_status_seconds_behind_master",
    Unit::Seconds,
    "How far behind its source the replica is. Not while it does not receive or does not apply.",
    "Seconds_Behind_Master, Seconds_Behind_Source",
);
static IO_ERRNO: Metric = gauge(
    "mysql_slave_status_last_io_errno",
    Unit::None,
    "Number of the receiver's last error, 0 for none.",
    "Last_IO_Errno",
);
static SQL_ERRNO: Metric = gauge(
    "mysql_slave_status_last_sql_errno",
    Unit::None,
    "Number of the applier's last error, 0 for none.",
    "Last_SQL_Errno",
);
static APPLIED: Metric = gauge(
    "wardround_mysql_replica_applied_all",
    Unit::None,
    "1 when everything that was received is applied.",
    "Slave_SQL_Running_State, Replica_SQL_Running_State: '... has read all relay log ...'",
);

static LAG: Metric = gauge(
    "wardround_mysql_replica_lag_seconds",
    Unit::Seconds,
    "How far behind its source the replica is; 0 when it does not receive but has applied all that it received. Not while it does \
     not apply, nor while it does not receive and has not applied all.",
    "Seconds_Behind_Master, Slave_IO_Running, Slave_SQL_Running_State",
);

static METRICS: [&Metric; 8] =
    [&IS_REPLICA, &IO, &SQL, &BEHIND, &IO_ERRNO, &SQL_ERRNO, &APPLIED, &LAG];

/// Read every round.
pub(super) static VIEW_MARIADB: View<Row> = View {
    name: "SHOW ALL SLAVES STATUS",
    sql: "SHOW ALL SLAVES STATUS",
    metrics: &METRICS,
    pace: Pace::EachRound,
    emit,
};
/// Read every round.
pub(super) static VIEW_MYSQL: View<Row> = View {
    name: "SHOW REPLICA STATUS",
    sql: "SHOW REPLICA STATUS",
    metrics: &METRICS,
    pace: Pace::EachRound,
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    sink.put(&IS_REPLICA, &[], if rows.is_empty() { 0.0 } else { 1.0 });
    let (rows, complaint) = bounded(rows, SOURCES_MAX, "sources");
    for row in rows {
        let of = |names: &[&str]| position(row, names);
        let said = |names: &[&str]| of(names).and_then(|at| text(row, at));
        let host = said(&["Master_Host", "Source_Host"]).unwrap_or_default();
        let channel = said(&["Connection_name", "Channel_Name"]).unwrap_or_default();
        let labels = [("master_host", host), ("connection_name", channel)];
        for (metric, names) in [
            (&IO, ["Slave_IO_Running", "Replica_IO_Running"]),
            (&SQL, ["Slave_SQL_Running", "Replica_SQL_Running"]),
        ] {
            let state = said(&names).ok_or(ViewError::Column)?;
            sink.put(metric, &labels, if state == "Yes" { 1.0 } else { 0.0 });
        }
        for (metric, names) in [
            (&BEHIND, &["Seconds_Behind_Master", "Seconds_Behind_Source"][..]),
            (&IO_ERRNO, &["Last_IO_Errno"]),
            (&SQL_ERRNO, &["Last_SQL_Errno"]),
        ] {
            if let Some(value) = of(names).and_then(|at| number(row, at)) {
                sink.put(metric, &labels, value);
            }
        }
        let state =
            said(&["Slave_SQL_Running_State", "Replica_SQL_Running_State"]).unwrap_or_default();
        let applied = state.contains("has read all relay log");
        sink.put(&APPLIED, &labels, if applied { 1.0 } else { 0.0 });
        let behind = of(&["Seconds_Behind_Master", "Seconds_Behind_Source"]);
        if let Some(lag) = behind.and_then(|at| number(row, at)).or(applied.then_some(0.0)) {
            sink.put(&LAG, &labels, lag);
        }
    }
    complaint
}
