import { availableParallelism } from "node:os";
import { names, start, stop } from "../lab/process.mjs";

export default {
  what: { zh: "所有核心跑满", en: "all cores are burned" },
  cause: "os.cpu_busy",
  level: 3,
  links: () => [{ rule: "os.long_high_load" }],
  seconds: 2400,
  fix: "高负载进程已结束 / busy processes ended",
  async make() {
    for (let n = 0; n < availableParallelism(); n += 1) await start(`fault-burn-${n}`, "nice", ["-n", "19", "bash", "-c", "while :; do :; done"]);
  },
  async mend() {
    await Promise.all(names("fault-burn-").map((name) => stop(name, "SIGKILL")));
  },
};
