//! Processes of clients against their limit, age and role. A dedicated connection is a process; that limit is met first.

use crate::facts::row::Row;
use crate::facts::server;
use crate::view::View;

const SQL: &str = "\
SELECT (SELECT current_utilization FROM v$resource_limit WHERE resource_name = 'processes'),
       (SELECT CASE WHEN TRIM(limit_value) <> 'UNLIMITED' THEN TO_NUMBER(TRIM(limit_value)) END
          FROM v$resource_limit WHERE resource_name = 'processes'),
       ROUND((SYSDATE - i.startup_time) * 86400),
       CASE WHEN d.database_role = 'PRIMARY' THEN 0 ELSE 1 END
  FROM v$instance i CROSS JOIN v$database d";

pub(super) static VIEW: View<Row> = server::view("V$INSTANCE", SQL);
