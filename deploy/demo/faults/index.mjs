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

// Each fault: `cause` and the rules of `links` are what the standards pack calls them, with labels that a link's subject must
// have; `make` and `mend` act on the machine; `seconds` is how long the standard waits before the last of them is certain,
// before scaling.
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
  if (state.fault) throw new Error(`故障 '${state.fault}' 尚未恢复，先运行 'make demo-heal' / it is made already: mend it first with 'make demo-heal'`);
  const api = await Api.login(state);
  const baseline = Object.fromEntries((await api.incidents()).map(({ id, reopened }) => [id, reopened]));
  updateState((s) => Object.assign(s, { fault: name, baseline }));
  console.log(`制造故障 / making the fault:\n  ${kind.what.zh}\n  ${kind.what.en}`);
  const began = performance.now();
  await kind.make(state);
  const elapsed = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  const incident = await until(`故障单 / an incident '${kind.cause}'`, scaledMs(kind.seconds), async () =>
    (await ours(api, baseline)).find((one) => one.cause === kind.cause && one.level === kind.level));
  show(incident, elapsed());
  for (const { rule, subject } of await linked(api, incident.id, kind.seconds, kind.links(state))) {
    console.log(`  关联 linked   ${rule} ${JSON.stringify(subject)}`);
  }
  console.log(`\n共 ${elapsed()}，用 make demo-heal 恢复 / ${elapsed()} in all, mend it with: make demo-heal`);
}

// What was opened, or opened again, since the fault was made.
async function ours(api, baseline) {
  return (await api.incidents()).filter(({ id, reopened }) => reopened !== baseline[id]);
}

// The findings that the incident explains, once all that are wanted are among them.
async function linked(api, id, seconds, wanted) {
  const names = wanted.map(({ rule }) => rule).join(", ");
  const fits = ({ rule, ...labels }, link) =>
    link.rule === rule && Object.entries(labels).every(([label, value]) => link.subject[label] === value);
  return until(`关联的发现 / the findings that it explains (${names})`, scaledMs(seconds), async () => {
    const { links } = await api.incident(id);
    return wanted.every((one) => links.some((link) => fits(one, link))) && links;
  });
}

function show({ id, level, clause, state, title, subject, clocks }, after) {
  console.log(`
  ${id}   ${level} 级 / level ${level}   条款 / clause ${clause}   ${state}   （故障后 / after the fault: ${after}）
  ${title.zh} / ${title.en}
  对象 subject     ${JSON.stringify(subject)}
  应响应 respond   ${clocks.response_due}
  应解决 resolve   ${clocks.resolution_due}`);
}

export async function heal() {
  const state = readState();
  if (!state.fault) throw new Error("没有待恢复的故障 / no fault is made: make one with 'make demo-fault FAULT=…'");
  const kind = FAULTS[state.fault];
  console.log(`恢复 / mending:\n  ${kind.what.zh}\n  ${kind.what.en}`);
  await kind.mend(state);
  const api = await Api.login(state);
  for (const incident of await ours(api, state.baseline)) {
    if (incident.state !== "closed") await settle(api, incident.id, kind);
  }
  updateState((s) => Object.assign(s, { fault: undefined }));
}

// What the person on duty does: respond, wait for the check, state the fix, have it verified.
async function settle(api, id, kind) {
  const act = (verb, body) => api.call("POST", `/api/v1/incidents/${id}/${verb}`, body);
  if ((await api.incident(id)).state === "open") await act("acknowledge");
  console.log(`  ${id} 由演示账号响应 / acknowledged by the account of this demonstration`);
  await until(`${id} 恢复正常 / its check to be normal again`, scaledMs(kind.seconds), async () => (await api.incident(id)).condition === "clear");
  if ((await api.incident(id)).state === "acknowledged") await act("resolve", { fix: kind.fix });
  console.log(`  ${id} 已解决 / resolved: ${kind.fix}`);
  await until(`${id} 复测通过 / it to be verified`, scaledMs(kind.seconds), async () => {
    const { state } = await api.incident(id);
    if (state === "resolved") await act("verify");
    if (state === "acknowledged") await act("resolve", { fix: kind.fix });
    return state === "watching";
  });
  const { clocks } = await api.incident(id);
  console.log(`  ${id} 以新样本复测通过，持续监测至 / verified on newer samples and watched until ${clocks.watch_until}`);
}
