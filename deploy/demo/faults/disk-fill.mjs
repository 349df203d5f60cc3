import { drain, fill } from "../lab/disk.mjs";

export default {
  what: "a small file system is filled to 15 % free, with many writers at it",
  cause: "storage.free_space",
  level: 3,
  links: ["storage.io_wait"],
  seconds: 900,
  fix: "已清理空间 / space cleared",
  async make() {
    await fill();
  },
  async mend() {
    await drain();
  },
};
