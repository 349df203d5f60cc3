//! Whether a core database service takes writes: what downtime is made of (M-156).

use serde::{Deserialize, Serialize};

/// The three values. Unknown time is counted apart, never as up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// Somebody sees an instance that takes writes.
    Up,
    /// Two witnesses see none.
    Down,
    /// Nobody can say, the collector's own absence among the reasons.
    Unknown,
}

impl ServiceState {
    /// The word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}
