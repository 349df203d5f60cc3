//! The agents' port: TLS, enrolment and sessions. Hands validated records to the engine and acknowledges what the engine
//! made durable; knows nothing of storage or judging.

mod accept;
mod addresses;
mod admissions;
mod bucket;
mod budget;
mod conversation;
mod enrollment;
mod heavy;
mod inbound;
mod node_limits;
mod peer;
mod server;
mod session;
mod validate;

pub use accept::{Peer, Port, serve};
pub use admissions::Admissions;
pub use budget::Held;
pub use enrollment::{EnrollmentService, Granted, JoinOffer, NotGranted, Registrar, RenewOffer};
pub use inbound::{Acks, Inbound, Open, Opened, Refusal, RefusedRecord, SessionId};
pub use node_limits::NodeLimits;
pub use peer::KnownNode;
pub use proto::wire::{NackCode, RefusalCode};
pub use server::router;
pub use session::{Drain, SessionOptions, SessionService, reconnect_window};
