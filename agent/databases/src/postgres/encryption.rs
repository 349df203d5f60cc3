//! Encryption in transit (clause 3.5 传输过程加密): whether the server speaks TLS, and who talks to it in clear.

use super::view::{Pace, View, put_columns};
use crate::metric::gauge;
use shared_model::{Metric, Unit};
use std::time::Duration;

// A session over a Unix socket or over loopback never leaves the machine.
const SQL: &str = "\
SELECT (current_setting('ssl') = 'on')::int4::float8,
       EXISTS (SELECT FROM regexp_split_to_table(current_setting('listen_addresses'), '\\s*,\\s*') a
                WHERE a NOT IN ('', 'localhost', '::1') AND a NOT LIKE '127.%')::int4::float8,
       count(*) FILTER (WHERE s.ssl)::float8,
       count(*) FILTER (WHERE NOT s.ssl AND NOT a.client_addr <<= inet '127.0.0.0/8'
                          AND a.client_addr <> inet '::1'
                          AND a.client_addr IS DISTINCT FROM inet_server_addr())::float8
  FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
 WHERE a.backend_type IN ('client backend', 'walsender')";

static ENABLED: Metric = gauge(
    "wardround_pg_tls_enabled",
    Unit::None,
    "1 when the server offers TLS.",
    "current_setting('ssl')",
);
static REMOTE: Metric = gauge(
    "wardround_pg_listens_remotely",
    Unit::None,
    "1 when the server listens for other machines.",
    "current_setting('listen_addresses')",
);
static SESSIONS: Metric = gauge(
    "wardround_pg_tls_sessions",
    Unit::None,
    "Sessions that are encrypted, those of standbys among them.",
    "pg_stat_ssl.ssl",
);
static CLEAR: Metric = gauge(
    "wardround_pg_clear_remote_sessions",
    Unit::None,
    "Sessions from other machines that are not encrypted, those of standbys among them.",
    "pg_stat_ssl.ssl, pg_stat_activity.client_addr",
);

static COLUMNS: [&Metric; 4] = [&ENABLED, &REMOTE, &SESSIONS, &CLEAR];

/// Read every 15 seconds.
pub(super) static VIEW: View = View {
    name: "pg_stat_ssl",
    sql: SQL,
    metrics: &COLUMNS,
    pace: Pace::Every(Duration::from_secs(15)),
    emit: |rows, sink| put_columns(rows, &COLUMNS, sink),
};
