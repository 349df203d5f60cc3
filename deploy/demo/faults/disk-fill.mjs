import path from "node:path";
import { drain, fill } from "../lab/disk.mjs";

export default {
  what: { zh: "小文件系统写到只剩 15 %，并有多个写入者", en: "a small file system is filled to 15 % free, with many writers at it" },
  cause: "storage.free_space",
  level: 3,
  links: ({ loop }) => [{ rule: "storage.io_wait", device: path.basename(loop) }],
  seconds: 900,
  fix: "已清理空间 / space cleared",
  async make() {
    await fill();
  },
  async mend() {
    await drain();
  },
};
