//! What the runner says about each probe: whether its round worked, how long it took, how late it began.

use agent_probe::{Outcome, ProbeError, Sink};
use shared_model::{BootTime, Kind, Metric, Unit};
use shared_runtime::telemetry::chain;
use std::time::Duration;

static SUCCESS: Metric = Metric {
    name: "wardround_probe_success",
    kind: Kind::Gauge,
    unit: Unit::None,
    help: "1 when the probe's last round yielded readings, 0 when it failed or was cut.",
    source: "the agent's runner",
};
static ABSENT: Metric = Metric {
    name: "wardround_probe_absent",
    kind: Kind::Gauge,
    unit: Unit::None,
    help: "1 while what the probe reads does not exist on this node.",
    source: "the agent's runner",
};
static DURATION: Metric = Metric {
    name: "wardround_probe_duration_seconds",
    kind: Kind::Gauge,
    unit: Unit::Seconds,
    help: "How long the probe's last round took.",
    source: "CLOCK_BOOTTIME around the round",
};
static LAG: Metric = Metric {
    name: "wardround_probe_lag_seconds",
    kind: Kind::Gauge,
    unit: Unit::Seconds,
    help: "How much later than due the probe's last round began.",
    source: "CLOCK_BOOTTIME at the round's begin",
};
static OVERRUNS: Metric = Metric {
    name: "wardround_probe_overruns_total",
    kind: Kind::Counter,
    unit: Unit::None,
    help: "Rounds that were left out because an earlier one had not ended.",
    source: "the agent's runner",
};
static INTERVAL: Metric = Metric {
    name: "wardround_probe_interval_seconds",
    kind: Kind::Gauge,
    unit: Unit::Seconds,
    help: "How often the probe is read.",
    source: "[probe.NAME] interval",
};

/// A lasting fault whose text changes every round is logged no more often than this.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// When a round ran.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Timing {
    /// How late it began.
    pub(crate) lag: Duration,
    /// How long it took.
    pub(crate) duration: Duration,
}

/// Keeps the last report of one probe and logs what changes.
#[derive(Debug)]
pub(crate) struct Reporter {
    /// `probe`, and what else tells it apart.
    labels: Vec<(&'static str, String)>,
    interval: Duration,
    overruns: u64,
    state: State,
    timing: Timing,
    logged: Option<(String, BootTime)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Unread,
    Succeeded,
    Failed,
    Absent,
}

impl Reporter {
    /// For the probe that `labels` name; the first is `probe`.
    pub(crate) fn new(labels: Vec<(&'static str, String)>, interval: Duration) -> Self {
        Self {
            labels,
            interval,
            overruns: 0,
            state: State::Unread,
            timing: Timing::default(),
            logged: None,
        }
    }

    /// Notes how a round ended. Returns whether what it put into its sink is worth keeping.
    pub(crate) fn note(&mut self, outcome: &Outcome, timing: Timing, now: BootTime) -> bool {
        self.timing = timing;
        let (state, complaint) = match outcome {
            Outcome::Sampled => (State::Succeeded, None),
            Outcome::Partial(errors) => (State::Succeeded, Some(list(errors))),
            Outcome::Absent(_) => (State::Absent, None),
            Outcome::Failed(error) => (State::Failed, Some(chain(error))),
        };
        self.log(complaint, now);
        if let (Outcome::Absent(why), false) = (outcome, self.state == State::Absent) {
            tracing::info!(probe = self.name(), why, "absent");
        }
        self.state = state;
        state == State::Succeeded
    }

    /// Adds rounds that were left out.
    pub(crate) fn missed(&mut self, rounds: u64) {
        self.overruns = self.overruns.saturating_add(rounds);
    }

    /// Puts the last report into the runner's sink. A probe that is absent is only that.
    pub(crate) fn put(&self, sink: &mut Sink) {
        let labels: Vec<(&str, &str)> =
            self.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let success = match self.state {
            State::Unread => return,
            State::Absent => return sink.put(&ABSENT, &labels, 1.0),
            State::Succeeded => 1.0,
            State::Failed => 0.0,
        };
        sink.put(&SUCCESS, &labels, success);
        sink.put(&DURATION, &labels, self.timing.duration.as_secs_f64());
        sink.put(&LAG, &labels, self.timing.lag.as_secs_f64());
        sink.put(&OVERRUNS, &labels, self.overruns as f64);
        sink.put(&INTERVAL, &labels, self.interval.as_secs_f64());
    }

    fn name(&self) -> &str {
        self.labels.first().map_or("", |(_, name)| name)
    }

    fn log(&mut self, complaint: Option<String>, now: BootTime) {
        let (probe, target) = (self.name(), self.labels.get(1).map_or("", |(_, t)| t));
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

    fn report(outcomes: &[Outcome]) -> (bool, Vec<(&'static str, f64)>) {
        let mut reporter = Reporter::new(vec![("probe", "cpu".into())], Duration::from_secs(1));
        let timing =
            Timing { lag: Duration::from_millis(250), duration: Duration::from_millis(500) };
        let mut kept = false;
        for outcome in outcomes {
            kept = reporter.note(outcome, timing, BootTime::from_micros(1));
        }
        reporter.missed(2);
        let mut sink = Sink::default();
        sink.begin();
        reporter.put(&mut sink);
        let values = sink.samples().iter().filter_map(|s| Some((s.metric().name, s.value()?)));
        (kept, values.collect())
    }

    fn failed() -> Outcome {
        Outcome::Failed(ProbeError::TimedOut { millis: 1 })
    }

    /// Scenario: each way a round can end, and none yet. Guarantees: success only with readings, absent says nothing but
    /// that, an unread probe says nothing, and only readings are kept.
    #[test]
    fn each_outcome_has_its_report() {
        let all = |success: f64| {
            vec![
                ("wardround_probe_success", success),
                ("wardround_probe_duration_seconds", 0.5),
                ("wardround_probe_lag_seconds", 0.25),
                ("wardround_probe_overruns_total", 2.0),
                ("wardround_probe_interval_seconds", 1.0),
            ]
        };
        let partial = || Outcome::Partial(vec![ProbeError::TimedOut { millis: 1 }]);
        for (outcomes, expected) in [
            (vec![], (false, vec![])),
            (vec![Outcome::Sampled], (true, all(1.0))),
            (vec![partial()], (true, all(1.0))),
            (vec![failed()], (false, all(0.0))),
            (vec![failed(), Outcome::Sampled], (true, all(1.0))),
            (vec![Outcome::Absent("x".into())], (false, vec![("wardround_probe_absent", 1.0)])),
        ] {
            assert_eq!(report(&outcomes), expected, "{outcomes:?}");
        }
    }

    /// Scenario: complaints that stay, change at once, change after a minute, and end. Guarantees: what is remembered as
    /// logged changes only when a line is due.
    #[test]
    fn lasting_faults_are_logged_once() {
        let mut reporter = Reporter::new(vec![("probe", "cpu".into())], Duration::from_secs(1));
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
