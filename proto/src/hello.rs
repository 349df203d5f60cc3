//! The opening message of a session, checked.

use crate::field::{FieldError, Problem, at_most, sixteen, text};
use crate::limits::MAX_FEATURES;
use crate::ranges::{ranges_from_wire, ranges_to_wire};
use crate::session::{ClockReading, clock_from_wire};
use crate::{CatalogDigest, wire};
use bytes::Bytes;
use shared_model::{NodeIdentity, Seq, SeqSet};
use std::fmt;
use std::ops::RangeInclusive;

/// The name space of one spool's sequence numbers: 16 random bytes made with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamId(pub [u8; 16]);

/// Which catalog an agent has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CatalogVersion {
    /// Its generation, at least 1.
    pub generation: u32,
    /// Digest of the full catalog at that generation.
    pub digest: CatalogDigest,
}

/// What an agent says of itself when it connects.
#[derive(Clone, PartialEq, Debug)]
pub struct Hello {
    /// Protocol numbers the agent speaks.
    pub protocol: RangeInclusive<u32>,
    /// Optional behaviours it knows.
    pub features: Vec<u32>,
    /// Its spool.
    pub stream: StreamId,
    /// The kernel's boot id.
    pub boot_id: [u8; 16],
    /// Random bytes of this start of the agent's program; `None` from an agent that is too old to have any.
    pub run_id: Option<[u8; 16]>,
    /// Counts the sessions of the stream.
    pub session_no: u64,
    /// Who it believes to be; the certificate decides.
    pub identity: NodeIdentity,
    /// Its catalog, `None` before the first one.
    pub catalog: Option<CatalogVersion>,
    /// What it holds that is not acknowledged.
    pub spooled: SeqSet,
    /// The number its next record will get.
    pub next_seq: Seq,
    /// Its clocks.
    pub clock: ClockReading,
    /// Version of its program.
    pub agent_version: String,
}

/// 32 hexadecimal digits.
impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<&Hello> for wire::Hello {
    fn from(hello: &Hello) -> Self {
        let digest = hello.catalog.map(|c| Bytes::copy_from_slice(&c.digest.0));
        Self {
            protocol_min: *hello.protocol.start(),
            protocol_max: *hello.protocol.end(),
            features: hello.features.clone(),
            stream_id: Bytes::copy_from_slice(&hello.stream.0),
            boot_id: Bytes::copy_from_slice(&hello.boot_id),
            session_no: hello.session_no,
            identity: hello.identity.to_string(),
            catalog_generation: hello.catalog.map_or(0, |c| c.generation),
            catalog_digest: digest.unwrap_or_default(),
            spooled: ranges_to_wire(&hello.spooled),
            clock: Some(hello.clock.into()),
            agent_version: hello.agent_version.clone(),
            next_seq: hello.next_seq.0,
            run_id: hello.run_id.map(|id| Bytes::copy_from_slice(&id)).unwrap_or_default(),
        }
    }
}

impl TryFrom<wire::Hello> for Hello {
    type Error = FieldError;

    fn try_from(hello: wire::Hello) -> Result<Self, FieldError> {
        let (min, max) = (hello.protocol_min, hello.protocol_max);
        if min == 0 || min > max {
            return Err(FieldError::number("Hello.protocol_min", min.into()));
        }
        if hello.next_seq == 0 {
            return Err(FieldError::number("Hello.next_seq", 0));
        }
        at_most("Hello.features", hello.features.len(), MAX_FEATURES)?;
        let identity: Result<NodeIdentity, _> = hello.identity.parse();
        let catalog = match (hello.catalog_generation, &hello.catalog_digest) {
            (0, digest) if digest.is_empty() => None,
            (0, _) => return Err(FieldError::number("Hello.catalog_generation", 0)),
            (generation, digest) => Some(CatalogVersion {
                generation,
                digest: CatalogDigest(sixteen("Hello.catalog_digest", digest)?),
            }),
        };
        Ok(Self {
            protocol: min..=max,
            features: hello.features,
            stream: StreamId(sixteen("Hello.stream_id", &hello.stream_id)?),
            boot_id: sixteen("Hello.boot_id", &hello.boot_id)?,
            session_no: hello.session_no,
            identity: identity.map_err(|e| FieldError {
                field: "Hello.identity",
                problem: Problem::Text(e.to_string()),
            })?,
            catalog,
            spooled: ranges_from_wire("Hello.spooled", &hello.spooled)?,
            next_seq: Seq(hello.next_seq),
            run_id: match hello.run_id.is_empty() {
                true => None,
                false => Some(sixteen("Hello.run_id", &hello.run_id)?),
            },
            clock: clock_from_wire("Hello.clock", hello.clock.as_ref())?,
            agent_version: text("Hello.agent_version", hello.agent_version)?,
        })
    }
}
