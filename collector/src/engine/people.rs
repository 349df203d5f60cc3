//! What people and other systems do, folded: acts on incidents, silences, planned changes, reports, the roster, foreign alerts.

use super::fold::{Fold, Folded};
use super::steady::Stamp;
use collector_domain::{Act, ChangeAct, ForeignAlert, Report, RosterChange, SilenceChange};
use std::sync::Arc;

impl Fold {
    pub(super) fn acted(&mut self, stamp: Stamp, act: &Act) -> Folded {
        self.now = self.steady.now(stamp);
        match self.machine.act(self.now, act, &self.evaluator) {
            Ok(entries) => Folded { entries, ..Folded::default() },
            Err(refused) => Folded { refused: Some(refused), ..Folded::default() },
        }
    }

    pub(super) fn silenced(&mut self, stamp: Stamp, change: &SilenceChange) -> Folded {
        self.now = self.steady.now(stamp);
        let silence = Arc::make_mut(&mut self.notify).silence(self.now, change);
        Folded { silence: Some(silence), ..Folded::default() }
    }

    pub(super) fn changed(&mut self, stamp: Stamp, act: &ChangeAct) -> Folded {
        self.now = self.steady.now(stamp);
        match self.machine.change(self.now, act) {
            Ok((id, entries)) => Folded { entries, change: Some(Ok(id)), ..Folded::default() },
            Err(refused) => Folded { change: Some(Err(refused)), ..Folded::default() },
        }
    }

    pub(super) fn reported(&mut self, stamp: Stamp, report: &Report) -> Folded {
        self.now = self.steady.now(stamp);
        match self.machine.report(self.now, report) {
            Ok((id, entries)) => Folded { entries, report: Some(Ok(id)), ..Folded::default() },
            Err(refused) => Folded { report: Some(Err(refused)), ..Folded::default() },
        }
    }

    pub(super) fn rostered(&mut self, stamp: Stamp, change: &RosterChange) -> Folded {
        self.now = self.steady.now(stamp);
        match self.machine.set_roster(self.now, change) {
            Ok(entries) => Folded { entries, roster: Some(Ok(())), ..Folded::default() },
            Err(refused) => Folded { roster: Some(Err(refused)), ..Folded::default() },
        }
    }

    pub(super) fn foreign(&mut self, stamp: Stamp, alerts: &[ForeignAlert]) -> Folded {
        self.now = self.steady.now(stamp);
        let entries = self.machine.foreign(self.now, alerts, &self.evaluator);
        Folded { entries, ..Folded::default() }
    }
}
