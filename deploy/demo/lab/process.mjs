// Processes by pid file: started detached, found again by another command, never confused with a later process of the same
// number.

import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { identify, lives, mark, marked } from "./identity.mjs";
import { DIR } from "./state.mjs";

const PIDS = path.join(DIR, "pids");

// Every process of the demonstration is a child of the command that stays up, so that somebody is there to reap it. Other
// commands ask that one through its socket. What runs already is not started again: a second would be the one remembered,
// and the first forgotten.
export async function start(name, command, args, { cwd } = {}) {
  if (!isKeeper) return ask({ name, command, args, cwd });
  const known = running(name);
  if (known !== undefined) return known;
  mkdirSync(path.join(DIR, "log"), { recursive: true });
  const log = openSync(path.join(DIR, "log", `${name}.log`), "a");
  const child = spawn(command, args, { detached: true, stdio: ["ignore", log, log], cwd });
  closeSync(log);
  child.on("error", () => {});
  if (child.pid === undefined) throw new Error(`无法启动 / cannot start ${command}`);
  remember(name, child.pid);
  return child.pid;
}

let isKeeper = false;
const SOCKET = path.join(DIR, "control.sock");

// Makes this command the one that keeps the processes of a run.
export async function keep(run) {
  isKeeper = true;
  mark(run);
  mkdirSync(DIR, { recursive: true });
  rmSync(SOCKET, { force: true });
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    let text = "";
    socket.setEncoding("utf8").on("data", (part) => (text += part)).on("error", () => {});
    socket.on("end", async () => {
      const answer = await startAsked(text).then((pid) => ({ pid }), (error) => ({ error: error.message }));
      socket.end(JSON.stringify(answer));
    });
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(SOCKET, resolve));
  return () => server.close();
}

async function startAsked(text) {
  const { name, command, args, cwd } = JSON.parse(text);
  return start(name, command, args, { cwd });
}

function ask(request) {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = net.connect(SOCKET, () => socket.end(JSON.stringify(request)));
    socket.setEncoding("utf8").on("data", (part) => (text += part)).on("error", reject);
    socket.on("close", () => {
      const { pid, error } = JSON.parse(text || '{"error":"演示无应答 / the demonstration does not answer"}');
      if (error) reject(new Error(error));
      else resolve(pid);
    });
  });
}

// In one step: half a file would hide its process from 'down'.
function remember(name, pid) {
  mkdirSync(PIDS, { recursive: true });
  writeFileSync(`${PIDS}.new`, JSON.stringify(identify(pid)));
  renameSync(`${PIDS}.new`, path.join(PIDS, name));
}

export function running(name) {
  return found(name)?.pid;
}

// The end of its log, for a message about it.
export function lastWords(name) {
  return readFileSync(path.join(DIR, "log", `${name}.log`), "utf8").trim().split("\n").slice(-5).join("\n");
}

function found(name) {
  const file = path.join(PIDS, name);
  if (!existsSync(file)) return undefined;
  const known = JSON.parse(readFileSync(file, "utf8"));
  return lives(known) ? known : undefined;
}

export function names(prefix = "") {
  return existsSync(PIDS) ? readdirSync(PIDS).filter((name) => name.startsWith(prefix)) : [];
}

export async function stop(name, signal = "SIGTERM", withinMs = 15000) {
  const known = found(name);
  if (known !== undefined) {
    // The postmaster ends its own children in order; everything else ends with its whole group.
    const target = name.startsWith("postgres") ? known.pid : -known.pid;
    const ended = (ms) => until(`进程结束 / ${name} to end`, ms, () => !lives(known));
    send(target, signal);
    await ended(withinMs).catch(() => {
      send(target, "SIGKILL");
      return ended(5000);
    });
  }
  rmSync(path.join(PIDS, name), { force: true });
}

// What no file names, when a keeper was killed: a command that it ran, or a process that it could not write down any more.
// The first ends by itself, and must: an initdb that is ended leaves shared memory behind.
export async function stopStrays(run) {
  const gone = (signal, withinMs) => until("其余进程结束 / all other processes to end", withinMs, () => {
    const left = marked(run);
    for (const pid of left) send(pid, signal);
    return left.length === 0;
  });
  await gone(0, 10000).catch(() => gone("SIGTERM", 5000)).catch(() => gone("SIGKILL", 5000));
}

// It may end by itself just before.
function send(target, signal) {
  try {
    process.kill(target, signal);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

// Runs a command to its end and returns what it printed; an error carries its own words.
export function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: "utf8", maxBuffer: 64 << 20, ...options });
  if (done.error) throw new Error(`${command}: ${done.error.message}`);
  if (done.status !== 0) {
    throw new Error(`${command} ${args.join(" ")} 失败 / failed (${done.status ?? done.signal}): ${(done.stderr || done.stdout || "").trim().slice(-2000)}`);
  }
  return done.stdout ?? "";
}

// Waits for a state, not for a time: asks every 100 ms. `what` names it in both languages, Chinese first.
export async function until(what, withinMs, ask) {
  const end = performance.now() + withinMs;
  let last;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) {
      throw new Error(`${Math.round(withinMs / 1000)} s 内未等到 / waited in vain for: ${what}${last ? `: ${last.message}` : ""}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
