//! All incidents as they were at one point of the ledger.

use crate::Incident;
use std::ops::Deref;
use std::sync::Arc;

/// An incident and its revision: the number of the ledger entry that changed it last.
#[derive(Clone, PartialEq, Debug)]
pub struct IncidentRevision {
    /// Never falls. The value judged last moves without it.
    pub revision: u64,
    /// The incident; shared between sets while it does not change.
    pub incident: Arc<Incident>,
}

/// All incidents at one revision.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct IncidentSet {
    /// Entries of the ledger; never below the revision of any incident.
    pub revision: u64,
    /// In ascending order of number.
    pub incidents: Vec<IncidentRevision>,
}

impl Deref for IncidentRevision {
    type Target = Incident;

    fn deref(&self) -> &Incident {
        &self.incident
    }
}

impl IncidentSet {
    /// What changed after `revision`, oldest change first, each incident once.
    pub fn changed_after(&self, revision: u64) -> Vec<IncidentRevision> {
        let newer = self.incidents.iter().filter(|i| i.revision > revision);
        let mut changed: Vec<IncidentRevision> = newer.cloned().collect();
        changed.sort_by_key(|incident| (incident.revision, incident.id));
        changed
    }
}
