//! Data Guard, seen from the standby. What was computed more than a minute ago says nothing of now.

use crate::facts::row::Row;
use crate::facts::standby;
use crate::view::View;

const SQL: &str = "\
SELECT d.db_unique_name,
       CASE WHEN EXISTS (SELECT 1 FROM v$managed_standby m WHERE m.process LIKE 'MRP%') THEN 1 ELSE 0 END,
       (SELECT EXTRACT(DAY FROM TO_DSINTERVAL(s.value)) * 86400 + EXTRACT(HOUR FROM TO_DSINTERVAL(s.value)) * 3600
               + EXTRACT(MINUTE FROM TO_DSINTERVAL(s.value)) * 60 + EXTRACT(SECOND FROM TO_DSINTERVAL(s.value))
          FROM v$dataguard_stats s
         WHERE s.name = 'apply lag' AND s.value IS NOT NULL
           AND TO_DATE(s.time_computed, 'MM/DD/YYYY HH24:MI:SS') > SYSDATE - 60 / 86400)
  FROM v$database d WHERE d.database_role <> 'PRIMARY'";

pub(super) static VIEW: View<Row> = standby::view("V$DATAGUARD_STATS", SQL);
