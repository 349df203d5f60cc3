//! The database and its pluggable ones. A standby is open when it is read-only.

use crate::facts::databases;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT name, CASE WHEN open_mode = 'READ WRITE' OR (database_role <> 'PRIMARY' AND open_mode LIKE 'READ ONLY%') THEN 1 ELSE 0 END
  FROM v$database
 UNION ALL
SELECT name, CASE WHEN open_mode LIKE 'READ %' THEN 1 ELSE 0 END FROM v$pdbs WHERE name <> 'PDB$SEED' AND ROWNUM <= 64";

pub(super) static VIEW: View<Row> = databases::view("V$DATABASE", SQL);
