//! Planned changes: handed in, approved by the hospital, withdrawn (M-172).

use crate::machine::Machine;
use collector_domain::{
    Actor, CHANGE_DOCUMENTS_MAX, CHANGE_SERVICES_MAX, CHANGE_TEXT_MAX_CHARS, Change, ChangeAct,
    ChangeDeed, ChangeId, ChangeRefused, ChangeState, DocumentKind, Entry, EntryKind, IncidentId,
    NewChange,
};
use shared_model::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Changes by number.
pub type Changes = BTreeMap<ChangeId, Change>;

/// Changes kept; a change a day for some years. What is older stands in the ledger.
const CHANGES_MAX: usize = 2_000;

impl Machine {
    /// All changes that are kept.
    pub fn changes(&self) -> &Arc<Changes> {
        &self.state.changes
    }

    /// Takes one act of a named person on a planned change.
    ///
    /// # Errors
    /// Why it was refused; then nothing has changed.
    pub fn change(
        &mut self,
        now: Timestamp,
        act: &ChangeAct,
    ) -> Result<(ChangeId, Vec<Entry>), ChangeRefused> {
        let by = act.by.trim();
        if by.is_empty() {
            return Err(ChangeRefused::Missing("the name of the account"));
        }
        let (id, kind) = match &act.deed {
            ChangeDeed::Submit { plan } => self.submission(now, by, plan)?,
            ChangeDeed::Approve { change } => {
                let submitted = self.open_change(*change)?;
                if submitted.by == by {
                    return Err(not_allowed(*change, "who handed it in cannot approve it"));
                }
                if now > submitted.plan.start {
                    return Err(not_allowed(*change, "its window has begun"));
                }
                (*change, EntryKind::ChangeApproved { change: *change })
            }
            ChangeDeed::Decline { change, reason } => {
                self.open_change(*change)?;
                let (change, reason) = (*change, required(reason)?);
                (change, EntryKind::ChangeDeclined { change, reason })
            }
            ChangeDeed::Withdraw { change, reason } => {
                self.withdrawable(now, *change)?;
                let (change, reason) = (*change, required(reason)?);
                (change, EntryKind::ChangeWithdrawn { change, reason })
            }
        };
        let now = self.advance(now);
        let actor = Actor::Person(by.to_owned());
        let entry = Entry { at: now, incident: IncidentId::NONE, actor, kind };
        let changes = Arc::make_mut(&mut self.state.changes);
        follow(changes, &entry);
        while changes.len() > CHANGES_MAX {
            changes.pop_first();
        }
        Ok((id, vec![entry]))
    }

    fn submission(
        &self,
        now: Timestamp,
        by: &str,
        plan: &NewChange,
    ) -> Result<(ChangeId, EntryKind), ChangeRefused> {
        check(now, plan)?;
        let declared = |name: &String| self.topology.databases.iter().any(|d| d.name == *name);
        if let Some(unknown) = plan.services.iter().find(|name| !declared(name)) {
            let what = format!("'{unknown}' is no [[database_service]] of this collector");
            return Err(ChangeRefused::Invalid(what));
        }
        let last = self.state.changes.last_key_value().map_or(0, |(id, _)| id.0);
        let id = ChangeId(last + 1);
        let (earliest, provisional) = self.contract.earliest_change(now);
        let plan = NewChange { title: plan.title.trim().to_owned(), ..plan.clone() };
        let (by, state) = (by.to_owned(), ChangeState::Submitted);
        let change = Change { id, plan, by, submitted: now, earliest, provisional, state };
        Ok((id, EntryKind::ChangeSubmitted { change }))
    }

    /// A change that waits for the hospital.
    fn open_change(&self, id: ChangeId) -> Result<&Change, ChangeRefused> {
        let change = self.state.changes.get(&id).ok_or(ChangeRefused::Unknown(id))?;
        match change.state {
            ChangeState::Submitted => Ok(change),
            _ => Err(not_allowed(id, &format!("it is {} already", change.state.as_str()))),
        }
    }

    fn withdrawable(&self, now: Timestamp, id: ChangeId) -> Result<(), ChangeRefused> {
        let change = self.state.changes.get(&id).ok_or(ChangeRefused::Unknown(id))?;
        match change.state {
            ChangeState::Submitted | ChangeState::Approved { .. } if now < change.plan.start => {
                Ok(())
            }
            ChangeState::Submitted | ChangeState::Approved { .. } => {
                Err(not_allowed(id, "its window has begun"))
            }
            _ => Err(not_allowed(id, &format!("it is {} already", change.state.as_str()))),
        }
    }

    /// After the notice of a year came: what was provisional is computed again.
    pub(crate) fn reschedule_changes(&mut self, now: Timestamp) -> Vec<Entry> {
        let moved = self.state.changes.values().filter(|c| c.provisional).filter_map(|c| {
            let (earliest, provisional) = self.contract.earliest_change(c.submitted);
            let is_other = (earliest, provisional) != (c.earliest, c.provisional);
            let change = c.id;
            is_other.then_some(EntryKind::ChangeRescheduled { change, earliest, provisional })
        });
        let (at, incident, actor) = (now, IncidentId::NONE, Actor::Collector);
        let entries: Vec<Entry> =
            moved.map(|kind| Entry { at, incident, actor: actor.clone(), kind }).collect();
        if !entries.is_empty() {
            let changes = Arc::make_mut(&mut self.state.changes);
            entries.iter().for_each(|entry| follow(changes, entry));
        }
        entries
    }
}

/// Applies an entry of a change; others have no effect.
pub(crate) fn follow(changes: &mut Changes, entry: &Entry) {
    let at = entry.at;
    let by = match &entry.actor {
        Actor::Person(name) => name.clone(),
        Actor::Collector => String::new(),
    };
    let (id, state) = match &entry.kind {
        EntryKind::ChangeSubmitted { change } => {
            changes.insert(change.id, change.clone());
            return;
        }
        EntryKind::ChangeRescheduled { change, earliest, provisional } => {
            if let Some(change) = changes.get_mut(change) {
                (change.earliest, change.provisional) = (*earliest, *provisional);
            }
            return;
        }
        EntryKind::ChangeApproved { change } => (change, ChangeState::Approved { by, at }),
        EntryKind::ChangeDeclined { change, reason } => {
            (change, ChangeState::Declined { by, at, reason: reason.clone() })
        }
        EntryKind::ChangeWithdrawn { change, reason } => {
            (change, ChangeState::Withdrawn { by, at, reason: reason.clone() })
        }
        _ => return,
    };
    if let Some(change) = changes.get_mut(id) {
        change.state = state;
    }
}

fn check(now: Timestamp, plan: &NewChange) -> Result<(), ChangeRefused> {
    let invalid = |what: String| Err(ChangeRefused::Invalid(what));
    let fits = |text: &str| (1..=CHANGE_TEXT_MAX_CHARS).contains(&text.chars().count());
    if plan.title.trim().is_empty() {
        return Err(ChangeRefused::Missing("title"));
    }
    if !fits(&plan.title) {
        return invalid(format!("the title has at most {CHANGE_TEXT_MAX_CHARS} characters"));
    }
    if plan.documents.len() > CHANGE_DOCUMENTS_MAX || plan.services.len() > CHANGE_SERVICES_MAX {
        return invalid(format!(
            "a change has at most {CHANGE_DOCUMENTS_MAX} documents and {CHANGE_SERVICES_MAX} services"
        ));
    }
    for (kind, name) in [
        (DocumentKind::Plan, "the plan (方案)"),
        (DocumentKind::TestReport, "the test report (测试报告)"),
        (DocumentKind::Rollback, "the way back (回退方案)"),
    ] {
        if !plan.documents.iter().any(|d| d.kind == kind) {
            return Err(ChangeRefused::Missing(name));
        }
    }
    let is_hash = |text: &str| {
        text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    if let Some(document) = plan.documents.iter().find(|d| !is_hash(&d.sha256) || !fits(&d.name)) {
        let name = &document.name;
        return invalid(format!(
            "document '{name}': write its name and its SHA-256 in 64 lower-case hexadecimal digits"
        ));
    }
    if plan.start <= now {
        return invalid(format!("its window begins at {}, which is past", plan.start));
    }
    if plan.end <= plan.start {
        return invalid(format!("its window ends at {}, which is not after its begin", plan.end));
    }
    Ok(())
}

fn required(reason: &str) -> Result<String, ChangeRefused> {
    match reason.trim() {
        "" => Err(ChangeRefused::Missing("reason")),
        text if text.chars().count() > CHANGE_TEXT_MAX_CHARS => {
            let what = format!("a reason has at most {CHANGE_TEXT_MAX_CHARS} characters");
            Err(ChangeRefused::Invalid(what))
        }
        text => Ok(text.to_owned()),
    }
}

fn not_allowed(change: ChangeId, why: &str) -> ChangeRefused {
    ChangeRefused::NotAllowed { change, why: why.to_owned() }
}
