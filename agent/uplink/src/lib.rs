//! The agent's end of the session with the collector: spool, sender, enrolment.
//!
//! What is offered is numbered and written to the spool before it is sent, sent until the collector confirms that it is
//! on its disk, and declared lost when it cannot be kept. A number is used once.

mod backoff;
mod clock_offset;
mod enroll;
mod host;
mod link;
mod outage;
mod session;
pub mod spool;
mod sync;
mod task;
#[cfg(test)]
mod tests;
mod uplink;
mod window;

pub use enroll::{EnrollError, Joined, join, renew};
pub use host::read_boot_id;
pub use link::{LinkError, reach};
pub use spool::{OfferError, SpoolError, SpoolLimits};
pub use task::{UplinkTask, start};
pub use uplink::{Uplink, UplinkConfig, UplinkStatus};
