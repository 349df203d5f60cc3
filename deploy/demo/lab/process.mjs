// Processes by pid file: started detached, found again by another command, never confused with a later process of the same
// number.

import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { DIR } from "./state.mjs";

const PIDS = path.join(DIR, "pids");

// Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat), undefined when there is none.
function startedAt(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

// Every process of the demonstration is a child of the command that stays up, so that somebody is there to reap it. Other
// commands ask that one through its socket.
export async function start(name, command, args, { cwd } = {}) {
  if (!isKeeper) return ask({ verb: "start", name, command, args, cwd });
  mkdirSync(path.join(DIR, "log"), { recursive: true });
  const log = openSync(path.join(DIR, "log", `${name}.log`), "a");
  const child = spawn(command, args, { detached: true, stdio: ["ignore", log, log], cwd });
  closeSync(log);
  child.on("error", () => {});
  if (child.pid === undefined) throw new Error(`cannot start ${command}`);
  remember(name, child.pid);
  return child.pid;
}

let isKeeper = false;
const SOCKET = path.join(DIR, "control.sock");

// Makes this command the one that keeps the processes.
export async function keep() {
  isKeeper = true;
  mkdirSync(DIR, { recursive: true });
  rmSync(SOCKET, { force: true });
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    let text = "";
    socket.setEncoding("utf8").on("data", (part) => (text += part)).on("error", () => {});
    socket.on("end", async () => {
      const { name, command, args, cwd } = JSON.parse(text);
      const answer = await start(name, command, args, { cwd }).then((pid) => ({ pid }), (error) => ({ error: error.message }));
      socket.end(JSON.stringify(answer));
    });
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(SOCKET, resolve));
  return () => server.close();
}

function ask(request) {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = net.connect(SOCKET, () => socket.end(JSON.stringify(request)));
    socket.setEncoding("utf8").on("data", (part) => (text += part)).on("error", reject);
    socket.on("close", () => {
      const { pid, error } = JSON.parse(text || '{"error":"the demonstration does not answer"}');
      if (error) reject(new Error(error));
      else resolve(pid);
    });
  });
}

function remember(name, pid) {
  mkdirSync(PIDS, { recursive: true });
  writeFileSync(path.join(PIDS, name), JSON.stringify({ pid, startedAt: startedAt(pid) }));
}

export function running(name) {
  return found(name)?.pid;
}

function found(name) {
  const file = path.join(PIDS, name);
  if (!existsSync(file)) return undefined;
  const known = JSON.parse(readFileSync(file, "utf8"));
  return known.startedAt !== undefined && startedAt(known.pid) === known.startedAt ? known : undefined;
}

export function names(prefix = "") {
  return existsSync(PIDS) ? readdirSync(PIDS).filter((name) => name.startsWith(prefix)) : [];
}

export async function stop(name, signal = "SIGTERM", withinMs = 15000) {
  const known = found(name);
  if (known !== undefined) {
    // The postmaster ends its own children in order; everything else ends with its whole group.
    const target = name.startsWith("postgres") ? known.pid : -known.pid;
    process.kill(target, signal);
    await until(`${name} to end`, withinMs, () => found(name) === undefined).catch(() => process.kill(target, "SIGKILL"));
  }
  rmSync(path.join(PIDS, name), { force: true });
}

// Runs a command to its end and returns what it printed; an error carries its own words.
export function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: "utf8", maxBuffer: 64 << 20, ...options });
  if (done.error) throw new Error(`${command}: ${done.error.message}`);
  if (done.status !== 0) {
    throw new Error(`${command} ${args.join(" ")} failed (${done.status ?? done.signal}): ${(done.stderr || done.stdout || "").trim().slice(-2000)}`);
  }
  return done.stdout ?? "";
}

// Waits for a state, not for a time: asks every 100 ms.
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
      throw new Error(`waited ${Math.round(withinMs / 1000)} s for ${what}${last ? `: ${last.message}` : ""}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
