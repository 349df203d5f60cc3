import { setPort } from "../lab/infiniband.mjs";

export default {
  what: "the only InfiniBand port of the first node goes down",
  cause: "ib.no_active_port",
  level: 2,
  links: [],
  seconds: 30,
  fix: "线缆已重新插接 / cable reseated",
  async make({ ibRoot }) {
    setPort(ibRoot, false);
  },
  async mend({ ibRoot }) {
    setPort(ibRoot, true);
  },
};
