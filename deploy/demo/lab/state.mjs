// What the demonstration remembers between commands: one JSON file in its folder, readable by its owner only.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

export const DIR = process.env.WARDROUND_DEMO_DIR ?? "/tmp/wardround-demo";
export const TIME_SCALE = Number(process.env.WARDROUND_TIME_SCALE ?? 10);

const FILE = path.join(DIR, "state.json");

export function readState() {
  try {
    return JSON.parse(readFileSync(FILE, "utf8"));
  } catch (error) {
    throw new Error(`no demonstration runs in ${DIR}: start one with 'make demo' (${error.code ?? error.message})`);
  }
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

export function removeAll() {
  rmSync(DIR, { recursive: true, force: true });
}
