//! Databases of availability groups, seen from the secondary. Where the lag is not said, what waits to be applied and the rate of it tell
//! how long that takes.

use crate::facts::row::Row;
use crate::facts::standby;
use crate::view::View;

const SQL: &str = "\
SELECT TOP (65) DB_NAME(r.database_id),
       CASE WHEN r.synchronization_state IN (1, 2) AND r.is_suspended = 0 THEN 1 ELSE 0 END,
       COALESCE(r.secondary_lag_seconds,
                CASE WHEN r.redo_queue_size = 0 THEN 0 WHEN r.redo_rate > 0 THEN 1.0 * r.redo_queue_size / r.redo_rate END)
  FROM sys.dm_hadr_database_replica_states r
 WHERE r.is_local = 1 AND r.is_primary_replica = 0";

pub(super) static VIEW: View<Row> = standby::view("dm_hadr_database_replica_states", SQL);
