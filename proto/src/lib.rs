//! The contract between agent and collector: generated messages, their limits, and the way between them and
//! [`shared_model`].
//!
//! [`wire`] is what prost and tonic made of `proto/**/*.proto`. Everything that comes from the other side passes one of
//! the conversions here before it is used: they check sizes, references and texts, and never panic on any bytes. The
//! codecs keep their buffers and zstd contexts, one per task.

mod batch;
mod body;
mod catalog;
mod credit;
mod event;
mod field;
mod frame;
mod gap;
mod hello;
pub mod limits;
mod nack;
mod ranges;
mod renewal;
mod session;
mod welcome;

pub use batch::BatchError;
pub use body::{BodyDecoder, BodyEncoder, DecodeError, EncodeError, EncodedBody};

pub use catalog::{
    CatalogDigest, CatalogError, apply_catalog, catalog_digest, catalog_text_bytes, decode_catalog,
    encode_catalog,
};
pub use credit::Credit;
pub use event::{event_content, event_from_wire, event_to_wire};
pub use field::{FieldError, Problem};
pub use frame::FrameError;
pub use gap::{gap_from_wire, gap_to_wire};
pub use hello::{CatalogVersion, Hello, StreamId};
pub use nack::{NackAction, nack_action};
pub use ranges::{ranges_from_wire, ranges_to_wire};
pub use renewal::renewal_message;
pub use session::{ClockReading, clock_from_wire, down, up};
pub use welcome::Welcome;

/// What an operations centre speaks: `wardround.noc.v1`.
pub mod noc {
    /// The descriptors of `wardround.noc.v1` with their comments, for reflection: a `google.protobuf.FileDescriptorSet`.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/wardround.noc.v1.fds");

    /// The generated messages, clients and servers of `wardround.noc.v1`.
    #[allow(
        missing_docs,
        unreachable_pub,
        unused_qualifications,
        clippy::all,
        clippy::pedantic,
        clippy::restriction,
        reason = "generated code"
    )]
    pub mod wire {
        include!("generated/wardround.noc.v1.rs");
    }
}

/// The protocol number this build speaks.
pub const PROTOCOL: u32 = 1;

/// The generated messages, clients and servers of `wardround.agent.v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated code"
)]
pub mod wire {
    include!("generated/wardround.agent.v1.rs");
}
