-- What PostgreSQL 13 has otherwise than 15, by its manual (52. System Catalogs, 27.2 The Statistics Collector).
-- The schema `contract` stands before pg_catalog; what is not here is as in 15.
CREATE TABLE contract.pg_locks AS TABLE pg_catalog.pg_locks;
ALTER TABLE contract.pg_locks DROP COLUMN waitstart;
CREATE TABLE contract.pg_stat_activity AS TABLE pg_catalog.pg_stat_activity;
ALTER TABLE contract.pg_stat_activity DROP COLUMN query_id;
CREATE VIEW contract.pg_replication_slots AS
  SELECT slot_name, plugin, slot_type, datoid, database, temporary, active, active_pid, xmin, catalog_xmin, restart_lsn,
         confirmed_flush_lsn, wal_status, safe_wal_size
    FROM pg_catalog.pg_replication_slots;
CREATE TABLE contract.pg_stat_database AS TABLE pg_catalog.pg_stat_database;
ALTER TABLE contract.pg_stat_database DROP COLUMN session_time, DROP COLUMN active_time,
  DROP COLUMN idle_in_transaction_time, DROP COLUMN sessions, DROP COLUMN sessions_abandoned,
  DROP COLUMN sessions_fatal, DROP COLUMN sessions_killed;
CREATE TABLE contract.pg_stat_ssl AS TABLE pg_catalog.pg_stat_ssl;
ALTER TABLE contract.pg_stat_ssl ADD COLUMN compression bool;
CREATE TABLE contract.pg_database AS TABLE pg_catalog.pg_database;
ALTER TABLE contract.pg_database DROP COLUMN datlocprovider, DROP COLUMN daticulocale, DROP COLUMN datcollversion,
  ADD COLUMN datlastsysoid oid;
CREATE TABLE contract.pg_index AS TABLE pg_catalog.pg_index;
ALTER TABLE contract.pg_index DROP COLUMN indnullsnotdistinct;
