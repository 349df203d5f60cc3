//! Statistics of the instance since its start.

use crate::facts::counters;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT SUM(CASE name WHEN 'enqueue deadlocks' THEN value END), SUM(CASE name WHEN 'session logical reads' THEN value END),
       SUM(CASE name WHEN 'physical reads cache' THEN value END), SUM(CASE name WHEN 'table fetch by rowid' THEN value END),
       SUM(CASE name WHEN 'table scan rows gotten' THEN value END)
  FROM v$sysstat
 WHERE name IN ('enqueue deadlocks', 'session logical reads', 'physical reads cache', 'table fetch by rowid', 'table scan rows gotten')";

pub(super) static VIEW: View<Row> = counters::view("V$SYSSTAT", SQL);
