// A throwaway PostgreSQL 15 primary with a streaming standby, on loopback with ports of its own.

import { appendFileSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DIR } from "./state.mjs";
import { run, start, stop, until } from "./process.mjs";

const BIN = "/usr/lib/postgresql/15/bin";
const AS = ["--reuid=postgres", "--regid=postgres", "--init-groups", "--"];

const as = (program, args, options) => run("setpriv", [...AS, path.join(BIN, program), ...args], { cwd: "/", ...options });
const dataOf = (role) => path.join(DIR, "pg", role);

export function psql(port, sql, { user = "postgres", database = "postgres" } = {}) {
  const socket = path.join(DIR, "pg", "sock");
  return as("psql", ["-qAtX", "-v", "ON_ERROR_STOP=1", "-h", socket, "-p", String(port), "-U", user, "-d", database, "-f", "-"], { input: sql });
}

export async function create(ports, monitorPassword) {
  const base = path.join(DIR, "pg");
  mkdirSync(path.join(base, "sock"), { recursive: true });
  const [uid, gid] = ["-u", "-g"].map((flag) => Number(run("id", [flag, "postgres"])));
  for (const dir of [DIR, base, path.join(base, "sock")]) chownSync(dir, uid, gid);
  as("initdb", ["-D", dataOf("primary"), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256", "--auth-local=trust", "--no-sync"]);
  appendFileSync(path.join(dataOf("primary"), "postgresql.conf"), `
listen_addresses = '127.0.0.1'
port = ${ports.primary}
unix_socket_directories = '${base}/sock'
max_connections = 60
shared_buffers = 64MB
max_wal_senders = 5
wal_keep_size = 128MB
hot_standby = on
fsync = off
synchronous_commit = off
track_io_timing = on
max_wal_size = 256MB
checkpoint_timeout = 30min
autovacuum_naptime = 10min
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 500ms
`);
  await startServer("primary");
  await answers(ports.primary);
  psql(ports.primary, SCHEMA.replaceAll("MONITOR_PASSWORD", monitorPassword));
  as("pg_basebackup", ["-D", dataOf("standby"), "-h", path.join(base, "sock"), "-p", String(ports.primary), "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync"]);
  appendFileSync(path.join(dataOf("standby"), "postgresql.conf"), `port = ${ports.standby}\n`);
  await startServer("standby");
  await answers(ports.standby);
}

export function startServer(role) {
  return start(`postgres-${role}`, "setpriv", [...AS, path.join(BIN, "postgres"), "-D", dataOf(role)], { cwd: "/" });
}

// SIGQUIT is PostgreSQL's immediate shutdown: the nearest to a crash that cleans up its children.
export async function stopServer(role) {
  await stop(`postgres-${role}`, "SIGQUIT");
}

const pgbench = (port) => [...AS, path.join(BIN, "pgbench"), "-h", path.join(DIR, "pg", "sock"), "-p", String(port), "-U", "postgres"];

export function load(port) {
  run("setpriv", [...pgbench(port), "-i", "-q", "-s", "2", "his"], { cwd: "/" });
  return startLoad(port);
}

export function startLoad(port) {
  return start("load", "setpriv", [...pgbench(port), "-n", "-c", "2", "-R", "20", "-T", "86400", "his"], { cwd: "/" });
}

export async function answers(port) {
  await until(`PostgreSQL 应答 / PostgreSQL to answer on port ${port}`, 60000, () => psql(port, "select 1").trim() === "1");
}

export function blockingSession(name, port, sql) {
  // The session lives as long as its standard input stays open: 'sleep' holds the other end.
  const file = path.join(DIR, `${name}.sql`);
  writeFileSync(file, sql);
  const command = `(cat '${file}'; exec sleep 86400) | exec '${BIN}/psql' -qAtX -h '${DIR}/pg/sock' -p ${port} -U postgres -d his`;
  return start(name, "setpriv", [...AS, "bash", "-c", command], { cwd: "/" });
}

const SCHEMA = `
create role wardround login password 'MONITOR_PASSWORD' connection limit 12;
grant pg_monitor to wardround;
create database his;
\\connect his
create schema his;
create schema his_core;
create table his.registration (id bigserial primary key, patient bigint not null, at timestamptz not null default now());
create index registration_at on his.registration (at);
insert into his.registration (patient) select n from generate_series(1, 20000) n;
create function his_core.registration_age_seconds() returns double precision language sql stable security definer
  set search_path = pg_catalog as $$ select extract(epoch from clock_timestamp() - max(at))::float8 from his.registration $$;
revoke all on function his_core.registration_age_seconds() from public;
grant usage on schema his_core to wardround;
grant execute on function his_core.registration_age_seconds() to wardround;
`;
