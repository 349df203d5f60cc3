-- What PostgreSQL 14 has otherwise than 15, by its manual.
CREATE TABLE contract.pg_database AS TABLE pg_catalog.pg_database;
ALTER TABLE contract.pg_database DROP COLUMN datlocprovider, DROP COLUMN daticulocale, DROP COLUMN datcollversion,
  ADD COLUMN datlastsysoid oid;
CREATE TABLE contract.pg_index AS TABLE pg_catalog.pg_index;
ALTER TABLE contract.pg_index DROP COLUMN indnullsnotdistinct;
