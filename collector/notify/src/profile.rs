//! Who is to be told, as far as decisions read it. Where they are and how they are reached is the channel's.

use serde::{Deserialize, Serialize};
use shared_model::Level;
use std::sync::Arc;

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
}
