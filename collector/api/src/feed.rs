//! What has changed for somebody who watches incidents: shared by the stream of gRPC and that of the browser.
//!
//! A feed keeps no backlog: it knows only the revision up to which everything was told and compares that with the newest
//! set of incidents. So a slow client costs a few messages of memory, however much happens.

use crate::filter::Filter;
use collector_domain::{IncidentId, IncidentRevision, IncidentSet};
use std::collections::BTreeSet;

/// What one client has been told.
pub(crate) struct Feed {
    filter: Filter,
    /// Everything up to here was told.
    told: u64,
    /// It began somewhere else than at the beginning, so the client may hold incidents that this feed never told.
    resumed: bool,
    /// Incidents that matched when they were told last. Not more than there are incidents.
    held: BTreeSet<IncidentId>,
}

/// One change.
#[derive(Debug)]
pub(crate) enum Told {
    /// The incident as it is now.
    Incident(IncidentRevision),
    /// It does not match any more.
    Unmatched(IncidentId),
}

impl Feed {
    /// A feed of what changed after `revision`.
    pub(crate) fn new(filter: Filter, revision: u64) -> Self {
        Self { filter, told: revision, resumed: revision > 0, held: BTreeSet::new() }
    }

    /// Everything up to this revision was told.
    pub(crate) fn told(&self) -> u64 {
        self.told
    }

    /// What has changed, oldest change first; each is to be passed to [`Feed::tell`] in this order, and then the set to
    /// [`Feed::caught_up`].
    pub(crate) fn changes(&self, set: &IncidentSet) -> Vec<IncidentRevision> {
        set.changed_after(self.told)
    }

    /// What is told of one change; `None` when the client has nothing to do with it.
    pub(crate) fn tell(&mut self, change: IncidentRevision) -> Option<Told> {
        self.told = self.told.max(change.revision);
        let id = change.id;
        if self.filter.matches(&change) {
            self.held.insert(id);
            return Some(Told::Incident(change));
        }
        let was_held = self.held.remove(&id);
        (was_held || self.resumed).then_some(Told::Unmatched(id))
    }

    /// Everything that the set holds was told.
    pub(crate) fn caught_up(&mut self, set: &IncidentSet) {
        self.told = self.told.max(set.revision);
    }
}
