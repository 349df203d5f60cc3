//! gRPC for an operations centre: `wardround.noc.v1.Incidents`, health and reflection.
//!
//! Every call passes one gate ([`gate`]): a verified client certificate that names an account, which the settings still admit.
//! Open streams are held against the settings again whenever those change, and each second for expiry.

mod convert;
mod deed;
mod gate;
mod health;
mod incidents;
mod places;
mod refusal;
mod router;
mod watch;

pub use gate::Caller;
pub use router::{NocError, noc_router};
