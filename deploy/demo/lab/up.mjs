// Brings the demonstration up, stays until a signal, and takes everything down again.

import { randomBytes } from "node:crypto";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { spawnSync } from "node:child_process";
import { Api } from "./api.mjs";
import { collector, joinAgent, startCollector } from "./daemons.mjs";
import { createDisk, MOUNT, removeDisk } from "./disk.mjs";
import { writeTree } from "./infiniband.mjs";
import { checkMachine } from "./packages.mjs";
import * as postgres from "./postgres.mjs";
import { keep, names, running, stop, until } from "./process.mjs";
import { DIR, TIME_SCALE, removeAll, writeState } from "./state.mjs";

const REPO = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");

export async function up() {
  if (names().some((name) => running(name))) throw new Error(`a demonstration runs in ${DIR} already: end it with Ctrl-C in its terminal`);
  const stopped = signalled();
  const bin = build();
  removeAll();
  const release = await keep();
  const state = { bin, account: "demo", baseline: [] };
  try {
    await bringUp(state);
    announce(state);
    await stopped;
    console.log("\nstopping …");
  } finally {
    await takeDown(state.loop);
    release();
  }
}

function build() {
  const given = process.env.WARDROUND_BIN_DIR;
  checkMachine({ build: !given });
  if (given) return path.resolve(given);
  console.log("building (the first time takes some minutes) …");
  const built = spawnSync("cargo", ["build", "--release", "--locked", "-p", "collector", "-p", "agent"], { cwd: REPO, stdio: "inherit" });
  if (built.status !== 0) throw new Error("the build failed; its messages are above");
  return path.join(process.env.CARGO_TARGET_DIR ?? path.join(REPO, "target"), "release");
}

async function bringUp(state) {
  const step = (what) => console.log(`  ${what}`);
  const [primary, standby, agents, api] = await freePorts(4);
  const fixed = process.env.WARDROUND_DEMO_PORTS !== "free" && (await isFree(7443)) && (await isFree(8443));
  state.ports = { primary, standby, agents: fixed ? 7443 : agents, api: fixed ? 8443 : api };
  state.monitorPassword = randomBytes(16).toString("hex");
  state.ibRoot = path.join(DIR, "infiniband");
  writeState(state);
  step(`PostgreSQL primary on ${primary}, standby on ${standby}`);
  await postgres.create(state.ports, state.monitorPassword);
  await postgres.load(primary);
  step("a small disk and an InfiniBand port");
  state.loop = createDisk();
  writeTree(state.ibRoot);
  step("the collector");
  const listening = await startCollector(state.bin, state.ports);
  Object.assign(state, listening, { ca: path.join(DIR, "collector", "ca.crt") });
  state.password = collector(state.bin, ["user", "add", state.account, "--role", "engineer"]);
  step("two agents");
  const own = { ibRoot: state.ibRoot, dataMount: MOUNT, loop: state.loop };
  await joinAgent(state.bin, "node-1", state.agents, state.ports, state.monitorPassword, { servers: true, ...own });
  await joinAgent(state.bin, "node-2", state.agents, state.ports, state.monitorPassword, { servers: false, ...own });
  writeState(state);
  const session = await Api.login(state);
  await until("both agents to report", 30000, async () => {
    const { nodes } = await session.call("GET", "/api/v1/nodes");
    return nodes.filter((node) => node.state === "fresh").length === 2;
  });
}

function announce(state) {
  console.log(`
巡诊 Wardround is running.

  address    https://${state.api}/          (certificate of its own CA: ${state.ca})
  account    ${state.account}
  password   ${state.password}
  time       every window and deadline of the contract runs ${TIME_SCALE} times as fast (time_scale = ${TIME_SCALE})

Try, in another terminal:

  make demo-fault FAULT=pg-down      then  make demo-heal
  other faults: pg-failover, blocked, disk-fill, cpu, agent-kill, ib-down
  ${state.bin}/wardround-collector --config ${DIR}/collector.toml ledger verify
  ${state.bin}/wardround-agent probe cpu meminfo

Logs are in ${DIR}/log. Ctrl-C ends all of it.`);
}

async function takeDown(loop) {
  await Promise.all(names("fault-").map((name) => stop(name, "SIGKILL")));
  for (const name of ["node-1", "node-2", "load", "collector", "postgres-standby", "postgres-primary"]) {
    await stop(name, name.startsWith("postgres") ? "SIGINT" : "SIGTERM");
  }
  if (loop) removeDisk(loop);
  const left = names().filter((name) => running(name));
  if (left.length > 0) throw new Error(`still running: ${left.join(", ")}`);
  if (!process.env.WARDROUND_DEMO_KEEP) removeAll();
}

function signalled() {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => resolve(signal));
  });
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer().once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => new Promise((resolve, reject) => {
      const server = net.createServer().once("error", reject);
      server.listen(0, "127.0.0.1", () => resolve(server));
    })),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
