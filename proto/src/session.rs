//! Pieces that several messages of a session share.

use crate::field::FieldError;
use crate::wire;
use shared_model::{BootTime, Timestamp};

/// A node's or collector's clocks, read together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockReading {
    /// Wall clock.
    pub wall: Timestamp,
    /// Time since boot.
    pub boot: BootTime,
    /// Whether the kernel calls the wall clock synchronised.
    pub synced: bool,
}

impl From<ClockReading> for wire::Clock {
    fn from(clock: ClockReading) -> Self {
        Self {
            wall_us: clock.wall.as_micros(),
            boot_us: clock.boot.as_micros(),
            synced: clock.synced,
        }
    }
}

/// The clocks in `field`, which must be set.
pub fn clock_from_wire(
    field: &'static str,
    clock: Option<&wire::Clock>,
) -> Result<ClockReading, FieldError> {
    let clock = clock.ok_or(FieldError::missing(field))?;
    Ok(ClockReading {
        wall: Timestamp::from_micros(clock.wall_us),
        boot: BootTime::from_micros(clock.boot_us),
        synced: clock.synced,
    })
}

/// A message from the agent.
pub fn up(message: impl Into<wire::up::Message>) -> wire::Up {
    wire::Up { message: Some(message.into()) }
}

/// A message from the collector.
pub fn down(message: impl Into<wire::down::Message>) -> wire::Down {
    wire::Down { message: Some(message.into()) }
}

macro_rules! variants {
    ($of:ident: $($name:ident),*) => {
        $(impl From<wire::$name> for wire::$of::Message {
            fn from(message: wire::$name) -> Self {
                Self::$name(message)
            }
        })*
    };
}

variants!(up: Batch, Heartbeat, Event, Gap, Catalog, Hello, Goodbye);
variants!(down: Ack, Nack, HeartbeatReply, Welcome, Drain, Revoked);
