// What the machine must have: checked before anything is started.

import { existsSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { run } from "./process.mjs";

// Debian package of each program that the demonstration starts.
const NEEDED = [
  ["/usr/lib/postgresql/15/bin/postgres", "postgresql-15"],
  ["/usr/lib/postgresql/15/bin/pgbench", "postgresql-15"],
  ["/sbin/mkfs.ext4", "e2fsprogs"],
  ["/sbin/losetup", "mount"],
  ["/usr/bin/setpriv", "util-linux"],
  ["/usr/bin/cc", "gcc"],
];

// What Debian's packages ask whether they may start their service.
const POLICY = "/usr/sbin/policy-rc.d";

export function checkMachine({ build }) {
  if (process.getuid() !== 0) {
    throw new Error("请以 root 运行：磁盘故障需要小的回环文件系统，PostgreSQL 以自己的用户运行 / run as root: the disk fault needs a small loop file system of its own, and PostgreSQL runs as its own user");
  }
  if (build && spawnSync("cargo", ["--version"]).status !== 0) {
    throw new Error("缺少 Rust：请用 rustup 安装 1.95 及以上的工具链，再运行一次 / Rust is missing: install rustup and a toolchain of at least 1.95 (https://rustup.rs), then run this again");
  }
  const missing = [...new Set(NEEDED.filter(([file]) => !existsSync(file)).map(([, name]) => name))];
  if (missing.length === 0) return;
  console.log(`安装 Debian 软件包 / installing Debian packages: ${missing.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // The demonstration starts every server itself; the packages' own services stay off.
  const guards = !existsSync(POLICY);
  if (guards) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    run("apt-get", ["update", "-qq"], { env });
    run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...missing], { env });
  } finally {
    if (guards) rmSync(POLICY, { force: true });
  }
}
