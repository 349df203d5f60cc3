//! Who is to be told, as far as decisions read it. Where they are and how they are reached is the channel's.

use serde::{Deserialize, Serialize};
use shared_model::Level;
use std::sync::Arc;
use std::time::Duration;

/// The receivers, and whom they are told about. An input of decisions: journalled at every start.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Profile {
    /// Whose incidents these are.
    pub origin: Origin,
    /// The receivers, in the order of the configuration.
    pub receivers: Vec<Receiver>,
}

/// Whose incidents these are; becomes labels, and part of every key, so that no two appliances share one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Origin {
    /// Service provider.
    pub provider: String,
    /// Hospital.
    pub hospital: String,
    /// Appliance.
    pub appliance: String,
}

/// One receiver.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Receiver {
    /// Its name, unique.
    pub name: Arc<str>,
    /// The levels it is told of.
    pub levels: Vec<Level>,
    /// Whether it is told of resolutions.
    pub send_resolved: bool,
    /// A step of the escalation ladder: it is told only when nobody has responded for so long (mission §2.8.2), to the second.
    /// Zero is told at once.
    #[serde(default)]
    pub after: Duration,
    /// Levels 3 and 4 wait so long for others that can go in the same message.
    #[serde(default)]
    pub group_wait: Duration,
    /// Messages a minute that it takes; `None` for as many as there are.
    #[serde(default)]
    pub per_minute: Option<u32>,
}
