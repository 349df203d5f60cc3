import { answers, startLoad, startServer, stopServer } from "../lab/postgres.mjs";

export default {
  what: { zh: "主库、备库均停止", en: "primary and standby are stopped" },
  cause: "db.down",
  level: 1,
  links: ({ ports }) => [{ rule: "db.instance_up", instance: `127.0.0.1:${ports.standby}` }, { rule: "core.service_up" }],
  seconds: 60,
  fix: "数据库已重新启动，备库恢复同步 / database and standby started again",
  async make() {
    await Promise.all([stopServer("primary"), stopServer("standby")]);
  },
  async mend({ ports }) {
    await startServer("primary");
    await answers(ports.primary);
    await startServer("standby");
    await answers(ports.standby);
    await startLoad(ports.primary);
  },
};
