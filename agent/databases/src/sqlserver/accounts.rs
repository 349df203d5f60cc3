//! Logins that are enabled, with what is risky about them. Whether a password is a default one and when a login was used last is not to be
//! seen. A row without an account says that the risk was looked for.

use crate::facts::accounts;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT TOP (2001) risk, account
  FROM (SELECT 'superuser' AS risk, NULL AS account UNION ALL SELECT 'high_risk', NULL
         UNION ALL SELECT 'never_expires', NULL UNION ALL SELECT 'expired', NULL
         UNION ALL
        SELECT 'superuser', p.name FROM sys.server_principals p
          JOIN sys.server_role_members m ON m.member_principal_id = p.principal_id
          JOIN sys.server_principals r ON r.principal_id = m.role_principal_id AND r.name = 'sysadmin'
         WHERE p.type IN ('S', 'U', 'G') AND p.is_disabled = 0
         UNION ALL
        SELECT DISTINCT 'high_risk', p.name FROM sys.server_principals p
          JOIN sys.server_permissions g ON g.grantee_principal_id = p.principal_id
         WHERE p.type IN ('S', 'U', 'G') AND p.is_disabled = 0 AND g.state IN ('G', 'W') AND p.name NOT LIKE '##%'
           AND g.permission_name IN ('CONTROL SERVER', 'ALTER ANY LOGIN', 'IMPERSONATE ANY LOGIN', 'UNSAFE ASSEMBLY')
         UNION ALL
        SELECT 'never_expires', l.name FROM sys.sql_logins l
         WHERE l.is_disabled = 0 AND l.is_expiration_checked = 0 AND l.name NOT LIKE '##%'
         UNION ALL
        SELECT 'expired', l.name FROM sys.sql_logins l
         WHERE l.is_disabled = 0 AND LOGINPROPERTY(l.name, 'IsExpired') = 1) s";

pub(super) static VIEW: View<Row> = accounts::view("server_principals", SQL);
