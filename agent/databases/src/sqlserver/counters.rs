//! Counters of the instance since its start. Those named per second are totals as this view has them.

use crate::facts::counters;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT SUM(CASE WHEN counter_name = 'Number of Deadlocks/sec' AND instance_name = '_Total' THEN cntr_value END),
       SUM(CASE WHEN counter_name = 'Page lookups/sec' THEN cntr_value END),
       SUM(CASE WHEN counter_name = 'Page reads/sec' THEN cntr_value END),
       SUM(CASE WHEN counter_name = 'Index Searches/sec' THEN cntr_value END),
       SUM(CASE WHEN counter_name = 'Full Scans/sec' THEN cntr_value END)
  FROM sys.dm_os_performance_counters
 WHERE counter_name IN ('Number of Deadlocks/sec', 'Page lookups/sec', 'Page reads/sec', 'Index Searches/sec', 'Full Scans/sec')
   AND object_name NOT LIKE '%Buffer Node%'";

pub(super) static VIEW: View<Row> = counters::view("dm_os_performance_counters", SQL);
