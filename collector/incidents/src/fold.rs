//! From ledger entries to incidents. The machine changes an incident in no other way, so what people see and what the
//! ledger proves are the same.

mod change;
mod check;
mod sheet;

use crate::catalogue::Catalogue;
use crate::notes::note;
use change::{change, opened};
use check::check;
use collector_domain::{Entry, EntryKind, Incident, IncidentId, IncidentState, Rule};
use shared_model::Timestamp;
use std::collections::BTreeMap;

/// Replays a whole ledger, oldest entry first. Titles and runbooks are taken from `rules`.
///
/// State, level, cause, clocks, own condition, links and the handling record come out as the machine had them. Conditions and
/// values of links and the last value are not in the ledger.
///
/// # Errors
/// The first entry that no history can hold: see [`FoldError`].
pub fn fold<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    rules: &[Rule],
) -> Result<BTreeMap<IncidentId, Incident>, FoldError> {
    let catalogue = Catalogue::new(rules);
    let mut incidents = BTreeMap::new();
    let mut last = None;
    for entry in entries {
        if last.is_some_and(|last| entry.at < last) {
            return Err(FoldError::TimeWentBack { incident: entry.incident, at: entry.at });
        }
        last = Some(entry.at);
        apply(&mut incidents, entry, &catalogue)?;
    }
    Ok(incidents)
}

/// A ledger that is followed entry by entry. What is closed is handed out and forgotten, so that the memory it takes is that of
/// the unfinished incidents.
#[derive(Clone, Debug)]
pub struct History {
    catalogue: Catalogue,
    unfinished: BTreeMap<IncidentId, Incident>,
}

impl History {
    /// Before the first entry. Titles and runbooks are taken from `rules`.
    pub fn new(rules: &[Rule]) -> Self {
        Self { catalogue: Catalogue::new(rules), unfinished: BTreeMap::new() }
    }

    /// Takes the next entry; yields the incident that it ended, as [`fold`] would have it.
    ///
    /// # Errors
    /// [`FoldError`]; nothing has changed then.
    pub fn apply(&mut self, entry: &Entry) -> Result<Option<Incident>, FoldError> {
        apply(&mut self.unfinished, entry, &self.catalogue)?;
        let is_final = self.unfinished.get(&entry.incident).is_some_and(|i| i.state.is_final());
        Ok(if is_final { self.unfinished.remove(&entry.incident) } else { None })
    }
}

/// Why a list of entries is not a history.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum FoldError {
    /// An entry is older than the one before it.
    #[error("entry of incident {incident} at {at} is older than the entry before it")]
    TimeWentBack {
        /// Whose entry.
        incident: IncidentId,
        /// When it says it happened.
        at: Timestamp,
    },
    /// Opened twice.
    #[error("incident {0} was opened before")]
    OpenedTwice(IncidentId),
    /// A transition of an incident that was never opened.
    #[error("incident {0} was never opened")]
    NeverOpened(IncidentId),
    /// A transition that its state does not allow.
    #[error("incident {incident} was {state} at {at}, which does not allow the next entry")]
    Impossible {
        /// Which incident.
        incident: IncidentId,
        /// Its state before the entry.
        state: IncidentState,
        /// When the entry says it happened.
        at: Timestamp,
    },
    /// An entry claims the contrary of what the clocks say.
    #[error("entry of incident {incident} at {at} contradicts the due time {due}")]
    Punctuality {
        /// Which incident.
        incident: IncidentId,
        /// When the entry says it happened.
        at: Timestamp,
        /// The due time in force.
        due: Timestamp,
    },
}

/// Applies one entry. Nothing has changed when it answers an error.
pub(crate) fn apply(
    incidents: &mut BTreeMap<IncidentId, Incident>,
    entry: &Entry,
    catalogue: &Catalogue,
) -> Result<(), FoldError> {
    if entry.incident == IncidentId::NONE {
        return Ok(());
    }
    if let EntryKind::Opened { .. } = entry.kind {
        if incidents.contains_key(&entry.incident) {
            return Err(FoldError::OpenedTwice(entry.incident));
        }
        if let Some(incident) = opened(entry, catalogue) {
            incidents.insert(entry.incident, incident);
        }
    }
    let incident =
        incidents.get_mut(&entry.incident).ok_or(FoldError::NeverOpened(entry.incident))?;
    check(incident, entry)?;
    change(incident, entry, catalogue);
    note(incident, entry);
    Ok(())
}
