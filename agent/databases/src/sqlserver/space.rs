//! Logs of the databases, and the volumes under their files.

use crate::facts::row::Row;
use crate::facts::space;
use crate::view::View;

const SQL: &str = "\
SELECT TOP (201) kind, name, used
  FROM (SELECT 'log' AS kind, RTRIM(instance_name) AS name, cntr_value / 100.0 AS used
          FROM sys.dm_os_performance_counters
         WHERE counter_name = 'Percent Log Used' AND instance_name NOT IN ('_Total', 'mssqlsystemresource')
         UNION ALL
        SELECT DISTINCT 'volume', COALESCE(v.volume_mount_point, '?'), 1 - 1.0 * v.available_bytes / v.total_bytes
          FROM sys.master_files f CROSS APPLY sys.dm_os_volume_stats(f.database_id, f.file_id) v
         WHERE v.total_bytes > 0) s";

pub(super) static VIEW: View<Row> = space::view("dm_os_volume_stats", SQL);
