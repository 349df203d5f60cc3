//! Open transactions of this instance.

use crate::facts::row::Row;
use crate::facts::sessions;
use crate::view::View;

const SQL: &str = "\
SELECT COUNT(*), COALESCE(SUM(CASE WHEN s.status = 'INACTIVE' AND s.last_call_et >= 10 THEN 1 ELSE 0 END), 0),
       COALESCE(MAX(ROUND((SYSDATE - t.start_date) * 86400)), 0)
  FROM v$transaction t JOIN v$session s ON s.taddr = t.addr
 WHERE t.start_date < SYSDATE - 10 / 86400";

pub(super) static VIEW: View<Row> = sessions::view("V$TRANSACTION", SQL);
