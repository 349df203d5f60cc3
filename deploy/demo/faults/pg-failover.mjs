import { answers, startLoad, startServer, stopServer } from "../lab/postgres.mjs";

export default {
  what: "the primary is stopped, its standby is usable",
  cause: "db.down_standby_usable",
  level: 2,
  links: ["core.service_up", "db.replication"],
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
