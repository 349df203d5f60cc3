-- What PostgreSQL 17 has otherwise than 15, by its manual.
CREATE TABLE contract.pg_stat_user_indexes AS SELECT *, now() AS last_idx_scan FROM pg_catalog.pg_stat_user_indexes;
CREATE TABLE contract.pg_auth_members AS
  SELECT 1::oid AS oid, *, true AS inherit_option, true AS set_option FROM pg_catalog.pg_auth_members;
CREATE VIEW contract.pg_replication_slots AS
  SELECT *, now() AS inactive_since, false AS conflicting, ''::text AS invalidation_reason, false AS failover, false AS synced
    FROM pg_catalog.pg_replication_slots;
CREATE TABLE contract.pg_database AS
  SELECT *, ''::text AS datlocale, ''::text AS daticurules, false AS dathasloginevt FROM pg_catalog.pg_database;
ALTER TABLE contract.pg_database DROP COLUMN daticulocale;
CREATE TABLE contract.pg_stat_bgwriter AS
  SELECT buffers_clean, maxwritten_clean, buffers_alloc, stats_reset FROM pg_catalog.pg_stat_bgwriter;
CREATE TABLE contract.pg_stat_checkpointer AS
  SELECT checkpoints_timed AS num_timed, checkpoints_req AS num_requested, 0::bigint AS restartpoints_timed, 0::bigint AS restartpoints_req,
         0::bigint AS restartpoints_done, checkpoint_write_time AS write_time, checkpoint_sync_time AS sync_time,
         buffers_checkpoint AS buffers_written, stats_reset FROM pg_catalog.pg_stat_bgwriter;
