-- The agent's account on MySQL 8.0 and later. Run once as an administrator on the primary, after replacing CHANGE-ME.
-- It sees counters, sessions, locks and replication; it reads no table of the business and no password hash.
CREATE USER IF NOT EXISTS 'wardround'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME' WITH MAX_USER_CONNECTIONS 4;
GRANT PROCESS, REPLICATION CLIENT ON *.* TO 'wardround'@'127.0.0.1';
GRANT SELECT ON performance_schema.* TO 'wardround'@'127.0.0.1';
CREATE DATABASE IF NOT EXISTS wardround;
-- Who can log in, and who can do more than they should: names and risks, never a hash. Roles are locked accounts.
CREATE OR REPLACE SQL SECURITY DEFINER VIEW wardround.account_risks AS
WITH a AS (
  SELECT u.User AS user, u.Host AS host, u.Super_priv = 'Y' AS is_super,
         'Y' IN (u.Shutdown_priv, u.File_priv, u.Grant_priv, u.Create_user_priv) OR EXISTS (
           SELECT 1 FROM mysql.global_grants g
            WHERE g.USER = u.User AND g.HOST = u.Host
              AND g.PRIV IN ('BINLOG_ADMIN', 'CLONE_ADMIN', 'ROLE_ADMIN', 'SET_ANY_DEFINER', 'SET_USER_ID', 'SYSTEM_USER',
                             'SYSTEM_VARIABLES_ADMIN')) AS is_risky,
         u.plugin AS plugin, COALESCE(u.authentication_string, '') AS secret, u.password_expired AS expired,
         u.password_last_changed AS changed,
         COALESCE(u.password_lifetime, (
           SELECT v.VARIABLE_VALUE + 0 FROM performance_schema.global_variables v
            WHERE v.VARIABLE_NAME = 'default_password_lifetime')) AS lifetime_days
    FROM mysql.user u
   WHERE u.account_locked = 'N')
SELECT 'superuser' AS risk, user, host FROM a WHERE is_super
UNION ALL SELECT 'high_risk', user, host FROM a WHERE NOT is_super AND is_risky
UNION ALL SELECT 'never_expires', user, host FROM a WHERE lifetime_days = 0
UNION ALL SELECT 'expired', user, host FROM a WHERE expired = 'Y'
   OR lifetime_days > 0 AND changed + INTERVAL lifetime_days DAY < NOW()
UNION ALL SELECT 'no_password', user, host FROM a
   WHERE secret = '' AND plugin IN ('caching_sha2_password', 'mysql_native_password', 'sha256_password')
UNION ALL SELECT 'any_host', user, host FROM a WHERE host IN ('%', '')
UNION ALL SELECT 'login', user, host FROM a;
GRANT SELECT ON wardround.account_risks TO 'wardround'@'127.0.0.1';
