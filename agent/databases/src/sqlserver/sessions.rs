//! Open transactions of clients.

use crate::facts::row::Row;
use crate::facts::sessions;
use crate::view::View;

const SQL: &str = "\
SELECT COUNT(*),
       COALESCE(SUM(CASE WHEN s.status = 'sleeping' AND s.last_request_end_time < DATEADD(SECOND, -10, SYSDATETIME()) THEN 1 ELSE 0 END), 0),
       COALESCE(MAX(DATEDIFF(SECOND, t.transaction_begin_time, SYSDATETIME())), 0)
  FROM sys.dm_tran_active_transactions t
  JOIN sys.dm_tran_session_transactions x ON x.transaction_id = t.transaction_id
  JOIN sys.dm_exec_sessions s ON s.session_id = x.session_id
 WHERE s.is_user_process = 1 AND t.transaction_begin_time < DATEADD(SECOND, -10, SYSDATETIME())";

pub(super) static VIEW: View<Row> = sessions::view("dm_tran_active_transactions", SQL);
