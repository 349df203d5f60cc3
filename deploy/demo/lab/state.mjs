// What the demonstration remembers between commands: one JSON file in its folder, readable by its owner only. A folder is a
// demonstration's only while this file is in it: it is written first and removed last.

import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { lives } from "./identity.mjs";

export const DIR = path.resolve(process.env.WARDROUND_DEMO_DIR || "/tmp/wardround-demo");
export const TIME_SCALE = Number(process.env.WARDROUND_TIME_SCALE ?? 10);
export const DOWN = "make demo-down";

const FILE = path.join(DIR, "state.json");

// The state of whatever is in the folder, running or not; undefined when no demonstration is.
export function foundState() {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, "utf8")) : undefined;
}

// The state of a demonstration that is up.
export function readState() {
  const state = foundState();
  if (state === undefined) throw new Error(`${DIR} 中没有演示，先运行 'make demo' / no demonstration runs there: start one with 'make demo'`);
  if (!lives(state.keeper)) {
    throw new Error(`${DIR} 中的演示已被强行终止，用 '${DOWN}' 清理残留 / the demonstration there was killed: take down what it left with '${DOWN}'`);
  }
  if (state.password === undefined) throw new Error(`${DIR} 中的演示尚未就绪 / the demonstration there is still coming up`);
  return state;
}

export function writeState(state) {
  mkdirSync(DIR, { recursive: true });
  writeFileSync(`${FILE}.new`, JSON.stringify(state, null, 2), { mode: 0o600 });
  renameSync(`${FILE}.new`, FILE);
}

export function updateState(change) {
  const state = readState();
  change(state);
  writeState(state);
  return state;
}

export function refuseForeignFolder() {
  if (foundState() === undefined && existsSync(DIR) && readdirSync(DIR).length > 0) {
    throw new Error(`${DIR} 非空且不是演示的目录，请移走或用 WARDROUND_DEMO_DIR 另指目录 / it is not empty and not a demonstration's: move it away, or name another folder in WARDROUND_DEMO_DIR`);
  }
}

// A command of a killed demonstration that is not ended yet (initdb) may still write here: removing is tried again for 20 s.
const PATIENT = { recursive: true, force: true, maxRetries: 20, retryDelay: 100 };

export function removeAll() {
  for (const name of readdirSync(DIR)) {
    if (name !== path.basename(FILE)) rmSync(path.join(DIR, name), PATIENT);
  }
  rmSync(DIR, PATIENT);
}
