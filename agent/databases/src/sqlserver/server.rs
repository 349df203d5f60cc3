//! Sessions of clients against their limit, age and role. An instance with local secondaries alone is a standby.

use crate::facts::row::Row;
use crate::facts::server;
use crate::view::View;

const SQL: &str = "\
SELECT (SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE is_user_process = 1), @@MAX_CONNECTIONS,
       DATEDIFF(SECOND, i.sqlserver_start_time, SYSDATETIME()),
       CASE WHEN EXISTS (SELECT 1 FROM sys.dm_hadr_database_replica_states WHERE is_local = 1 AND is_primary_replica = 0)
             AND NOT EXISTS (SELECT 1 FROM sys.dm_hadr_database_replica_states WHERE is_local = 1 AND is_primary_replica = 1)
            THEN 1 ELSE 0 END
  FROM sys.dm_os_sys_info i";

pub(super) static VIEW: View<Row> = server::view("dm_os_sys_info", SQL);
