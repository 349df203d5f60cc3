// Brings the demonstration up, stays until a signal, and takes everything down again.

import { randomBytes } from "node:crypto";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { spawn } from "node:child_process";
import { Api } from "./api.mjs";
import { collector, joinAgent, startCollector } from "./daemons.mjs";
import { createDisk, MOUNT } from "./disk.mjs";
import { clearLeftovers, takeDown } from "./down.mjs";
import { identify } from "./identity.mjs";
import { writeTree } from "./infiniband.mjs";
import { checkMachine } from "./packages.mjs";
import * as postgres from "./postgres.mjs";
import { keep, until } from "./process.mjs";
import { DIR, DOWN, TIME_SCALE, writeState } from "./state.mjs";

const REPO = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");

export async function up() {
  const stopped = signalled();
  await clearLeftovers();
  const state = { keeper: identify(process.pid), run: randomBytes(8).toString("hex"), account: "demo", baseline: {} };
  writeState(state);
  let release = () => {};
  try {
    state.bin = await build(stopped);
    release = await keep(state.run);
    await bringUp(state);
    announce(state);
    await stopped;
    console.log("\n正在结束 / stopping …");
  } finally {
    // First, so that nobody starts anything while the rest is ended.
    release();
    await takeDown(state);
  }
}

async function build(stopped) {
  const given = process.env.WARDROUND_BIN_DIR;
  checkMachine({ build: !given });
  if (given) return path.resolve(given);
  console.log("编译中，首次需要几分钟 / building (the first time takes some minutes) …");
  const cargo = spawn("cargo", ["build", "--release", "--locked", "-p", "collector", "-p", "agent"], { cwd: REPO, stdio: "inherit", detached: true });
  const ended = new Promise((resolve, reject) => cargo.once("error", reject).once("exit", resolve));
  // A build is given up at once, with the compilers that it started: it can go on another time.
  let givenUp = false;
  stopped.then(() => {
    if (cargo.exitCode !== null) return;
    givenUp = true;
    process.kill(-cargo.pid, "SIGTERM");
  });
  const status = await ended;
  if (givenUp) throw new Error("编译已中止 / the build was given up");
  if (status !== 0) throw new Error("编译失败，原因见上 / the build failed; its messages are above");
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
  step(`PostgreSQL 主库 / primary: ${primary}，备库 / standby: ${standby}`);
  await postgres.create(state.ports, state.monitorPassword);
  await postgres.load(primary);
  step("小磁盘与 InfiniBand 端口 / a small disk and an InfiniBand port");
  state.loop = createDisk();
  writeTree(state.ibRoot);
  step("采集端 / the collector");
  const listening = await startCollector(state.bin, state.ports);
  Object.assign(state, listening, { ca: path.join(DIR, "collector", "ca.crt") });
  state.password = collector(state.bin, ["user", "add", state.account, "--role", "engineer"]);
  step("两个代理 / two agents");
  const own = { ibRoot: state.ibRoot, dataMount: MOUNT, loop: state.loop };
  await joinAgent(state.bin, "node-1", state.agents, state.ports, state.monitorPassword, { servers: true, ...own });
  await joinAgent(state.bin, "node-2", state.agents, state.ports, state.monitorPassword, { servers: false, ...own });
  writeState(state);
  const session = await Api.login(state);
  await until("两个代理上报 / both agents to report", 30000, async () => {
    const { nodes } = await session.call("GET", "/api/v1/nodes");
    return nodes.filter((node) => node.state === "fresh").length === 2;
  });
}

function announce(state) {
  console.log(`
巡诊已运行 / Wardround is running.

  地址 address   https://${state.api}/   （证书由自带 CA 签发 / certificate of its own CA: ${state.ca}）
  账号 account   ${state.account}
  密码 password  ${state.password}
  时间 time      合同的时间窗与时限快 ${TIME_SCALE} 倍 / windows and deadlines of the contract run ${TIME_SCALE} times as fast (time_scale = ${TIME_SCALE})

请另开终端 / try, in another terminal:

  make demo-fault FAULT=pg-down      然后 / then  make demo-heal
  其他故障 / other faults: pg-failover, blocked, disk-fill, cpu, agent-kill, ib-down
  ${state.bin}/wardround-collector --config ${DIR}/collector.toml ledger verify
  ${state.bin}/wardround-agent probe cpu meminfo

日志在 / logs are in ${DIR}/log
按 Ctrl-C 全部结束；若本进程被强杀，用 '${DOWN}' / Ctrl-C ends all of it; if this is killed, '${DOWN}' does.`);
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
