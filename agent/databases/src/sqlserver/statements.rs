//! Statements by the hash of their shape, which is the same whatever literals stand in them.

use crate::facts::row::Row;
use crate::facts::statements;
use crate::view::View;

const SQL: &str = "\
SELECT TOP (20) CONVERT(varchar(18), query_hash, 1), SUM(execution_count), SUM(total_elapsed_time) / 1000000.0
  FROM sys.dm_exec_query_stats GROUP BY query_hash ORDER BY SUM(total_elapsed_time) DESC";

pub(super) static VIEW: View<Row> = statements::view("dm_exec_query_stats", SQL);
