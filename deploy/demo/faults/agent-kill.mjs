import { startAgent } from "../lab/daemons.mjs";
import { stop } from "../lab/process.mjs";

export default {
  what: { zh: "第一个代理被杀，第二个仍看得到数据库", en: "the first agent is killed, the second still sees the database" },
  cause: "monitoring.node_silent",
  level: 3,
  links: () => [{ rule: "monitoring.probe_data" }],
  seconds: 120,
  fix: "采集代理已重新启动 / agent started again",
  async make() {
    await stop("node-1", "SIGKILL");
  },
  async mend({ bin }) {
    await startAgent(bin, "node-1");
  },
};
