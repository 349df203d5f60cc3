//! A view that is read at a pace of its own, with its last rows.

use crate::view::{Pace, View};
use shared_model::BootTime;
use std::time::Duration;

/// Rows are emitted again for this many readings, then they are too old to stand for now.
const KEPT_FOR_READINGS: u32 = 3;

/// A round begins no further view with a pace of its own once this share of its timeout has gone into them; they have the next
/// rounds. So a heavy one is cut alone, by the server's own limit, and costs no reading of the others.
const ROUND_SHARE: u32 = 8;

/// How much of a round goes into views with a pace of their own before the next one waits for another round.
pub(crate) fn budget(timeout: Duration) -> Duration {
    timeout / ROUND_SHARE
}

/// A view with its last rows.
pub(crate) struct Paced<R: 'static> {
    /// What is read.
    pub(crate) view: &'static View<R>,
    rows: Option<(Vec<R>, BootTime)>,
    tried: Option<BootTime>,
}

impl<R> Paced<R> {
    /// One that was never read.
    pub(crate) fn new(view: &'static View<R>) -> Self {
        Self { view, rows: None, tried: None }
    }

    /// Whether it is to be read at `now`; `inspection` is the time between inspections. A view of every round has no pace of its
    /// own and is never due here.
    pub(crate) fn is_due(&self, inspection: Duration, now: BootTime) -> bool {
        let interval = self.interval(inspection);
        interval.is_some_and(|interval| self.tried.is_none_or(|tried| now.since(tried) >= interval))
    }

    /// It is read now, whatever comes of it.
    pub(crate) fn begin(&mut self, now: BootTime) {
        self.tried = Some(now);
    }

    /// What was read.
    pub(crate) fn keep(&mut self, rows: Vec<R>, now: BootTime) {
        self.rows = Some((rows, now));
    }

    /// The last rows, unless they are too old.
    pub(crate) fn rows(&self, inspection: Duration, now: BootTime) -> Option<&[R]> {
        let interval = self.interval(inspection)?;
        let (rows, read) = self.rows.as_ref()?;
        (now.since(*read) <= interval * KEPT_FOR_READINGS).then_some(rows)
    }

    fn interval(&self, inspection: Duration) -> Option<Duration> {
        match self.view.pace {
            Pace::EachRound => None,
            Pace::Every(interval) => Some(interval),
            Pace::Inspection => Some(inspection),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TEN: View<u8> = View {
        name: "ten",
        sql: "",
        metrics: &[],
        pace: Pace::Every(Duration::from_secs(10)),
        emit: |_, _| Ok(()),
    };
    static ALWAYS: View<u8> = View { name: "always", pace: Pace::EachRound, ..TEN };
    static SELDOM: View<u8> = View { name: "seldom", pace: Pace::Inspection, ..TEN };

    /// Scenario: views of each pace around the moments at which they are due and their rows too old. Guarantees: due at the first
    /// look and just at the interval, failed readings wait for it too; rows stand for three intervals and no longer.
    #[test]
    fn paces_are_kept() {
        let at = |secs: u64| BootTime::from_micros(secs * 1_000_000);
        let hour = Duration::from_secs(3_600);
        assert!(!Paced::new(&ALWAYS).is_due(hour, at(1)));
        let mut ten = Paced::new(&TEN);
        assert!(ten.is_due(hour, at(1)));
        ten.begin(at(1));
        assert!(!ten.is_due(hour, at(10)) && ten.is_due(hour, at(11)));
        assert!(ten.rows(hour, at(1)).is_none(), "it failed");
        ten.keep(vec![7], at(11));
        assert_eq!(ten.rows(hour, at(41)), Some(&[7][..]));
        assert!(ten.rows(hour, at(42)).is_none());
        let mut seldom = Paced::new(&SELDOM);
        seldom.begin(at(1));
        assert!(!seldom.is_due(hour, at(3_600)) && seldom.is_due(hour, at(3_601)));
    }
}
