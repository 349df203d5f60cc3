//! The uplink against a collector that stands on the real wire: TCP on loopback, mutual TLS, HTTP/2, gRPC. Waits are
//! for states, never for times.

mod collector;
mod enroll;
mod lanes;
mod narrow;
mod node;
mod session;
mod sync;
