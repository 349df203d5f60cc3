#!/usr/bin/env node
// The demonstration: a collector, two agents, a PostgreSQL with its standby under load, on loopback only.
//
//   demo.mjs up            build, start everything, stay until Ctrl-C, leave nothing running
//   demo.mjs down          end it from elsewhere, or clear what a killed one left
//   demo.mjs fault NAME    make a real fault and show the incident arriving
//   demo.mjs heal          mend it, then acknowledge, resolve and verify through REST
//   demo.mjs status        all incidents as JSON
//   demo.mjs query EXPR    a PromQL query, answered as JSON
//   demo.mjs crash NAME    kill -9 collector, node-1 or node-2, and start it again
//
// WARDROUND_DEMO_DIR   folder of the demonstration, default /tmp/wardround-demo
// WARDROUND_BIN_DIR    use these binaries instead of building
// WARDROUND_TIME_SCALE divides windows and deadlines, default 10

import { existsSync } from "node:fs";
import { FAULTS, fault, heal } from "./faults/index.mjs";
import { down } from "./lab/down.mjs";
import { up } from "./lab/up.mjs";
import { crash } from "./lab/daemons.mjs";
import { readState } from "./lab/state.mjs";
import { Api } from "./lab/api.mjs";

const USAGE = `用法 / usage: demo.mjs up | down | fault NAME | heal | status | query EXPR | crash collector|node-1|node-2
  down   结束演示，或清理被强杀的演示 / ends the demonstration, or clears what a killed one left
故障 / faults: ${Object.keys(FAULTS).join(", ")}`;

async function main([verb, name, ...rest]) {
  if (rest.length > 0) throw new Error(USAGE);
  if (verb === "up" && name === undefined) return up();
  if (verb === "down" && name === undefined) return down();
  if (verb === "fault" && Object.hasOwn(FAULTS, name ?? "")) return fault(name);
  if (verb === "heal" && name === undefined) return heal();
  if (verb === "status" && name === undefined) {
    const api = await Api.login(readState());
    console.log(JSON.stringify(await api.incidents(), null, 2));
    return undefined;
  }
  if (verb === "query" && name !== undefined) {
    const api = await Api.login(readState());
    console.log(JSON.stringify(await api.call("GET", `/prometheus/api/v1/query?query=${encodeURIComponent(name)}`)));
    return undefined;
  }
  if (verb === "crash" && ["collector", "node-1", "node-2"].includes(name)) return crash(name);
  throw new Error(name && verb === "fault" ? `没有此故障 / no fault is named '${name}'\n${USAGE}` : USAGE);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`demo: ${error.message}`);
  if (process.env.WARDROUND_DEMO_TRACE && existsSync("/proc")) console.error(error.stack);
  process.exitCode = 1;
});
