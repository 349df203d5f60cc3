//! What people do to incidents: whether it is possible, and what is written.

use crate::machine::{Machine, Run};
use crate::state::LastAct;
use collector_domain::{
    ACT_TEXT_MAX_CHARS, Act, ActRefused, Actor, Checks, Condition, Deed, Entry, EntryKind,
    Incident, IncidentId, Request, is_reported,
};
use shared_model::{Level, Timestamp};
use std::sync::Arc;

impl Machine {
    /// Takes one act of a named person. A verification that was asked for completes on a later [`Machine::tick`].
    ///
    /// # Errors
    /// Why the act was refused; then nothing has changed.
    pub fn act(
        &mut self,
        now: Timestamp,
        act: &Act,
        checks: &dyn Checks,
    ) -> Result<Vec<Entry>, ActRefused> {
        let Act { incident: id, by, deed } = act;
        let by = by.trim();
        let incident = self.incident(*id).ok_or(ActRefused::Unknown(*id))?;
        if by.is_empty() {
            return Err(ActRefused::Missing("the name of the account"));
        }
        self.texts_fit(*id, deed)?;
        self.allowed(incident, by, deed)?;
        if let Some(why) = self.not_on_duty(now, by).filter(|_| *deed == Deed::Acknowledge) {
            return Err(ActRefused::NotAllowed { incident: *id, why });
        }
        // A limit that passed since the last tick is written before the act that came too late.
        let mut run = self.start(now, checks);
        if matches!(deed, Deed::Acknowledge | Deed::Resolve { .. } | Deed::Verify) {
            self.state.last_acts.insert(*id, LastAct { by: by.to_owned(), at: run.now });
        }
        self.perform(&mut run, *id, by, deed);
        Ok(run.entries)
    }

    fn texts_fit(&self, incident: IncidentId, deed: &Deed) -> Result<(), ActRefused> {
        for (name, text) in deed.texts() {
            if text.trim().is_empty() {
                return Err(ActRefused::Missing(name));
            }
            if text.chars().count() > ACT_TEXT_MAX_CHARS {
                let why = format!("{name} is longer than {ACT_TEXT_MAX_CHARS} characters");
                return Err(ActRefused::NotAllowed { incident, why });
            }
        }
        Ok(())
    }

    fn perform(&mut self, run: &mut Run<'_>, id: IncidentId, by: &str, deed: &Deed) {
        match deed {
            Deed::Separate { rule, subject, reason } => {
                let actor = Actor::Person(by.to_owned());
                self.separate(run, id, actor, (rule, subject), reason.trim());
            }
            Deed::Reopen { reason } => {
                let Some(level) = self.incident(id).map(|i| i.level) else { return };
                self.sign_off(run, id, by, EntryKind::Noted { text: reason.trim().to_owned() });
                let kind = self.reopening(run.now, run.now, level);
                self.sign_off(run, id, by, kind);
            }
            Deed::Consent => self.consent(run, id, by),
            Deed::Sign => {
                self.sign_off(run, id, by, EntryKind::Signed);
                self.close_signed(run, id);
            }
            simple => {
                if matches!(simple, Deed::Resolve { .. }) {
                    self.clear_reported(run, id, by);
                }
                let Some(incident) = self.incident(id) else { return };
                if let Some(kind) = self.entry_of(run.now, incident, simple) {
                    self.sign_off(run, id, by, kind);
                }
            }
        }
    }

    /// What a person reported is over when a person says so.
    fn clear_reported(&mut self, run: &mut Run<'_>, id: IncidentId, by: &str) {
        let of_person = |i: &Incident| is_reported(&i.cause) && i.condition != Condition::Clear;
        if self.incident(id).is_some_and(of_person) {
            let (condition, at_event, value) = (Condition::Clear, run.now, None);
            self.sign_off(run, id, by, EntryKind::Condition { condition, at_event, value });
        }
    }

    /// Writes an entry in a person's name.
    fn sign_off(&mut self, run: &mut Run<'_>, incident: IncidentId, by: &str, kind: EntryKind) {
        let actor = Actor::Person(by.to_owned());
        self.write(&mut run.entries, Entry { at: run.now, incident, actor, kind });
    }

    /// The entry of a deed that is one.
    fn entry_of(&self, now: Timestamp, incident: &Incident, deed: &Deed) -> Option<EntryKind> {
        let clocks = &incident.clocks;
        let trimmed = |text: &String| text.trim().to_owned();
        Some(match deed {
            Deed::Acknowledge => EntryKind::Acknowledged { in_time: now <= clocks.response_due },
            Deed::Dispatch { engineer } => EntryKind::Dispatched {
                engineer: trimmed(engineer),
                onsite_due: now.plus(self.contract.scaled(self.contract.onsite)),
            },
            Deed::Arrive => {
                EntryKind::Arrived { in_time: clocks.onsite_due.is_none_or(|due| now <= due) }
            }
            Deed::ConfirmCore => EntryKind::CoreConfirmed,
            Deed::Resolve { fix } => {
                let in_time = resolved_at(incident, now) <= clocks.resolution_due;
                EntryKind::Resolved { fix: trimmed(fix), in_time }
            }
            Deed::Verify => EntryKind::VerifyAsked,
            Deed::Ask { request, reason } => {
                EntryKind::Asked { request: *request, reason: trimmed(reason) }
            }
            Deed::Decline { reason } => EntryKind::Declined { reason: trimmed(reason) },
            Deed::Dispute { about, statement } => {
                EntryKind::Disputed { about: *about, statement: trimmed(statement) }
            }
            Deed::SettleDispute { outcome } => {
                EntryKind::DisputeSettled { outcome: trimmed(outcome) }
            }
            Deed::Diagnose { category, root_cause } => {
                EntryKind::Diagnosed { category: *category, root_cause: trimmed(root_cause) }
            }
            Deed::Prevent { measure, owner, due } => EntryKind::Prevention {
                measure: trimmed(measure),
                owner: trimmed(owner),
                due: *due,
            },
            Deed::BackUp { reference, waived } => {
                EntryKind::BackedUp { reference: trimmed(reference), waived: *waived }
            }
            Deed::Note { text } => EntryKind::Noted { text: trimmed(text) },
            Deed::Separate { .. } | Deed::Reopen { .. } | Deed::Consent | Deed::Sign => {
                return None;
            }
        })
    }

    /// The hospital agrees: what was asked for happens.
    fn consent(&mut self, run: &mut Run<'_>, id: IncidentId, by: &str) {
        let asked = self.incident(id).and_then(|i| i.sheet.asked.as_ref());
        let Some(request) = asked.map(|asked| asked.request) else { return };
        if let Request::Merge { into } = request {
            self.hand_findings_over(run, id, into);
        }
        self.sign_off(run, id, by, EntryKind::Consented { request });
        if !matches!(request, Request::Lower { .. }) {
            self.let_go(&[id]);
            self.retire(&[id]);
        }
    }

    /// The checks of a merged incident are those of the other one from now on.
    fn hand_findings_over(&mut self, run: &mut Run<'_>, id: IncidentId, into: IncidentId) {
        let Some(incident) = self.incident(id) else { return };
        let own = std::iter::once((Arc::clone(&incident.cause), incident.subject.clone()));
        let links = incident.links.iter().map(|l| (Arc::clone(&l.rule), l.subject.clone()));
        for (rule, subject) in own.chain(links).collect::<Vec<_>>() {
            match self.catalogue.rule(&rule).cloned() {
                Some(known) => self.link_and_raise(run, into, &known, &subject),
                None => self.link(run, into, &rule, &subject),
            }
        }
    }
}

/// When the resolution clock stopped for who states the fix now: at level 1 and 2 core business may have been back before
/// (M-035, M-036).
fn resolved_at(incident: &Incident, now: Timestamp) -> Timestamp {
    let clocks = &incident.clocks;
    match incident.level {
        Level::One | Level::Two => {
            clocks.core_restored.or(clocks.clear_since).map_or(now, |at| at.min(now))
        }
        Level::Three | Level::Four => now,
    }
}
