//! The contract's figures (§四 验收标准), computed from the ledger's facts alone: the same facts, the same figures.

mod downtime;
mod ratios;
mod spans;

use crate::changes::{Changes, follow};
use collector_domain::{
    Contract, Entry, EntryKind, Figures, Incident, IncidentState, Period, ServiceState,
};
use shared_model::Timestamp;
use std::collections::BTreeMap;

/// What the figures need beside incidents: collected from the ledger's entries, oldest first.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Facts {
    /// States of each database service with the instant from which each holds, ascending.
    services: BTreeMap<String, Vec<(Timestamp, ServiceState)>>,
    changes: Changes,
}

impl Facts {
    /// Takes the next entry; those that are no such facts have no effect.
    pub fn take(&mut self, entry: &Entry) {
        if let EntryKind::ServiceState { service, state, since } = &entry.kind {
            self.services.entry(service.clone()).or_default().push((*since, *state));
        }
        follow(&mut self.changes, entry);
    }
}

/// The figures of a period, as they stand at `now`. `incidents` may come in any order, each once.
pub fn figures<'a>(
    facts: &Facts,
    incidents: impl IntoIterator<Item = &'a Incident>,
    contract: &Contract,
    period: Period,
    now: Timestamp,
) -> Figures {
    let is_within = |i: &&Incident| (period.from..period.to).contains(&i.clocks.detected);
    let mut of_period: Vec<&Incident> = incidents.into_iter().filter(is_within).collect();
    of_period.sort_by_key(|i| i.id);
    let of_state = |state: IncidentState| {
        of_period.iter().filter(|i| i.state == state).map(|i| i.id).collect()
    };
    let counted: Vec<&Incident> = of_period
        .iter()
        .copied()
        .filter(|i| !matches!(i.state, IncidentState::Cancelled | IncidentState::Merged))
        .collect();
    let of =
        |is: &dyn Fn(&Incident) -> bool| counted.iter().filter(|i| is(i)).map(|i| i.id).collect();
    Figures {
        period,
        contract: contract.version.clone(),
        time_scale: contract.time_scale,
        response: ratios::response(&counted, now),
        answered: ratios::answered(&counted),
        level_1: ratios::level_1(&counted, now),
        level_2_up: ratios::level_2_up(&counted, now),
        resolved: ratios::resolved(&counted),
        onsite: ratios::onsite(&counted, now),
        downtime: downtime::all(facts, contract, period, now),
        cancelled: of_state(IncidentState::Cancelled),
        merged: of_state(IncidentState::Merged),
        late: of(&|i| i.late),
        disputed: of(&|i| i.sheet.disputes.last().is_some_and(|d| d.outcome.is_none())),
    }
}
