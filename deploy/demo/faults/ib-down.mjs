import { setPort } from "../lab/infiniband.mjs";

export default {
  what: {
    zh: "第一个节点唯一的 InfiniBand 端口断开（改的是演示写出的 sysfs 文件树，不是真实硬件）",
    en: "the only InfiniBand port of the first node goes down (in a made tree of sysfs files, not in real hardware)",
  },
  cause: "ib.no_active_port",
  level: 2,
  links: () => [],
  seconds: 30,
  fix: "线缆已重新插接 / cable reseated",
  async make({ ibRoot }) {
    setPort(ibRoot, false);
  },
  async mend({ ibRoot }) {
    setPort(ibRoot, true);
  },
};
