// A small loop file system that a fault can fill without harm.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DIR } from "./state.mjs";
import { names, run, start, stop, until } from "./process.mjs";

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
  try {
    run("mkfs.ext4", ["-q", "-m", "0", "-O", "^has_journal", device]);
    run("mount", [device, MOUNT]);
  } catch (error) {
    // Not by 'run': what failed first is what is told.
    spawnSync("losetup", ["-d", device]);
    throw error;
  }
  return device;
}

// A writer that was killed may hold the file system for a moment longer, and the kernel its device.
export async function removeDisk() {
  await until(`卸载 / ${MOUNT} to be unmounted`, 15000, () => {
    if (mounted()) run("umount", [MOUNT]);
    return !mounted();
  });
  for (const device of attached()) run("losetup", ["-d", device]);
  await until(`回环设备释放 / the loop device of ${IMAGE} to be free`, 5000, () => attached().length === 0);
}

// The devices of this very image: losetup compares its inode, so one that serves another file by now is never among them.
function attached() {
  return existsSync(IMAGE) ? run("losetup", ["-n", "-O", "NAME", "-j", IMAGE]).split("\n").map((name) => name.trim()).filter(Boolean) : [];
}

function mounted() {
  const sources = readFileSync("/proc/self/mounts", "utf8").split("\n").map((line) => line.split(" ")[0]);
  return attached().some((device) => sources.includes(device));
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
