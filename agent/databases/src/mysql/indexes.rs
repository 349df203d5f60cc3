//! Indexes that cost writes and help nobody (clause 3.3 无冗余、无效索引). Their columns are read out of InnoDB's dictionary, for which
//! no right to any table is needed.

use super::row::{Row, text};
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError, bounded};
use agent_probe::Sink;
use shared_model::{Metric, Unit, topic};

// Redundant is an index whose columns another one of the table begins with; types are bits: 1 clustered, 2 unique, 32 full text
// (fil0fil.h, DICT_*). Unused is what no statement has used since the server was started; unknown without performance_schema.
macro_rules! statement {
    ($sys:literal) => {
        concat!(
            "\
WITH i AS (
  SELECT x.TABLE_ID, x.INDEX_ID, x.NAME, x.TYPE, t.NAME AS tbl,
         GROUP_CONCAT(f.NAME ORDER BY f.POS SEPARATOR ',') AS cols
    FROM information_schema.INNODB_",
            $sys,
            "INDEXES x
    JOIN information_schema.INNODB_",
            $sys,
            "FIELDS f USING (INDEX_ID)
    JOIN information_schema.INNODB_",
            $sys,
            "TABLES t ON t.TABLE_ID = x.TABLE_ID
   WHERE t.NAME NOT LIKE 'mysql/%' AND t.NAME NOT LIKE 'sys/%' AND x.TYPE & 32 = 0
   GROUP BY x.INDEX_ID, x.TABLE_ID, x.NAME, x.TYPE, t.NAME)
SELECT DISTINCT 'redundant', CONCAT(REPLACE(r.tbl, '/', '.'), '.', r.NAME)
  FROM i r JOIN i k ON k.TABLE_ID = r.TABLE_ID AND k.INDEX_ID <> r.INDEX_ID
   AND LEFT(CONCAT(k.cols, ','), CHAR_LENGTH(r.cols) + 1) = CONCAT(r.cols, ',')
 WHERE r.TYPE & 1 = 0 AND (r.TYPE & 2 = 0 OR (r.cols = k.cols AND k.TYPE & 2 = 2))
   AND (r.cols <> k.cols OR k.TYPE & 1 = 1 OR (k.TYPE & 2) > (r.TYPE & 2)
        OR (k.TYPE & 2 = r.TYPE & 2 AND r.INDEX_ID > k.INDEX_ID))
UNION ALL
SELECT 'unused', CONCAT(u.OBJECT_SCHEMA, '.', u.OBJECT_NAME, '.', u.INDEX_NAME)
  FROM performance_schema.table_io_waits_summary_by_index_usage u
  JOIN i ON i.tbl = CONCAT(u.OBJECT_SCHEMA, '/', u.OBJECT_NAME) AND i.NAME = u.INDEX_NAME
 WHERE @@performance_schema AND u.COUNT_STAR = 0 AND i.TYPE & 3 = 0
UNION ALL
SELECT 'counted', 'unused' FROM DUAL WHERE @@performance_schema
 LIMIT 2001"
        )
    };
}

/// The most indexes that are read.
const INDEXES_MAX: usize = 2_000;

/// The most of a fault that are named.
const NAMED_MAX: usize = 10;

static COUNT: Metric = gauge(
    "wardround_mysql_indexes",
    Unit::None,
    "Indexes by fault: redundant (another one serves the same), unused (not used since the server was started).",
    "INNODB_SYS_INDEXES, INNODB_SYS_FIELDS (MariaDB), INNODB_INDEXES, INNODB_FIELDS (MySQL), table_io_waits_summary_by_index_usage",
);

/// Read at each inspection.
pub(super) static VIEW_MARIADB: View<Row> = View {
    name: "INNODB_INDEXES",
    sql: statement!("SYS_"),
    metrics: &[&COUNT],
    pace: Pace::Inspection,
    emit,
};
/// Read at each inspection.
pub(super) static VIEW_MYSQL: View<Row> = View { sql: statement!(""), ..VIEW_MARIADB };

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, INDEXES_MAX, "indexes with a fault");
    let named = |kind: &'static str| {
        rows.iter().filter(move |row| text(row, 0) == Some(kind)).filter_map(|row| text(row, 1))
    };
    let counts_use = named("counted").next().is_some();
    let mut lines = Vec::new();
    for kind in ["redundant", "unused"] {
        if kind == "redundant" || counts_use {
            sink.put(&COUNT, &[("kind", kind)], named(kind).count() as f64);
        }
        lines.extend(named(kind).take(NAMED_MAX).map(|index| format!("{kind}: {index}")));
    }
    sink.show(topic::INDEXES, lines);
    complaint
}
