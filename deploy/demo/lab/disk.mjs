// A small loop file system that a fault can fill without harm.

import { mkdirSync, readdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DIR } from "./state.mjs";
import { names, run, start, stop } from "./process.mjs";

const SIZE_BYTES = 256 << 20;
const WRITERS = 24;
export const MOUNT = path.join(DIR, "data");
const IMAGE = path.join(DIR, "data.img");

export function createDisk() {
  mkdirSync(MOUNT, { recursive: true });
  writeFileSync(IMAGE, "");
  truncateSync(IMAGE, SIZE_BYTES);
  run("fallocate", ["-l", String(SIZE_BYTES), IMAGE]);
  const device = run("losetup", ["-f", "--show", "--direct-io=on", IMAGE]).trim();
  run("mkfs.ext4", ["-q", "-m", "0", "-O", "^has_journal", device]);
  run("mount", [device, MOUNT]);
  return device;
}

export function removeDisk(device) {
  for (const [command, args] of [["umount", [MOUNT]], ["losetup", ["-d", device]]]) {
    try {
      run(command, args);
    } catch (error) {
      console.error(`demo: ${error.message}`);
    }
  }
}

// Fills the file system to 15 % free, and keeps many writers at it past the page cache, so that its device queues.
export async function fill() {
  const { blocks, bsize } = statfsSync(MOUNT);
  const each = Math.floor((blocks * bsize * 0.85) / WRITERS / (1 << 20));
  for (let n = 0; n < WRITERS; n += 1) {
    const file = path.join(MOUNT, `fill-${n}`);
    const loop = `while :; do dd if=/dev/zero of='${file}' bs=1M count=${each} oflag=direct conv=notrunc status=none || exit; done`;
    await start(`fault-fill-${n}`, "bash", ["-c", loop]);
  }
  const rest = Math.floor((blocks * bsize * 0.85) / (1 << 20)) - each * WRITERS;
  if (rest > 0) run("dd", ["if=/dev/zero", `of=${path.join(MOUNT, "fill-rest")}`, "bs=1M", `count=${rest}`, "oflag=direct", "status=none"]);
}

export async function drain() {
  await Promise.all(names("fault-fill-").map((name) => stop(name, "SIGKILL")));
  for (const file of readdirSync(MOUNT).filter((name) => name.startsWith("fill-"))) rmSync(path.join(MOUNT, file), { force: true });
}
