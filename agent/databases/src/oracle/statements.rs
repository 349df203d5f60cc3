//! Statements by their signature, which is the same whatever literals stand in them.

use crate::facts::row::Row;
use crate::facts::statements;
use crate::view::View;

const SQL: &str = "\
SELECT signature, executions, seconds
  FROM (SELECT TO_CHAR(force_matching_signature) AS signature, SUM(executions) AS executions, SUM(elapsed_time) / 1000000 AS seconds
          FROM v$sqlstats WHERE force_matching_signature <> 0
         GROUP BY force_matching_signature ORDER BY SUM(elapsed_time) DESC)
 WHERE ROWNUM <= 20";

pub(super) static VIEW: View<Row> = statements::view("V$SQLSTATS", SQL);
