//! The InfiniBand fabric as a whole: every port of every node, switches among them, asked by management datagrams through
//! `/dev/infiniband/umad*`; and, behind the feature `rdma`, what the adapters of this node report by themselves.
//!
//! Nothing is ever written to the fabric, no counter is reset. One agent of an appliance reads; every datagram may stay
//! without an answer, which costs that port and no other.

mod attribute;
mod bytes;
mod counters;
mod discovery;
mod emit;
mod mad;
mod metrics;
#[cfg(feature = "rdma")]
mod port_events;
mod probe;
mod reading;
mod topology;
mod umad;

#[cfg(feature = "rdma")]
pub use port_events::{PortEvent, PortEventKind, PortEvents};
pub use probe::{FabricProbe, FabricSettings, NAME, SPEEDS};
