// Making faults for real, watching the incident arrive, and mending them.

import { Api } from "../lab/api.mjs";
import { until } from "../lab/process.mjs";
import { TIME_SCALE, readState, updateState } from "../lab/state.mjs";
import agentKill from "./agent-kill.mjs";
import blocked from "./blocked.mjs";
import cpu from "./cpu.mjs";
import diskFill from "./disk-fill.mjs";
import ibDown from "./ib-down.mjs";
import pgDown from "./pg-down.mjs";
import pgFailover from "./pg-failover.mjs";

// Each fault: `cause` and `links` are what the standards pack calls them; `make` and `mend` act on the machine; `seconds` is
// how long the standard waits before the last of them is certain, before scaling.
export const FAULTS = {
  "pg-down": pgDown,
  "pg-failover": pgFailover,
  blocked,
  "disk-fill": diskFill,
  cpu,
  "agent-kill": agentKill,
  "ib-down": ibDown,
};

const scaledMs = (seconds) => (seconds * 1000) / TIME_SCALE + 30000;

export async function fault(name) {
  const kind = FAULTS[name];
  const state = readState();
  if (state.fault) throw new Error(`the fault '${state.fault}' is made already: mend it first with 'make demo-heal'`);
  const api = await Api.login(state);
  const before = (await api.incidents()).map((incident) => incident.id);
  updateState((s) => Object.assign(s, { fault: name, baseline: before }));
  console.log(`making the fault: ${kind.what}`);
  const began = performance.now();
  await kind.make(state);
  const elapsed = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  const fresh = async () => (await api.incidents()).filter((incident) => !before.includes(incident.id));
  const incident = await until(`an incident '${kind.cause}'`, scaledMs(kind.seconds), async () =>
    (await fresh()).find((one) => one.cause === kind.cause && one.level === kind.level));
  show(incident, elapsed());
  if (kind.links.length > 0) {
    await until(`the findings that it explains (${kind.links.join(", ")})`, scaledMs(kind.seconds), async () => {
      const { links } = await api.incident(incident.id);
      return kind.links.every((rule) => links.some((link) => link.rule === rule));
    });
    const { links } = await api.incident(incident.id);
    for (const link of links) console.log(`  linked   ${link.rule} ${JSON.stringify(link.subject)}`);
    console.log(`           all linked after ${elapsed()}`);
  }
  console.log("mend it with: make demo-heal");
}

function show(incident, after) {
  console.log(`
  ${incident.id}  level ${incident.level}  clause ${incident.clause}  ${incident.state}   (${after} after the fault)
  ${incident.title.zh} / ${incident.title.en}
  subject  ${JSON.stringify(incident.subject)}
  respond by ${incident.clocks.response_due}, resolve by ${incident.clocks.resolution_due}`);
}

export async function heal() {
  const state = readState();
  if (!state.fault) throw new Error("no fault is made: make one with 'make demo-fault FAULT=…'");
  const kind = FAULTS[state.fault];
  console.log(`mending: ${kind.what}`);
  await kind.mend(state);
  const api = await Api.login(state);
  const ours = (await api.incidents()).filter((incident) => !state.baseline.includes(incident.id) && incident.state !== "closed");
  for (const { id } of ours) await settle(api, id, kind);
  updateState((s) => Object.assign(s, { fault: undefined }));
}

// What the person on duty does: respond, wait for the check, state the fix, have it verified.
async function settle(api, id, kind) {
  const act = (verb, body) => api.call("POST", `/api/v1/incidents/${id}/${verb}`, body);
  if ((await api.incident(id)).state === "open") await act("acknowledge");
  console.log(`  ${id} acknowledged by the account of this demonstration`);
  await until(`the check of ${id} to be normal again`, scaledMs(kind.seconds), async () => (await api.incident(id)).condition === "clear");
  if ((await api.incident(id)).state === "acknowledged") await act("resolve", { fix: kind.fix });
  console.log(`  ${id} resolved: ${kind.fix}`);
  await until(`${id} to be verified`, scaledMs(kind.seconds), async () => {
    const { state } = await api.incident(id);
    if (state === "resolved") await act("verify");
    if (state === "acknowledged") await act("resolve", { fix: kind.fix });
    return state === "watching";
  });
  const { clocks } = await api.incident(id);
  console.log(`  ${id} verified on newer samples and watched until ${clocks.watch_until}`);
}
