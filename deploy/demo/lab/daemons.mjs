// The collector and the two agents.

import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Api } from "./api.mjs";
import { DIR, TIME_SCALE, readState } from "./state.mjs";
import { lastWords, run, running, start, stop, until } from "./process.mjs";

const config = (name) => path.join(DIR, `${name}.toml`);

export async function startCollector(bin, ports) {
  writeFileSync(config("collector"), `data_dir = "${DIR}/collector"
[identity]
provider = "demo"
hospital = "hospital-1"
appliance = "appliance-1"
hospital_name = { zh = "演示医院", en = "Demo Hospital" }
[agents]
listen = "127.0.0.1:${ports.agents}"
reconnect_window = "1s"
[api]
listen = "127.0.0.1:${ports.api}"
[contract]
version = "demo"
time_scale = ${TIME_SCALE}
[[database_service]]
name = "his"
primary = "127.0.0.1:${ports.primary}"
standbys = ["127.0.0.1:${ports.standby}"]
[[core_service]]
name = "registration"
database = "his"
`);
  return restartCollector(bin);
}

export async function restartCollector(bin) {
  const listening = path.join(DIR, "collector", "listening");
  rmSync(listening, { force: true });
  await start("collector", path.join(bin, "wardround-collector"), ["--config", config("collector"), "serve"]);
  return until("采集端就绪 / the collector to be ready", 30000, async () => {
    if (running("collector") === undefined) throw new Error(`采集端已退出 / the collector ended: ${lastWords("collector")}`);
    const ports = Object.fromEntries(readFileSync(listening, "utf8").trim().split("\n").map((line) => line.split("=")));
    await new Api({ api: ports.api, ca: path.join(DIR, "collector", "ca.crt") }).call("GET", "/readyz");
    return ports;
  });
}

export async function crash(name) {
  const { bin } = readState();
  await stop(name, "SIGKILL");
  if (name === "collector") await restartCollector(bin);
  else await startAgent(bin, name);
}

export function collector(bin, args) {
  return run(path.join(bin, "wardround-collector"), ["--config", config("collector"), ...args]).trim();
}

export async function joinAgent(bin, name, agentsAddress, ports, monitorPassword, { servers, ibRoot, dataMount, loop }) {
  const secret = path.join(DIR, "monitor.pw");
  writeFileSync(secret, `${monitorPassword}\n`, { mode: 0o600 });
  chmodSync(secret, 0o600);
  const instance = (port) => `[[postgres]]
host = "127.0.0.1"
port = ${port}
user = "wardround"
password_file = "${secret}"
database = "his"
`;
  const server = servers
    ? `[probe.infiniband]\nroot = "${ibRoot}"\n[probe.filesystem]\ninterval = "1s"\ninclude = ["${dataMount}"]\ndata_mounts = ["${dataMount}"]\n[probe.diskstats]\ninclude = ["${path.basename(loop)}"]\n`
    : off(SERVER_PROBES);
  mkdirSync(path.join(DIR, name), { recursive: true });
  writeFileSync(config(name), `data_dir = "${DIR}/${name}"
[collector]
address = "${agentsAddress}"
${server}${off(OTHER_PROBES)}${instance(ports.primary)}${instance(ports.standby)}[[core_service]]
name = "registration"
host = "127.0.0.1"
port = ${ports.primary}
user = "wardround"
password_file = "${secret}"
database = "his"
query = "select his_core.registration_age_seconds()"
`);
  const token = collector(bin, ["token", "create", "--node", name]);
  run(path.join(bin, "wardround-agent"), ["--config", config(name), "join", "--collector", agentsAddress, "--token", token]);
  await startAgent(bin, name);
}

export function startAgent(bin, name) {
  return start(name, path.join(bin, "wardround-agent"), ["--config", config(name), "run"]);
}

const off = (probes) => probes.map((probe) => `[probe.${probe}]\nenabled = false\n`).join("");

// What the faults of the demonstration are seen by.
const SERVER_PROBES = ["cpu", "meminfo", "loadavg", "pressure", "diskstats", "filesystem", "netdev", "processes", "stat", "filefd", "uname", "time", "inventory", "infiniband"];

// What else an agent reads: faults of this machine itself are no part of the demonstration.
const OTHER_PROBES = ["netstat", "sockstat", "softnet", "vmstat", "schedstat", "bonding", "conntrack", "kernel_hung", "timex", "meminfo_numa", "edac", "arp", "netclass", "hwmon", "thermal_zone", "cpufreq", "cpu_info", "pcidevice", "watchdog", "mdadm", "nvme", "ipmi", "dmmultipath", "fibrechannel", "dmi", "kmsg", "systemd", "smart", "parts", "gpu"];
