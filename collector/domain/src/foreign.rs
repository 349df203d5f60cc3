//! Alerts of other systems, such as a Prometheus that takes this collector for its Alertmanager.

use serde::{Deserialize, Serialize};
use shared_model::{Labels, Timestamp};

/// The cause of an incident that another system's alert opened. Its check is that system's.
pub const FOREIGN: &str = "foreign.alert";
/// Alerts of one request.
pub const FOREIGN_ALERTS_MAX: usize = 1_000;
/// Alerts that are remembered at once.
pub const FOREIGN_KEPT_MAX: usize = 2_000;
/// Labels of one alert.
pub const FOREIGN_LABELS_MAX: usize = 32;
/// Characters of a label's name or value.
pub const FOREIGN_LABEL_MAX_CHARS: usize = 256;
/// Characters of a summary that are kept.
pub const FOREIGN_SUMMARY_MAX_CHARS: usize = 1_000;

/// One alert as another system says it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ForeignAlert {
    /// Its labels, which are what it is known by; `severity` decides its level by the contract.
    pub labels: Labels,
    /// What it says.
    pub summary: String,
    /// Since when it fires.
    pub starts: Timestamp,
    /// When it ends: past, it is resolved; to come, it is unknown from then on unless it is said again.
    pub ends: Option<Timestamp>,
}
