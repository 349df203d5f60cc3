-- The agent's account on PostgreSQL 12 and later. Run once as a superuser on the primary, after replacing CHANGE-ME.
-- It sees counters, sessions, settings and replication; it reads no table of the business and no password hash.
CREATE ROLE wardround LOGIN PASSWORD 'CHANGE-ME' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 6;
GRANT pg_monitor TO wardround;
ALTER ROLE wardround SET default_transaction_read_only = on;
-- Slow statements by fingerprint, in each database that an agent connects to (needs shared_preload_libraries = 'pg_stat_statements'):
-- CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public;
-- Risky rules of pg_hba.conf, in the database that an agent connects to:
-- GRANT SELECT ON pg_hba_file_rules TO wardround; GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO wardround;
-- Sequences that come to their end, in each schema of the business:
-- GRANT SELECT ON ALL SEQUENCES IN SCHEMA his TO wardround;
