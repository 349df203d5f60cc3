-- The agent's account on MariaDB 10.5 and later. Run once as an administrator on the primary, after replacing CHANGE-ME.
-- It sees counters, sessions, locks and replication; it reads no table of the business and no password hash.
CREATE USER IF NOT EXISTS 'wardround'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME' WITH MAX_USER_CONNECTIONS 4;
GRANT PROCESS, BINLOG MONITOR, SLAVE MONITOR ON *.* TO 'wardround'@'127.0.0.1';
GRANT SELECT ON performance_schema.* TO 'wardround'@'127.0.0.1';
CREATE DATABASE IF NOT EXISTS wardround;
-- Who can log in, and who can do more than they should: names and risks, never a hash. Bits of `access` are the server's (privilege.h): 5 drop,
-- 7 shutdown, 9 file, 10 grant, 15 super, 25 create user.
CREATE OR REPLACE SQL SECURITY DEFINER VIEW wardround.account_risks AS
WITH a AS (
  SELECT User AS user, Host AS host,
         CAST(COALESCE(JSON_VALUE(Priv, '$.access'), '0') AS UNSIGNED) AS access,
         COALESCE(JSON_VALUE(Priv, '$.plugin'), '') AS plugin,
         COALESCE(JSON_VALUE(Priv, '$.authentication_string'), '') AS secret,
         JSON_EXISTS(Priv, '$.auth_or') AS alternatives,
         COALESCE(NULLIF(COALESCE(JSON_VALUE(Priv, '$.password_lifetime'), '-1') + 0, -1), (
           SELECT VARIABLE_VALUE + 0 FROM information_schema.GLOBAL_VARIABLES
            WHERE VARIABLE_NAME = 'DEFAULT_PASSWORD_LIFETIME')) AS lifetime_days,
         JSON_VALUE(Priv, '$.password_last_changed') + 0 AS changed
    FROM mysql.global_priv
   WHERE COALESCE(JSON_VALUE(Priv, '$.is_role'), '0') NOT IN ('1', 'true')
     AND COALESCE(JSON_VALUE(Priv, '$.account_locked'), '0') NOT IN ('1', 'true')
     AND User <> 'mariadb.sys' AND COALESCE(JSON_VALUE(Priv, '$.authentication_string'), '') <> 'invalid')
SELECT 'superuser' AS risk, user, host FROM a WHERE access & (1 << 15)
UNION ALL SELECT 'high_risk', user, host FROM a WHERE NOT access & (1 << 15)
   AND access & ((1 << 7) | (1 << 9) | (1 << 10) | (1 << 25))
UNION ALL SELECT 'never_expires', user, host FROM a WHERE lifetime_days = 0
UNION ALL SELECT 'expired', user, host FROM a WHERE changed = 0
   OR lifetime_days > 0 AND changed + lifetime_days * 86400 < UNIX_TIMESTAMP()
UNION ALL SELECT 'no_password', user, host FROM a
   WHERE secret = '' AND plugin IN ('', 'mysql_native_password', 'ed25519') AND NOT alternatives
UNION ALL SELECT 'any_host', user, host FROM a WHERE host IN ('%', '')
UNION ALL SELECT 'login', user, host FROM a;
GRANT SELECT ON wardround.account_risks TO 'wardround'@'127.0.0.1';
