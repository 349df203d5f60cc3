import { answers, startLoad, startServer, stopServer } from "../lab/postgres.mjs";

export default {
  what: { zh: "主库停止，备库可用", en: "the primary is stopped, its standby is usable" },
  cause: "db.down_standby_usable",
  level: 2,
  links: ({ ports }) => [{ rule: "core.service_up" }, { rule: "db.replication", instance: `127.0.0.1:${ports.standby}` }],
  seconds: 120,
  fix: "主库已重新启动 / primary started again",
  async make() {
    await stopServer("primary");
  },
  async mend({ ports }) {
    await startServer("primary");
    await answers(ports.primary);
    await startLoad(ports.primary);
  },
};
