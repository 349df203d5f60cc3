//! The duty roster, and who may respond (M-034, M-062).

use crate::machine::Machine;
use collector_domain::{Actor, Entry, EntryKind, IncidentId, Roster, RosterChange, RosterRefused};
use shared_model::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Shifts that ended longer ago are only in the ledger.
const KEPT_FOR: Duration = Duration::from_secs(400 * 86_400);

impl Machine {
    /// The roster in force.
    pub fn roster(&self) -> &Arc<Roster> {
        &self.state.roster
    }

    /// Writes a part of the roster anew.
    ///
    /// # Errors
    /// Why it was refused; then nothing has changed.
    pub fn set_roster(
        &mut self,
        now: Timestamp,
        change: &RosterChange,
    ) -> Result<Vec<Entry>, RosterRefused> {
        Roster::check(change)?;
        let now = self.advance(now);
        let RosterChange { by, period, shifts } = change;
        Arc::make_mut(&mut self.state.roster).apply(*period, shifts, now.minus(KEPT_FOR));
        let kind = EntryKind::RosterSet { period: *period, shifts: shifts.clone() };
        let actor = Actor::Person(by.trim().to_owned());
        Ok(vec![Entry { at: now, incident: IncidentId::NONE, actor, kind }])
    }

    /// Why somebody cannot respond now: others are on duty. At a time that the roster leaves open anybody can.
    pub(crate) fn not_on_duty(&self, now: Timestamp, by: &str) -> Option<String> {
        let on_duty = self.state.roster.on_duty(now);
        let is_free = !self.contract.duty_required || on_duty.is_empty();
        if is_free || on_duty.iter().any(|shift| shift.person == by) {
            return None;
        }
        let names: Vec<&str> = on_duty.iter().map(|shift| shift.person.as_str()).collect();
        Some(format!(
            "{by} is not on duty: {} can respond; others may write a note",
            names.join(", ")
        ))
    }
}
