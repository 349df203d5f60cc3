//! Sessions whose network layer has no encryption, tablespaces in the clear, audit policies that are on.

use crate::facts::encryption;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT (SELECT COUNT(DISTINCT c.sid) FROM v$session_connect_info c
         WHERE c.network_service_banner LIKE 'TCP/IP NT Protocol Adapter%'
           AND NOT EXISTS (SELECT 1 FROM v$session_connect_info e
                            WHERE e.sid = c.sid AND e.network_service_banner LIKE '%ncryption service adapter%')),
       (SELECT COUNT(*) FROM dba_tablespaces
         WHERE encrypted = 'NO' AND contents = 'PERMANENT' AND tablespace_name NOT IN ('SYSTEM', 'SYSAUX')),
       (SELECT COUNT(*) FROM audit_unified_enabled_policies)
       + (SELECT COUNT(*) FROM v$parameter WHERE name = 'audit_trail' AND value NOT IN ('NONE', 'FALSE'))
  FROM dual";

pub(super) static VIEW: View<Row> = encryption::view("V$SESSION_CONNECT_INFO", SQL);
