// Which process a number means. Numbers are used again, so a process is known by its number and its start.

import { readFileSync, readdirSync } from "node:fs";

export function identify(pid) {
  return { pid, startedAt: startedAt(pid) };
}

export function lives(known) {
  return known?.startedAt !== undefined && startedAt(known.pid) === known.startedAt;
}

// Whatever a keeper starts inherits the mark of its run, so that even what it could not write down before it was killed is
// known as its own.
export function mark(run) {
  process.env[MARK] = run;
}

export function marked(run) {
  return readdirSync("/proc").map(Number).filter((pid) => pid > 0 && environment(pid).includes(`${MARK}=${run}`));
}

const MARK = "WARDROUND_DEMO_RUN";

function environment(pid) {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}

// In clock ticks since boot (field 22 of /proc/PID/stat); undefined when there is none, or only its remains.
function startedAt(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    // The remains of a process whose other threads still end hold its files, locks and ports.
    const isOver = fields[0] === "Z" && readdirSync(`/proc/${pid}/task`).length <= 1;
    return isOver ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
