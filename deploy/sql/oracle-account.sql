-- The agent's account for Oracle Database 12.2 and later. Run as SYSDBA (sqlplus / as sysdba); in a multitenant database run it in the
-- root with the name C##WARDROUND and CONTAINER = ALL. Written from Oracle's documents; not run against a server.
-- Choose the password, and write it into the file that agent.toml names.
CREATE USER wardround IDENTIFIED BY "choose-a-password" DEFAULT TABLESPACE users QUOTA 0 ON users;
GRANT CREATE SESSION TO wardround;
-- Views of the instance and of the dictionary: no table of the business, no text of a statement.
BEGIN
  FOR v IN (SELECT column_value AS name FROM TABLE(sys.odcivarchar2list(
      'V_$INSTANCE', 'V_$DATABASE', 'V_$PDBS', 'V_$RESOURCE_LIMIT', 'V_$SESSION', 'V_$TRANSACTION', 'V_$DATAGUARD_STATS',
      'V_$MANAGED_STANDBY', 'V_$ARCHIVE_DEST_STATUS', 'V_$SYSSTAT', 'V_$SQLSTATS', 'V_$SYSTEM_PARAMETER', 'V_$PARAMETER',
      'V_$RECOVERY_FILE_DEST', 'V_$SESSION_CONNECT_INFO', 'DBA_TABLESPACE_USAGE_METRICS', 'DBA_TABLESPACES', 'DBA_USERS',
      'DBA_ROLE_PRIVS', 'DBA_SYS_PRIVS', 'DBA_PROFILES', 'DBA_USERS_WITH_DEFPWD', 'DBA_INDEXES', 'DBA_IND_PARTITIONS',
      'DBA_IND_COLUMNS', 'DBA_INDEX_USAGE', 'AUDIT_UNIFIED_ENABLED_POLICIES'))) LOOP
    EXECUTE IMMEDIATE 'GRANT SELECT ON sys.' || v.name || ' TO wardround';
  END LOOP;
END;
/
