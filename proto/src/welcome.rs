//! The collector's answer to a Hello, checked.

use crate::credit::Credit;
use crate::field::{FieldError, at_most};
use crate::limits::{HEARTBEAT, MAX_FEATURES, MAX_RECONNECT_WINDOW};
use crate::ranges::{ranges_from_wire, ranges_to_wire};
use crate::session::{ClockReading, clock_from_wire};
use crate::wire;
use shared_model::SeqSet;
use std::time::Duration;

/// On what terms the collector takes the session.
#[derive(Clone, PartialEq, Debug)]
pub struct Welcome {
    /// The protocol number both speak.
    pub protocol: u32,
    /// The optional behaviours both take part in.
    pub features: Vec<u32>,
    /// Counts takeovers between collectors that share a state; never falls.
    pub session_epoch: u64,
    /// What the collector holds on disk; may be cut short.
    pub acked: SeqSet,
    /// Whether it lacks the agent's catalog.
    pub need_catalog: bool,
    /// How much backfill may be on the way.
    pub credit: Credit,
    /// A heartbeat is due after this much silence, within [`HEARTBEAT`].
    pub heartbeat: Duration,
    /// Window of the first attempt after a lost session, at most [`MAX_RECONNECT_WINDOW`].
    pub reconnect_window: Duration,
    /// The collector's clocks.
    pub clock: ClockReading,
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

impl From<&Welcome> for wire::Welcome {
    fn from(welcome: &Welcome) -> Self {
        Self {
            protocol: welcome.protocol,
            features: welcome.features.clone(),
            session_epoch: welcome.session_epoch,
            acked: ranges_to_wire(&welcome.acked),
            need_catalog: welcome.need_catalog,
            credit_bytes: welcome.credit.bytes,
            credit_batches: welcome.credit.batches,
            hold_backfill: welcome.credit.hold,
            heartbeat_ms: millis(welcome.heartbeat),
            reconnect_window_ms: millis(welcome.reconnect_window),
            clock: Some(welcome.clock.into()),
        }
    }
}

impl TryFrom<wire::Welcome> for Welcome {
    type Error = FieldError;

    fn try_from(welcome: wire::Welcome) -> Result<Self, FieldError> {
        at_most("Welcome.features", welcome.features.len(), MAX_FEATURES)?;
        if welcome.protocol == 0 {
            return Err(FieldError::number("Welcome.protocol", 0));
        }
        let heartbeat = Duration::from_millis(welcome.heartbeat_ms.into());
        if heartbeat < HEARTBEAT.0 || heartbeat > HEARTBEAT.1 {
            return Err(FieldError::number("Welcome.heartbeat_ms", welcome.heartbeat_ms.into()));
        }
        let window = Duration::from_millis(welcome.reconnect_window_ms.into());
        if window > MAX_RECONNECT_WINDOW {
            let found = welcome.reconnect_window_ms.into();
            return Err(FieldError::number("Welcome.reconnect_window_ms", found));
        }
        Ok(Self {
            protocol: welcome.protocol,
            features: welcome.features,
            session_epoch: welcome.session_epoch,
            acked: ranges_from_wire("Welcome.acked", &welcome.acked)?,
            need_catalog: welcome.need_catalog,
            credit: Credit {
                bytes: welcome.credit_bytes,
                batches: welcome.credit_batches,
                hold: welcome.hold_backfill,
            },
            heartbeat,
            reconnect_window: window,
            clock: clock_from_wire("Welcome.clock", welcome.clock.as_ref())?,
        })
    }
}
