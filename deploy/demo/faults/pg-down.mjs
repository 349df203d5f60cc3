import { answers, startLoad, startServer, stopServer } from "../lab/postgres.mjs";

export default {
  what: "primary and standby are stopped",
  cause: "db.down",
  level: 1,
  links: ["db.instance_up", "core.service_up"],
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
