//! Accounts that are open, with what is risky about them. Of the server's own accounts only the administrators count. A row without
//! an account says that the risk was looked for.

use crate::facts::accounts;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT risk, account
  FROM (SELECT 'superuser' AS risk, NULL AS account FROM dual UNION ALL SELECT 'high_risk', NULL FROM dual
         UNION ALL SELECT 'never_expires', NULL FROM dual UNION ALL SELECT 'expired', NULL FROM dual
         UNION ALL SELECT 'default_password', NULL FROM dual UNION ALL SELECT 'idle', NULL FROM dual
         UNION ALL
        SELECT 'superuser', u.username FROM dba_users u
         WHERE u.account_status = 'OPEN'
           AND EXISTS (SELECT 1 FROM dba_role_privs r WHERE r.grantee = u.username AND r.granted_role = 'DBA')
         UNION ALL
        SELECT 'high_risk', u.username FROM dba_users u
         WHERE u.account_status = 'OPEN' AND u.oracle_maintained = 'N'
           AND EXISTS (SELECT 1 FROM dba_sys_privs p
                        WHERE p.grantee = u.username
                          AND (p.privilege LIKE '% ANY %' OR p.privilege IN ('ALTER SYSTEM', 'ALTER DATABASE', 'BECOME USER', 'EXEMPT ACCESS POLICY')))
         UNION ALL
        SELECT 'never_expires', u.username FROM dba_users u
         WHERE u.account_status = 'OPEN' AND u.oracle_maintained = 'N'
           AND EXISTS (SELECT 1 FROM dba_profiles f
                        WHERE f.profile = u.profile AND f.resource_name = 'PASSWORD_LIFE_TIME' AND f.limit = 'UNLIMITED')
         UNION ALL
        SELECT 'expired', u.username FROM dba_users u
         WHERE u.account_status IN ('EXPIRED', 'EXPIRED(GRACE)') AND u.oracle_maintained = 'N'
         UNION ALL
        SELECT 'default_password', u.username FROM dba_users u JOIN dba_users_with_defpwd d ON d.username = u.username
         WHERE u.account_status = 'OPEN'
         UNION ALL
        SELECT 'idle', u.username FROM dba_users u
         WHERE u.account_status = 'OPEN' AND u.oracle_maintained = 'N' AND COALESCE(CAST(u.last_login AS DATE), u.created) < SYSDATE - 90)
 WHERE ROWNUM <= 2001";

pub(super) static VIEW: View<Row> = accounts::view("DBA_USERS", SQL);
