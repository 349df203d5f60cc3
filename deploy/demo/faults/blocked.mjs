import { blockingSession, psql } from "../lab/postgres.mjs";
import { names, stop, until } from "../lab/process.mjs";

const SESSIONS = 4;
// Each session holds its own row and asks for the row of the one before: a chain, not a queue.
const take = (row) => `update his.registration set patient = patient where id = ${row};\n`;

export default {
  what: { zh: "四个会话依次等在一个未提交事务之后", en: "a chain of four sessions waits behind an open transaction" },
  cause: "session.blocked",
  level: 3,
  links: () => [{ rule: "session.idle_transaction" }],
  seconds: 660,
  fix: "根阻塞会话已结束 / root blocker ended",
  async make({ ports }) {
    await blockingSession("fault-blocker", ports.primary, `begin;\n${take(1)}`);
    await until("未提交事务 / the open transaction", 10000, () => count(ports, "state = 'idle in transaction'") >= 1);
    for (let n = 1; n <= SESSIONS; n += 1) {
      await blockingSession(`fault-blocked-${n}`, ports.primary, `begin;\n${take(n + 1)}${take(n)}`);
      await until(`被阻塞的会话 / blocked session ${n}`, 10000, () => count(ports, "wait_event_type = 'Lock'") >= n);
    }
  },
  async mend() {
    await Promise.all(names("fault-block").map((name) => stop(name, "SIGKILL")));
  },
};

function count({ primary }, where) {
  return Number(psql(primary, `select count(*) from pg_stat_activity where datname = 'his' and ${where}`));
}
