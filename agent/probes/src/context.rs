//! What all probes are given.

use agent_probe::{EventSource, HostRoot};
use shared_model::Clock;
use std::fmt;
use std::sync::Arc;

/// The servers of the databases of chapter 2.1; `oracle` takes its background processes (`ora_`) with it.
const DATABASES: [&str; 5] = ["postgres", "mysqld", "mariadbd", "oracle", "sqlservr"];

/// Where the probes read and what they are told.
#[derive(Clone)]
pub struct Context {
    /// The host's file systems, or a captured tree.
    pub root: HostRoot,
    /// Another tree for `/sys/class/infiniband` alone, such as one written by a fabric simulator; `None` for `root`.
    pub infiniband_root: Option<HostRoot>,
    /// Mount points that the probe `filesystem` leaves out besides node_exporter's default list, each with everything
    /// below it: `/mnt/scratch`.
    pub filesystem_exclude: Vec<String>,
    /// Mount points that the probe `filesystem` samples alone, each with everything below it; empty for all.
    pub filesystem_include: Vec<String>,
    /// Block devices that the probe `diskstats` samples although node_exporter's default list leaves them out: `loop0`.
    pub diskstats_include: Vec<String>,
    /// Mount points whose devices hold the database's data, logs and redo, which the clause on I/O wait (§3.3) speaks of;
    /// empty for every local file system.
    pub data_mounts: Vec<String>,
    /// Programs whose processes the probe `processes` watches together, by the name that the kernel knows them by.
    pub process_groups: Vec<String>,
    /// Whether the probe `kmsg` counts what programs wrote to `/dev/kmsg` as if the kernel had: for tests alone.
    pub kmsg_injected: bool,
    /// Opens what adapters report about their ports by themselves, where this build and this node have it; the probe
    /// `infiniband` is woken by it, else by changes of network links.
    pub port_events: fn() -> Option<Box<dyn EventSource>>,
    /// The time that probes report and measure with.
    pub clock: Arc<dyn Clock>,
}

impl Context {
    /// The given tree, nothing excluded besides the defaults.
    pub fn new(root: HostRoot, clock: Arc<dyn Clock>) -> Self {
        Self {
            root,
            infiniband_root: None,
            filesystem_exclude: Vec::new(),
            filesystem_include: Vec::new(),
            diskstats_include: Vec::new(),
            data_mounts: Vec::new(),
            process_groups: DATABASES.map(str::to_owned).to_vec(),
            kmsg_injected: false,
            port_events: || None,
            clock,
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("root", &self.root)
            .field("infiniband_root", &self.infiniband_root)
            .field("filesystem_exclude", &self.filesystem_exclude)
            .field("filesystem_include", &self.filesystem_include)
            .field("diskstats_include", &self.diskstats_include)
            .field("data_mounts", &self.data_mounts)
            .finish_non_exhaustive()
    }
}
