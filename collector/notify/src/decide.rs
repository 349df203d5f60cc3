//! Which transitions are told to whom.
//!
//! Told are: opened, level or cause raised, response, arrival and resolution missed, core restored, consent asked for, reopened,
//! verification failed, a step of the ladder (all `firing`), and resolved, cancelled or merged. Not told: a condition that turns clear or comes back while the incident is unfinished, since its clocks
//! run until a person has stated the fix; what people did themselves (acknowledged, verification asked for, verified);
//! links; the end of the watch, since the resolution was told.

use crate::key::idempotency_key;
use crate::notice::Notice;
use crate::profile::{Profile, Receiver};
use crate::state::{Notifications, Pending};
use collector_domain::{
    Delivery, Entry, EntryKind, Fate, Incident, IncidentId, IncidentState, Request, SilenceId,
    Transition,
};
use shared_model::{Level, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Incidents by number, as the machine has them.
pub(crate) type Incidents = BTreeMap<IncidentId, Incident>;

/// Deliveries that wait for one receiver; at some 4 KiB each a receiver that is down holds 8 MiB. What comes on top is left
/// out, and said so in the trace, the metrics and the log.
const PENDING_MAX: usize = 2_048;
/// Of these, places that only levels 1 and 2 may take.
const PENDING_RESERVED: usize = 512;

impl Notifications {
    /// Takes the receivers that hold from now on. What waits for one that is gone is left out.
    pub fn configure(&mut self, now: Timestamp, profile: Profile) {
        self.profile = profile;
        let receivers = &self.profile.receivers;
        let is_gone = |p: &&Pending| !receivers.iter().any(|r| r.name == p.receiver);
        let gone: Vec<Arc<str>> =
            self.pending.values().filter(is_gone).map(|p| Arc::clone(&p.key)).collect();
        for key in gone {
            let Some(pending) = self.pending.remove(&key) else { continue };
            let why = "its receiver is no longer configured".to_owned();
            self.settle(&pending, Fate::LeftOut { at: now, why });
        }
    }

    /// Decides about the ledger entries of one journal record. `incidents` are as they are after it.
    pub fn entries(&mut self, now: Timestamp, entries: &[Entry], incidents: &Incidents) {
        for entry in entries {
            let Some(incident) = incidents.get(&entry.incident) else { continue };
            if matches!(entry.kind, EntryKind::Reopened { .. })
                && let Some(trace) = self.traces.get_mut(&entry.incident)
            {
                trace.escalated.clear();
            }
            if let Some(transition) = told(&entry.kind) {
                self.transition(now, incident, transition);
            }
            if incident.state.is_final() {
                // Incidents that the machine let go of take their traces with them.
                self.traces.retain(|id, _| incidents.contains_key(id));
            }
        }
    }

    /// Whether [`Self::release`] would change anything.
    pub fn has_releasable(&self, now: Timestamp, incidents: &Incidents) -> bool {
        self.releasable(now, incidents).next().is_some()
    }

    /// Lets time pass: what silences kept back is told when they have ended and nobody has responded meanwhile.
    pub fn release(&mut self, now: Timestamp, incidents: &Incidents) {
        let free: Vec<IncidentId> = self.releasable(now, incidents).collect();
        for id in free {
            self.release_one(now, id, incidents.get(&id));
        }
    }

    /// Incidents with something kept back that no silence mutes now.
    fn releasable<'a>(
        &'a self,
        now: Timestamp,
        incidents: &'a Incidents,
    ) -> impl Iterator<Item = IncidentId> + 'a {
        let muted = self.traces.iter().filter(|(_, t)| !t.muted.is_empty()).map(|(id, _)| *id);
        muted.filter(move |id| {
            incidents.get(id).is_none_or(|incident| self.muting(incident, now).is_empty())
        })
    }

    fn transition(&mut self, now: Timestamp, incident: &Incident, transition: Transition) {
        let silences = self.muting(incident, now);
        let receivers = self.profile.receivers.clone();
        let trace = self.traces.entry(incident.id).or_default();
        trace.number = trace.number.saturating_add(1);
        if transition.is_end() {
            // Whoever was not told of the fault need not be told of its end.
            trace.muted.clear();
        }
        for receiver in &receivers {
            match transition {
                end if end.is_end() => self.tell_end(now, incident, end, receiver),
                _ if !receiver.levels.contains(&incident.level) => {}
                // Who stands on the ladder is told when his time has come.
                _ if !receiver.after.is_zero() && !self.knows(incident, receiver) => {}
                _ if silences.is_empty() => self.tell(now, incident, transition, receiver),
                _ => self.mute(now, incident, transition, receiver, &silences),
            }
        }
    }

    /// Whether a receiver was told of a fault and not of its end.
    fn knows(&self, incident: &Incident, receiver: &Receiver) -> bool {
        self.traces.get(&incident.id).is_some_and(|trace| trace.firing.contains(&receiver.name))
    }

    pub(crate) fn tell(
        &mut self,
        now: Timestamp,
        incident: &Incident,
        transition: Transition,
        receiver: &Receiver,
    ) {
        let trace = self.traces.entry(incident.id).or_default();
        // What was kept back before is older than what is told now.
        trace.muted.remove(&receiver.name);
        trace.firing.insert(Arc::clone(&receiver.name));
        let delivery = self.delivery(now, incident, transition, receiver);
        self.enqueue(now, incident, delivery);
    }

    /// A resolution reaches everybody who was told of the fault, silence or not: nobody is left with a fault that is over.
    fn tell_end(
        &mut self,
        now: Timestamp,
        incident: &Incident,
        end: Transition,
        receiver: &Receiver,
    ) {
        let trace = self.traces.entry(incident.id).or_default();
        if trace.firing.remove(&receiver.name) && receiver.send_resolved {
            let delivery = self.delivery(now, incident, end, receiver);
            self.enqueue(now, incident, delivery);
        }
    }

    pub(crate) fn mute(
        &mut self,
        now: Timestamp,
        incident: &Incident,
        transition: Transition,
        receiver: &Receiver,
        silences: &[SilenceId],
    ) {
        let mut delivery = self.delivery(now, incident, transition, receiver);
        delivery.silences = silences.to_vec();
        delivery.fate = Fate::Silenced;
        self.counts.entry(Arc::clone(&receiver.name)).or_default().count(&Fate::Silenced);
        let trace = self.traces.entry(incident.id).or_default();
        trace.muted.insert(Arc::clone(&receiver.name), delivery.number);
        trace.push(delivery);
    }

    fn release_one(&mut self, now: Timestamp, id: IncidentId, incident: Option<&Incident>) {
        let Some(trace) = self.traces.get_mut(&id) else { return };
        let muted = std::mem::take(&mut trace.muted);
        let Some(incident) = incident else { return };
        for (receiver, number) in muted {
            let is_it = |d: &Delivery| d.receiver == receiver && d.number == number;
            let trace = self.traces.get(&id);
            let delivery = trace.and_then(|t| t.deliveries.iter().find(|d| is_it(d)).cloned());
            let configured = self.profile.receivers.iter().any(|r| r.name == receiver);
            let Some(mut delivery) = delivery.filter(|d| configured && is_wanted(incident, d))
            else {
                continue;
            };
            if let Some(trace) = self.traces.get_mut(&id) {
                trace.deliveries.retain(|d| !is_it(d));
                trace.firing.insert(receiver);
            }
            delivery.fate = Fate::Pending;
            delivery.released = Some(now);
            self.enqueue(now, incident, delivery);
        }
    }

    fn delivery(
        &self,
        now: Timestamp,
        incident: &Incident,
        transition: Transition,
        receiver: &Receiver,
    ) -> Delivery {
        let number = self.traces.get(&incident.id).map_or(1, |t| t.number);
        Delivery {
            key: idempotency_key(&self.profile.origin, incident, number, &receiver.name),
            receiver: Arc::clone(&receiver.name),
            incident: incident.id,
            number,
            transition,
            decided: now,
            silences: Vec::new(),
            released: None,
            attempts: 0,
            last_error: None,
            fate: Fate::Pending,
        }
    }

    /// Makes a delivery wait to be taken, or leaves it out when too many do.
    fn enqueue(&mut self, now: Timestamp, incident: &Incident, mut delivery: Delivery) {
        let waiting = self.pending.values().filter(|p| p.receiver == delivery.receiver).count();
        let reserved = if incident.level <= Level::Two { 0 } else { PENDING_RESERVED };
        if waiting >= PENDING_MAX - reserved {
            let why = format!("{waiting} messages were waiting for this receiver");
            delivery.fate = Fate::LeftOut { at: now, why };
            self.counts.entry(Arc::clone(&delivery.receiver)).or_default().count(&delivery.fate);
        } else {
            self.last_order += 1;
            let pending = Pending {
                key: Arc::clone(&delivery.key),
                order: self.last_order,
                receiver: Arc::clone(&delivery.receiver),
                incident: incident.id,
                level: incident.level,
                since: now,
                notice: Notice::of(incident, delivery.transition, &self.profile.origin),
            };
            self.pending.insert(Arc::clone(&delivery.key), pending);
        }
        self.traces.entry(incident.id).or_default().push(delivery);
    }

    fn settle(&mut self, pending: &Pending, fate: Fate) {
        self.counts.entry(Arc::clone(&pending.receiver)).or_default().count(&fate);
        let trace = self.traces.get_mut(&pending.incident);
        if let Some(d) = trace.and_then(|t| t.deliveries.iter_mut().find(|d| d.key == pending.key))
        {
            d.fate = fate;
        }
    }
}

/// The transition behind a ledger entry, if people are told of it.
fn told(kind: &EntryKind) -> Option<Transition> {
    Some(match kind {
        EntryKind::Opened { .. } => Transition::Opened,
        EntryKind::Reclassified { .. } => Transition::Raised,
        EntryKind::ResponseMissed => Transition::ResponseMissed,
        EntryKind::ResolutionMissed => Transition::ResolutionMissed,
        EntryKind::Reopened { .. } => Transition::Reopened,
        EntryKind::VerifyFailed { .. } => Transition::VerifyFailed,
        EntryKind::Resolved { .. } => Transition::Resolved,
        EntryKind::OnsiteMissed => Transition::OnsiteMissed,
        EntryKind::CoreRestored { .. } => Transition::CoreRestored,
        EntryKind::Asked { .. } => Transition::ConsentAsked,
        EntryKind::Consented { request: Request::Cancel | Request::Merge { .. } } => {
            Transition::Withdrawn
        }
        _ => return None,
    })
}

/// Whether a transition that was kept back still has to be told: nobody responded, or it came after the response.
fn is_wanted(incident: &Incident, delivery: &Delivery) -> bool {
    match incident.state {
        IncidentState::Open => true,
        IncidentState::Acknowledged => {
            incident.clocks.acknowledged.is_none_or(|at| delivery.decided > at)
        }
        _ => false,
    }
}
