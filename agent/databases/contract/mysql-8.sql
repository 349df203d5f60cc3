-- What MySQL 8.0.22 and later shows, by its reference manual (15.7.7 SHOW Statements, 28.4 INFORMATION_SCHEMA InnoDB Tables,
-- 29.12 Performance Schema Tables, 8.2.3 Grant Tables): names and kinds of columns as written there, rows made up. Loaded into a MariaDB by the test.
CREATE OR REPLACE DATABASE contract CHARACTER SET utf8mb4;
USE contract;
CREATE TABLE replica_status (
  Replica_IO_State TEXT, Source_Host TEXT, Source_User TEXT, Source_Port BIGINT, Connect_Retry BIGINT, Source_Log_File TEXT,
  Read_Source_Log_Pos BIGINT, Relay_Log_File TEXT, Relay_Log_Pos BIGINT, Relay_Source_Log_File TEXT, Replica_IO_Running TEXT,
  Replica_SQL_Running TEXT, Replicate_Do_DB TEXT, Replicate_Ignore_DB TEXT, Replicate_Do_Table TEXT, Replicate_Ignore_Table TEXT,
  Replicate_Wild_Do_Table TEXT, Replicate_Wild_Ignore_Table TEXT, Last_Errno BIGINT, Last_Error TEXT, Skip_Counter BIGINT,
  Exec_Source_Log_Pos BIGINT, Relay_Log_Space BIGINT, Until_Condition TEXT, Until_Log_File TEXT, Until_Log_Pos BIGINT,
  Source_SSL_Allowed TEXT, Source_SSL_CA_File TEXT, Source_SSL_CA_Path TEXT, Source_SSL_Cert TEXT, Source_SSL_Cipher TEXT,
  Source_SSL_Key TEXT, Seconds_Behind_Source BIGINT, Source_SSL_Verify_Server_Cert TEXT, Last_IO_Errno BIGINT, Last_IO_Error TEXT,
  Last_SQL_Errno BIGINT, Last_SQL_Error TEXT, Replicate_Ignore_Server_Ids TEXT, Source_Server_Id BIGINT, Source_UUID TEXT,
  Source_Info_File TEXT, SQL_Delay BIGINT, SQL_Remaining_Delay BIGINT, Replica_SQL_Running_State TEXT, Source_Retry_Count BIGINT,
  Source_Bind TEXT, Last_IO_Error_Timestamp TEXT, Last_SQL_Error_Timestamp TEXT, Source_SSL_Crl TEXT, Source_SSL_Crlpath TEXT,
  Retrieved_Gtid_Set TEXT, Executed_Gtid_Set TEXT, Auto_Position BIGINT, Replicate_Rewrite_DB TEXT, Channel_Name TEXT,
  Source_TLS_Version TEXT, Source_public_key_path TEXT, Get_Source_public_key BIGINT, Network_Namespace TEXT);
INSERT INTO replica_status (Source_Host, Replica_IO_Running, Replica_SQL_Running, Seconds_Behind_Source, Last_IO_Errno,
  Last_SQL_Errno, Replica_SQL_Running_State, Channel_Name) VALUES
  ('10.0.0.1', 'Yes', 'Yes', 7, 0, 0, 'Replica has read all relay log; waiting for more updates', ''),
  ('10.0.0.2', 'Connecting', 'No', NULL, 2003, 1062, '', 'lis');
CREATE TABLE binary_logs (Log_name TEXT, File_size BIGINT, Encrypted TEXT);
INSERT INTO binary_logs VALUES ('binlog.000001', 157, 'No'), ('binlog.000003', 1073741824, 'No'), ('binlog.000004', 0, 'No');
CREATE TABLE global_variables (VARIABLE_NAME VARCHAR(64), VARIABLE_VALUE VARCHAR(1024));
INSERT INTO global_variables VALUES ('binlog_expire_logs_seconds', '2592000'), ('log_bin', 'ON'), ('max_connections', '151'),
  ('audit_log_disable', 'OFF'), ('gtid_executed', 'a:1-7'), ('report_password', '4711'), ('sql_mode', 'STRICT_TRANS_TABLES'), ('server_uuid', 'b');
CREATE TABLE session_status (VARIABLE_NAME VARCHAR(64), VARIABLE_VALUE VARCHAR(1024));
INSERT INTO session_status VALUES ('Ssl_server_not_after', DATE_FORMAT(UTC_TIMESTAMP() + INTERVAL 90 DAY, '%b %e %H:%i:%s %Y GMT')),
  ('Ssl_server_not_before', 'Jan  1 00:00:00 2026 GMT');
CREATE TABLE data_lock_waits (ENGINE TEXT, REQUESTING_ENGINE_LOCK_ID VARCHAR(128), REQUESTING_ENGINE_TRANSACTION_ID BIGINT UNSIGNED,
  REQUESTING_THREAD_ID BIGINT UNSIGNED, REQUESTING_EVENT_ID BIGINT UNSIGNED, REQUESTING_OBJECT_INSTANCE_BEGIN BIGINT UNSIGNED,
  BLOCKING_ENGINE_LOCK_ID VARCHAR(128), BLOCKING_ENGINE_TRANSACTION_ID BIGINT UNSIGNED, BLOCKING_THREAD_ID BIGINT UNSIGNED,
  BLOCKING_EVENT_ID BIGINT UNSIGNED, BLOCKING_OBJECT_INSTANCE_BEGIN BIGINT UNSIGNED);
INSERT INTO data_lock_waits VALUES
  ('INNODB', '2:1', 102, 52, 1, 1, '1:1', 101, 51, 1, 1), ('INNODB', '3:1', 103, 53, 1, 1, '2:2', 102, 52, 1, 1);
CREATE TABLE data_locks (ENGINE TEXT, ENGINE_LOCK_ID VARCHAR(128), ENGINE_TRANSACTION_ID BIGINT UNSIGNED, THREAD_ID BIGINT UNSIGNED,
  EVENT_ID BIGINT UNSIGNED, OBJECT_SCHEMA VARCHAR(64), OBJECT_NAME VARCHAR(64), PARTITION_NAME TEXT, SUBPARTITION_NAME TEXT,
  INDEX_NAME TEXT, OBJECT_INSTANCE_BEGIN BIGINT UNSIGNED, LOCK_TYPE VARCHAR(32), LOCK_MODE VARCHAR(32), LOCK_STATUS VARCHAR(32),
  LOCK_DATA TEXT);
INSERT INTO data_locks VALUES
  ('INNODB', '2:1', 102, 52, 1, 'his', 'visit', NULL, NULL, 'PRIMARY', 1, 'RECORD', 'X,REC_NOT_GAP', 'WAITING', '4711'),
  ('INNODB', '3:1', 103, 53, 1, 'his', 'visit', NULL, NULL, 'PRIMARY', 1, 'RECORD', 'X,REC_NOT_GAP', 'WAITING', '4712');
CREATE TABLE INNODB_TRX (trx_id BIGINT UNSIGNED, trx_state VARCHAR(13), trx_started DATETIME, trx_requested_lock_id VARCHAR(126),
  trx_wait_started DATETIME, trx_weight BIGINT UNSIGNED, trx_mysql_thread_id BIGINT UNSIGNED, trx_query VARCHAR(1024));
INSERT INTO INNODB_TRX VALUES (101, 'RUNNING', NOW(), NULL, NULL, 1, 11, NULL),
  (102, 'LOCK WAIT', NOW(), '2:1', NOW() - INTERVAL 30 SECOND, 1, 12, 'patient-4711'),
  (103, 'LOCK WAIT', NOW(), '3:1', NOW() - INTERVAL 20 SECOND, 1, 13, 'patient-4711');
CREATE TABLE threads (THREAD_ID BIGINT UNSIGNED, NAME VARCHAR(128), TYPE VARCHAR(10), PROCESSLIST_ID BIGINT UNSIGNED,
  PROCESSLIST_USER VARCHAR(32), PROCESSLIST_HOST VARCHAR(255), PROCESSLIST_DB VARCHAR(64), PROCESSLIST_COMMAND VARCHAR(16),
  PROCESSLIST_TIME BIGINT, PROCESSLIST_STATE VARCHAR(64), PROCESSLIST_INFO LONGTEXT);
INSERT INTO threads VALUES
  (51, 'thread/sql/one_connection', 'FOREGROUND', 11, 'app', '10.0.3.7', 'his', 'Sleep', 40, NULL, NULL),
  (52, 'thread/sql/one_connection', 'FOREGROUND', 12, 'app', '10.0.3.8', 'his', 'Query', 30, 'updating', 'patient-4711'),
  (53, 'thread/sql/one_connection', 'FOREGROUND', 13, 'app', 'localhost', NULL, 'Query', 20, 'updating', 'patient-4711');
CREATE TABLE status_by_thread (THREAD_ID BIGINT UNSIGNED, VARIABLE_NAME VARCHAR(64), VARIABLE_VALUE VARCHAR(1024));
INSERT INTO status_by_thread VALUES (51, 'Ssl_cipher', 'TLS_AES_256_GCM_SHA384'), (52, 'Ssl_cipher', ''), (53, 'Ssl_cipher', '');
CREATE TABLE tls_channel_status (CHANNEL VARCHAR(128), PROPERTY VARCHAR(128), VALUE VARCHAR(2048));
INSERT INTO tls_channel_status VALUES ('mysql_main', 'Enabled', 'Yes'), ('mysql_main', 'ssl_accept_renegotiates', '0'),
  ('mysql_admin', 'Enabled', 'No');
CREATE TABLE events_statements_summary_by_digest (SCHEMA_NAME VARCHAR(64), DIGEST VARCHAR(64), DIGEST_TEXT LONGTEXT,
  COUNT_STAR BIGINT UNSIGNED, SUM_TIMER_WAIT BIGINT UNSIGNED, SUM_ROWS_SENT BIGINT UNSIGNED, QUERY_SAMPLE_TEXT LONGTEXT);
INSERT INTO events_statements_summary_by_digest VALUES
  ('his', 'd1', 'SELECT ?', 5, 3000000000000, 5, 'patient-4711'), (NULL, NULL, NULL, 1, 1, 1, NULL);
CREATE TABLE INNODB_METRICS (NAME VARCHAR(193), SUBSYSTEM VARCHAR(193), COUNT BIGINT, STATUS VARCHAR(193));
INSERT INTO INNODB_METRICS VALUES ('lock_deadlocks', 'lock', 2, 'enabled'), ('lock_timeouts', 'lock', 9, 'enabled');
CREATE TABLE accounts (USER CHAR(32), HOST CHAR(255), CURRENT_CONNECTIONS BIGINT, TOTAL_CONNECTIONS BIGINT);
INSERT INTO accounts VALUES (NULL, NULL, 43, 50), ('app', '10.0.3.7', 1, 7), ('app', '10.0.3.8', 1, 2);
CREATE TABLE user (Host CHAR(255), User CHAR(32), Super_priv CHAR(1), Shutdown_priv CHAR(1), File_priv CHAR(1), Grant_priv CHAR(1),
  Create_user_priv CHAR(1), plugin CHAR(64), authentication_string TEXT, password_expired CHAR(1), password_last_changed TIMESTAMP NULL,
  password_lifetime SMALLINT UNSIGNED, account_locked CHAR(1));
INSERT INTO user VALUES
  ('localhost', 'root', 'Y', 'Y', 'Y', 'Y', 'Y', 'caching_sha2_password', 'h', 'N', NOW(), 90, 'N'),
  ('%', 'app', 'N', 'N', 'N', 'N', 'N', 'caching_sha2_password', 'h', 'N', NOW(), NULL, 'N'),
  ('10.0.0.9', 'clerk', 'N', 'N', 'N', 'N', 'N', 'caching_sha2_password', '', 'N', NOW() - INTERVAL 91 DAY, 90, 'N'),
  ('10.0.0.9', 'backup', 'N', 'N', 'N', 'N', 'N', 'caching_sha2_password', 'h', 'Y', NOW(), 90, 'N'),
  ('10.0.0.9', 'loader', 'N', 'N', 'Y', 'N', 'N', 'mysql_native_password', 'h', 'N', NOW(), 90, 'N'),
  ('localhost', 'mysql.sys', 'Y', 'N', 'N', 'N', 'N', 'caching_sha2_password', 'h', 'N', NOW(), NULL, 'Y');
CREATE TABLE global_grants (USER CHAR(32), HOST CHAR(255), PRIV CHAR(32), WITH_GRANT_OPTION CHAR(1));
INSERT INTO global_grants VALUES ('backup', '10.0.0.9', 'CLONE_ADMIN', 'N'), ('app', '%', 'AUDIT_ABORT_EXEMPT', 'N');
INSERT INTO global_variables VALUES ('default_password_lifetime', '0');
CREATE TABLE INNODB_TABLESPACES (SPACE INT UNSIGNED, NAME VARCHAR(655), FLAG INT UNSIGNED, ROW_FORMAT VARCHAR(22), SPACE_TYPE VARCHAR(10),
  ENCRYPTION VARCHAR(1), STATE VARCHAR(10));
INSERT INTO INNODB_TABLESPACES VALUES (4294967294, 'mysql', 18432, 'Any', 'General', 'N', 'normal'), (1, 'sys/sys_config', 16417, 'Dynamic', 'Single', 'N', 'normal'),
  (2, 'his/visit', 16417, 'Dynamic', 'Single', 'N', 'normal'), (3, 'his/person', 24609, 'Dynamic', 'Single', 'Y', 'normal'),
  (4, 'innodb_undo_001', 0, 'Undo', 'Undo', 'N', 'active');
CREATE TABLE INNODB_TABLES (TABLE_ID BIGINT UNSIGNED, NAME VARCHAR(655), FLAG INT, N_COLS INT, SPACE BIGINT);
INSERT INTO INNODB_TABLES VALUES (1064, 'his/visit', 33, 6, 2), (20, 'mysql/user', 33, 6, 4294967294);
CREATE TABLE INNODB_INDEXES (INDEX_ID BIGINT UNSIGNED, NAME VARCHAR(193), TABLE_ID BIGINT UNSIGNED, TYPE INT, N_FIELDS INT);
INSERT INTO INNODB_INDEXES VALUES (150, 'PRIMARY', 1064, 3, 6), (151, 'by_day', 1064, 0, 2), (152, 'by_day_dept', 1064, 0, 3),
  (153, 'words', 1064, 32, 2), (2, 'PRIMARY', 20, 3, 6);
CREATE TABLE INNODB_FIELDS (INDEX_ID BIGINT UNSIGNED, NAME VARCHAR(193), POS BIGINT UNSIGNED);
INSERT INTO INNODB_FIELDS VALUES (150, 'id', 0), (151, 'day', 0), (152, 'day', 0), (152, 'dept', 1), (153, 'note', 0), (2, 'Host', 0);
CREATE TABLE table_io_waits_summary_by_index_usage (OBJECT_TYPE VARCHAR(64), OBJECT_SCHEMA VARCHAR(64), OBJECT_NAME VARCHAR(64),
  INDEX_NAME VARCHAR(64), COUNT_STAR BIGINT UNSIGNED);
INSERT INTO table_io_waits_summary_by_index_usage VALUES ('TABLE', 'his', 'visit', 'PRIMARY', 9), ('TABLE', 'his', 'visit', 'by_day', 0),
  ('TABLE', 'his', 'visit', 'by_day_dept', 4), ('TABLE', 'his', 'visit', NULL, 7);
