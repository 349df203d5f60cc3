//! Keeps the last report of one probe and logs what changes.

use crate::report::{SharedReport, State, Timing};
use agent_probe::{Outcome, ProbeError};
use shared_model::BootTime;
use shared_runtime::telemetry::chain;
use std::sync::Arc;
use std::time::Duration;

/// A lasting fault whose text changes every round is logged no more often than this.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Where the lane of one probe tells how its rounds go.
#[derive(Debug)]
pub(crate) struct Reporter {
    report: Arc<SharedReport>,
    logged: Option<(String, BootTime)>,
}

impl Reporter {
    /// Writes into `report`.
    pub(crate) fn new(report: Arc<SharedReport>) -> Self {
        Self { report, logged: None }
    }

    /// Notes that a round begins that may hang, and how late it is.
    pub(crate) fn begins(&mut self, now: BootTime, lag: Duration) {
        self.report.last().begun = Some((now, lag));
    }

    /// Notes how a round ended. Returns whether what it put into its sink is worth keeping.
    pub(crate) fn note(&mut self, outcome: &Outcome, timing: Timing, now: BootTime) -> bool {
        let (state, complaint) = match outcome {
            Outcome::Sampled => (State::Succeeded, None),
            Outcome::Partial(errors) => (State::Succeeded, Some(list(errors))),
            Outcome::Absent(_) => (State::Absent, None),
            Outcome::Failed(error) => (State::Failed, Some(chain(error))),
        };
        let before = {
            let mut last = self.report.last();
            last.timing = timing;
            (last.begun, last.is_stuck) = (None, false);
            std::mem::replace(&mut last.state, state)
        };
        self.log(complaint, now);
        if let (Outcome::Absent(why), false) = (outcome, before == State::Absent) {
            tracing::info!(probe = self.label(0), why, "absent");
        }
        state == State::Succeeded
    }

    /// Adds rounds that were left out.
    pub(crate) fn missed(&mut self, rounds: u64) {
        let mut last = self.report.last();
        last.overruns = last.overruns.saturating_add(rounds);
    }

    fn label(&self, at: usize) -> &str {
        self.report.labels.get(at).map_or("", |(_, value)| value)
    }

    fn log(&mut self, complaint: Option<String>, now: BootTime) {
        let (probe, target) = (self.label(0), self.label(1));
        match (complaint, &self.logged) {
            (None, Some(_)) => {
                tracing::info!(probe, target, "reads again without complaint");
                self.logged = None;
            }
            (Some(complaint), None) => {
                tracing::warn!(probe, target, %complaint, "round with faults");
                self.logged = Some((complaint, now));
            }
            (Some(complaint), Some((last, at)))
                if *last != complaint && now.since(*at) >= LOG_EVERY =>
            {
                tracing::warn!(probe, target, %complaint, "round with faults");
                self.logged = Some((complaint, now));
            }
            _ => {}
        }
    }
}

/// All errors on one line.
pub(crate) fn list(errors: &[ProbeError]) -> String {
    let texts: Vec<String> = errors.iter().map(|error| chain(error)).collect();
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Reports;

    /// Scenario: complaints that stay, change at once, change after a minute, and end. Guarantees: what is remembered as
    /// logged changes only when a line is due.
    #[test]
    fn lasting_faults_are_logged_once() {
        let mut reporter =
            Reports::default().reporter(Vec::new(), Duration::from_secs(1), Duration::from_secs(1));
        let at = |secs: u64| BootTime::from_micros(secs * 1_000_000);
        for (secs, complaint, logged) in [
            (0, Some("a"), Some("a")),
            (1, Some("a"), Some("a")),
            (59, Some("b"), Some("a")),
            (60, Some("b"), Some("b")),
            (61, None, None),
            (62, Some("c"), Some("c")),
        ] {
            reporter.log(complaint.map(str::to_owned), at(secs));
            let remembered = reporter.logged.as_ref().map(|(text, _)| text.as_str());
            assert_eq!(remembered, logged, "{secs}");
        }
    }
}
