//! The agents' port: TLS, enrolment and sessions. Hands validated records to the engine and acknowledges what the engine
//! made durable; knows nothing of storage or judging.

mod accept;
mod enrollment;
mod inbound;
mod peer;
mod server;
mod session;
mod validate;

pub use accept::{Peer, serve};
pub use enrollment::{EnrollmentService, Granted, JoinOffer, NotGranted, Registrar, RenewOffer};
pub use inbound::{Acks, Inbound, Open, Opened, Refusal, SessionId};
pub use peer::KnownNode;
pub use proto::wire::RefusalCode;
pub use server::router;
pub use session::{RECONNECT_WINDOW, SessionService};
