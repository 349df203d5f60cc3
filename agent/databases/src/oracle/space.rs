//! Tablespaces against the size they may grow to, and the recovery area: the database stands still when that is full.

use crate::facts::row::Row;
use crate::facts::space;
use crate::view::View;

const SQL: &str = "\
SELECT 'tablespace', m.tablespace_name, m.used_percent / 100
  FROM dba_tablespace_usage_metrics m JOIN dba_tablespaces t ON t.tablespace_name = m.tablespace_name
 WHERE t.contents = 'PERMANENT' AND ROWNUM <= 200
 UNION ALL
SELECT 'recovery_area', 'recovery_area', (space_used - space_reclaimable) / space_limit
  FROM v$recovery_file_dest WHERE space_limit > 0";

pub(super) static VIEW: View<Row> = space::view("DBA_TABLESPACE_USAGE_METRICS", SQL);
