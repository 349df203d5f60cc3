//! Who waits for whom in this instance. Of a blocker in another instance of a cluster only the number is known.

use crate::facts::blocking;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT w.sid, w.blocking_session, w.wait_time_micro / 1000000,
       w.username || '@' || w.service_name || ' ' || w.machine, 'waits for ' || w.event,
       (SELECT b.username || '@' || b.service_name || ' ' || b.machine || ', '
               || CASE WHEN b.status <> 'INACTIVE' THEN 'active' WHEN b.taddr IS NULL THEN 'idle' ELSE 'idle in transaction' END
          FROM v$session b WHERE b.sid = w.blocking_session AND w.blocking_instance = SYS_CONTEXT('USERENV', 'INSTANCE'))
  FROM v$session w WHERE w.blocking_session IS NOT NULL AND ROWNUM <= 2001";

pub(super) static VIEW: View<Row> = blocking::view("V$SESSION", SQL);
