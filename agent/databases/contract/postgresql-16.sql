-- What PostgreSQL 16 has otherwise than 15, by its manual.
CREATE TABLE contract.pg_stat_user_indexes AS SELECT *, now() AS last_idx_scan FROM pg_catalog.pg_stat_user_indexes;
CREATE TABLE contract.pg_auth_members AS
  SELECT 1::oid AS oid, *, true AS inherit_option, true AS set_option FROM pg_catalog.pg_auth_members;
CREATE VIEW contract.pg_replication_slots AS SELECT *, false AS conflicting FROM pg_catalog.pg_replication_slots;
CREATE TABLE contract.pg_database AS SELECT *, ''::text AS daticurules FROM pg_catalog.pg_database;
