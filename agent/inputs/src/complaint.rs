//! What an input could not use of what it was given.

use agent_probe::{Outcome, ProbeError};

/// Complaints kept per round: the first few say what there is to say.
const MAX_COMPLAINTS: usize = 16;

/// Collects the complaints of one round.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    kept: Vec<ProbeError>,
    count: u64,
}

impl Complaints {
    /// Something that was given cannot be used. `what` names where it stands and what should have stood there, and never
    /// repeats the value itself, which may be anything.
    pub(crate) fn add(&mut self, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.kept.len() < MAX_COMPLAINTS {
            self.kept.push(ProbeError::Query { what: what() });
        }
    }

    /// How many there were, kept or not.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How the round ended, when what it observed is worth keeping.
    pub(crate) fn outcome(self) -> Outcome {
        Outcome::with_complaints(self.kept)
    }
}
