// Takes a demonstration down: at the end of the command that stays up, or for one that was killed, after it.

import { removeDisk } from "./disk.mjs";
import { lives } from "./identity.mjs";
import { names, stop, stopStrays, until } from "./process.mjs";
import { DIR, DOWN, foundState, refuseForeignFolder, removeAll } from "./state.mjs";

const KEEPER_ENDS_MS = 120000;

export async function down() {
  const state = foundState();
  if (state === undefined) {
    console.log(`${DIR} 中没有演示 / no demonstration is in ${DIR}`);
    return;
  }
  if (lives(state.keeper)) {
    process.kill(state.keeper.pid, "SIGTERM");
    await until("演示自行结束 / the demonstration to end by itself", KEEPER_ENDS_MS, () => !lives(state.keeper));
  }
  // What the keeper could not end, or all of it when there was no keeper any more.
  if (foundState() !== undefined) await takeDown(state);
  console.log(`${DIR} 中的演示已全部结束 / all of the demonstration in ${DIR} is down`);
}

// Makes room for a new demonstration: only an earlier one that nobody keeps any more is cleared away.
export async function clearLeftovers() {
  refuseForeignFolder();
  const state = foundState();
  if (state === undefined) return;
  if (lives(state.keeper)) {
    throw new Error(`${DIR} 中已有演示在运行，在其终端按 Ctrl-C 或用 '${DOWN}' 结束 / a demonstration runs there already: end it with Ctrl-C in its terminal or with '${DOWN}'`);
  }
  console.log(`清理上次被强行终止的演示 / clearing what a killed demonstration left in ${DIR}`);
  await endAll(state);
  removeAll();
}

export async function takeDown(state) {
  await endAll(state);
  if (!process.env.WARDROUND_DEMO_KEEP) removeAll();
}

// Whatever fails here leaves the state file where it is, so that 'down' can be asked again.
async function endAll({ run }) {
  await Promise.all(names("fault-").map((name) => stop(name, "SIGKILL")));
  for (const name of ["node-1", "node-2", "load", "collector", "postgres-standby", "postgres-primary"]) {
    await stop(name, name.startsWith("postgres") ? "SIGINT" : "SIGTERM");
  }
  await stopStrays(run);
  await removeDisk();
}
