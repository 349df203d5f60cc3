//! Input `ceph`: one cluster, seen twice.
//!
//! [`CephClusterProbe`] asks the active manager for the state of the whole cluster, under ceph-mgr's own names.
//! [`CephDaemonsProbe`] asks the daemons of this node by their admin sockets, in milliseconds and without key or network, so that
//! a lost quorum and a slow daemon are still seen when the manager is dead or answers out of an old map.
//!
//! Both carry the cluster's fsid as `instance`: whoever reads, and however many do, the rules judge one subject.

mod checks;
mod cluster;
mod daemon;
mod daemons;
mod derived;
mod fsid;
mod metrics;
mod recovery;
mod settings;
mod socket;

pub use cluster::CephClusterProbe;
pub use daemons::CephDaemonsProbe;
pub use settings::Ceph;
