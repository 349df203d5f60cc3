//! Who waits for whom. A negative number of a blocker stands for what is no session: an orphaned transaction, a latch.

use crate::facts::blocking;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT TOP (2001) r.session_id, r.blocking_session_id, r.wait_time / 1000.0,
       CONCAT(s.login_name, '@', DB_NAME(r.database_id), ' ', s.host_name), CONCAT('waits for ', r.wait_type),
       CASE WHEN b.session_id IS NOT NULL
            THEN CONCAT(b.login_name, '@', DB_NAME(b.database_id), ' ', b.host_name, ', ',
                        CASE WHEN b.status <> 'sleeping' THEN 'active' WHEN b.open_transaction_count = 0 THEN 'idle'
                             ELSE 'idle in transaction' END) END
  FROM sys.dm_exec_requests r
  JOIN sys.dm_exec_sessions s ON s.session_id = r.session_id
  LEFT JOIN sys.dm_exec_sessions b ON b.session_id = r.blocking_session_id
 WHERE r.blocking_session_id <> 0 AND r.blocking_session_id <> r.session_id";

pub(super) static VIEW: View<Row> = blocking::view("dm_exec_requests", SQL);
