// A sysfs tree with one InfiniBand port, written from the kernel's ABI document (Documentation/ABI/stable/
// sysfs-class-infiniband). The first agent reads it in place of /sys, since a demonstration machine has no InfiniBand.

import { closeSync, constants, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";

const COUNTERS = ["symbol_error", "link_error_recovery", "link_downed", "port_rcv_errors", "port_rcv_remote_physical_errors", "port_rcv_switch_relay_errors", "port_xmit_discards", "port_xmit_constraint_errors", "port_rcv_constraint_errors", "local_link_integrity_errors", "excessive_buffer_overrun_errors", "VL15_dropped", "port_xmit_data", "port_rcv_data", "port_xmit_packets", "port_rcv_packets", "port_xmit_wait"];

export function writeTree(root) {
  const device = path.join(root, "sys/class/infiniband/mlx5_0");
  const counters = path.join(device, "ports/1/counters");
  mkdirSync(counters, { recursive: true });
  for (const [file, text] of Object.entries({ fw_ver: "16.35.2000", board_id: "MT_0000000010", hca_type: "MT4119" })) {
    writeFileSync(path.join(device, file), `${text}\n`);
  }
  for (const name of COUNTERS) writeFileSync(path.join(counters, name), "0\n");
  setPort(root, true);
}

// Written in place, since the agent keeps the files of sysfs open: all of a file at once, padded to one length, so that a
// reader never sees half a value.
export function setPort(root, up) {
  const port = path.join(root, "sys/class/infiniband/mlx5_0/ports/1");
  const files = up
    ? { state: "4: ACTIVE", phys_state: "5: LinkUp", rate: "100 Gb/sec (4X EDR)", link_layer: "InfiniBand", "counters/link_downed": "0" }
    : { state: "1: DOWN", phys_state: "2: Polling", rate: "10 Gb/sec (4X)", link_layer: "InfiniBand", "counters/link_downed": "1" };
  for (const [file, text] of Object.entries(files)) {
    const handle = openSync(path.join(port, file), constants.O_RDWR | constants.O_CREAT, 0o644);
    writeSync(handle, `${text}\n`.padEnd(32, "\n"), 0);
    closeSync(handle);
  }
}
