//! The other nodes of the appliance, as this one reaches them: agents probe each other over the management network and over
//! InfiniBand, so that a dead agent, a dead node and a dead path are told apart (ADR 17).
//!
//! No agent opens a port for it: a peer's kernel answers an ICMP echo, or refuses a TCP connection.

mod connect;
mod echo;
mod probe;
mod reach;
mod settings;

pub use echo::may_echo;
pub use probe::PeerProbe;
pub use settings::Peer;
