//! From ledger entries to incidents. The machine changes an incident in no other way, so what people see and what the
//! ledger proves are the same.

use crate::LINKS_MAX;
use crate::catalogue::Catalogue;
use crate::notes::note;
use collector_domain::{
    Actor, Clocks, Condition, Entry, EntryKind, Incident, IncidentId, IncidentState, LevelChange,
    Link, Rule,
};
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

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

    /// Takes the next entry; yields the incident that it closed, as [`fold`] would have it.
    ///
    /// # Errors
    /// [`FoldError`]; nothing has changed then.
    pub fn apply(&mut self, entry: &Entry) -> Result<Option<Incident>, FoldError> {
        apply(&mut self.unfinished, entry, &self.catalogue)?;
        Ok(match entry.kind {
            EntryKind::Closed => self.unfinished.remove(&entry.incident),
            _ => None,
        })
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

fn opened(entry: &Entry, catalogue: &Catalogue) -> Option<Incident> {
    let EntryKind::Opened {
        cause,
        subject,
        clause,
        level,
        occurred,
        value,
        response_due,
        resolution_due,
        late,
        ..
    } = &entry.kind
    else {
        return None;
    };
    let (title, advice) = catalogue.texts(cause, *level);
    let why = "opened".to_owned();
    Some(Incident {
        id: entry.incident,
        cause: Arc::clone(cause),
        subject: subject.clone(),
        clause: clause.clone(),
        title,
        advice,
        level: *level,
        level_highest: *level,
        levels: vec![LevelChange { at: entry.at, level: *level, why }],
        state: IncidentState::Open,
        condition: Condition::Breached,
        value: *value,
        late: *late,
        clocks: started(*occurred, entry.at, *response_due, *resolution_due),
        links: Vec::new(),
        reopened: 0,
        acknowledged_by: None,
        fix: None,
        notes: Vec::new(),
        evidence: Vec::new(),
    })
}

fn started(
    occurred: Timestamp,
    detected: Timestamp,
    response_due: Timestamp,
    resolution_due: Timestamp,
) -> Clocks {
    Clocks {
        occurred,
        detected,
        response_due,
        resolution_due,
        acknowledged: None,
        resolved: None,
        verified: None,
        watch_until: None,
        closed: None,
        response_missed: None,
        resolution_missed: None,
    }
}

/// Whether the incident can take this entry.
fn check(incident: &Incident, entry: &Entry) -> Result<(), FoldError> {
    use IncidentState::{Acknowledged, Closed, Open, Resolved, Verifying, Watching};
    let state = incident.state;
    let possible = match entry.kind {
        EntryKind::Opened { .. } => true,
        EntryKind::Linked { .. }
        | EntryKind::Condition { .. }
        | EntryKind::LateCondition { .. }
        | EntryKind::Evidence { .. } => state != Closed,
        // A level never falls.
        EntryKind::Reclassified { level, .. } => state != Closed && level <= incident.level,
        EntryKind::Acknowledged { .. } | EntryKind::ResponseMissed => state == Open,
        EntryKind::ResolutionMissed => matches!(state, Open | Acknowledged),
        EntryKind::Resolved { .. } => state == Acknowledged,
        EntryKind::VerifyAsked => state == Resolved,
        EntryKind::VerifyFailed { .. } | EntryKind::Verified { .. } => state == Verifying,
        EntryKind::Reopened { .. } => matches!(state, Resolved | Verifying | Watching),
        EntryKind::Closed => state == Watching,
    };
    if !possible {
        return Err(FoldError::Impossible { incident: incident.id, state, at: entry.at });
    }
    let clocks = &incident.clocks;
    let claim = match entry.kind {
        EntryKind::Acknowledged { in_time } => Some((in_time, clocks.response_due)),
        EntryKind::ResponseMissed => Some((false, clocks.response_due)),
        EntryKind::Resolved { in_time, .. } => Some((in_time, clocks.resolution_due)),
        EntryKind::ResolutionMissed => Some((false, clocks.resolution_due)),
        _ => None,
    };
    match claim {
        Some((in_time, due)) if in_time != (entry.at <= due) => {
            Err(FoldError::Punctuality { incident: incident.id, at: entry.at, due })
        }
        _ => Ok(()),
    }
}

fn change(incident: &mut Incident, entry: &Entry, catalogue: &Catalogue) {
    let at = entry.at;
    match &entry.kind {
        EntryKind::Opened { .. } | EntryKind::LateCondition { .. } => {}
        EntryKind::Linked { rule, subject } => link(incident, rule, subject, at),
        EntryKind::Reclassified { .. } => reclassify(incident, entry, catalogue),
        EntryKind::Condition { condition, value, .. } => {
            incident.condition = *condition;
            incident.value = *value;
        }
        EntryKind::Evidence { exhibit } => incident.evidence.push(exhibit.clone()),
        EntryKind::Acknowledged { .. } => {
            incident.state = IncidentState::Acknowledged;
            incident.clocks.acknowledged = Some(at);
            incident.acknowledged_by = match &entry.actor {
                Actor::Person(name) => Some(name.clone()),
                Actor::Collector => None,
            };
        }
        EntryKind::ResponseMissed => incident.clocks.response_missed = Some(at),
        EntryKind::ResolutionMissed => incident.clocks.resolution_missed = Some(at),
        EntryKind::Resolved { fix, .. } => {
            incident.state = IncidentState::Resolved;
            incident.clocks.resolved = Some(at);
            incident.fix = Some(fix.clone());
        }
        EntryKind::VerifyAsked => incident.state = IncidentState::Verifying,
        EntryKind::VerifyFailed { .. } => {
            incident.state = IncidentState::Acknowledged;
            incident.clocks.resolved = None;
        }
        EntryKind::Verified { watch_until } => {
            incident.state = IncidentState::Watching;
            incident.clocks.verified = Some(at);
            incident.clocks.watch_until = Some(*watch_until);
        }
        EntryKind::Reopened { occurred, response_due, resolution_due } => {
            let before = incident.clocks.clone();
            incident.clocks = Clocks {
                // A limit that was missed stays missed; the run that begins now may add its own.
                response_missed: before.response_missed,
                resolution_missed: before.resolution_missed,
                ..started(*occurred, at, *response_due, *resolution_due)
            };
            incident.state = IncidentState::Open;
            incident.condition = Condition::Breached;
            incident.reopened = incident.reopened.saturating_add(1);
            incident.acknowledged_by = None;
            incident.fix = None;
        }
        EntryKind::Closed => {
            incident.state = IncidentState::Closed;
            incident.clocks.closed = Some(at);
        }
    }
}

fn link(incident: &mut Incident, rule: &Arc<str>, subject: &Labels, at: Timestamp) {
    let known = incident.links.iter().any(|l| l.rule == *rule && l.subject == *subject);
    if !known && incident.links.len() < LINKS_MAX {
        incident.links.push(Link {
            rule: Arc::clone(rule),
            subject: subject.clone(),
            at,
            condition: Condition::Breached,
            value: None,
        });
    }
}

/// When the new cause was linked before, it and the check that the incident stood for change places: a symptom
/// that was confirmed a moment before its cause becomes the cause's incident.
fn reclassify(incident: &mut Incident, entry: &Entry, catalogue: &Catalogue) {
    let EntryKind::Reclassified { cause, clause, level, why, resolution_due } = &entry.kind else {
        return;
    };
    if *cause != incident.cause
        && let Some(place) = incident.links.iter().rposition(|l| l.rule == *cause)
    {
        let own = incident.links.remove(place);
        incident.links.push(Link {
            rule: Arc::clone(&incident.cause),
            subject: incident.subject.clone(),
            at: entry.at,
            condition: incident.condition,
            value: incident.value,
        });
        incident.subject = own.subject;
        incident.condition = own.condition;
        incident.value = own.value;
    }
    if *level != incident.level {
        incident.levels.push(LevelChange { at: entry.at, level: *level, why: why.clone() });
    }
    incident.cause = Arc::clone(cause);
    incident.clause = clause.clone();
    incident.level = *level;
    incident.level_highest = incident.level_highest.more_severe(*level);
    incident.clocks.resolution_due = *resolution_due;
    (incident.title, incident.advice) = catalogue.texts(cause, *level);
}
