//! Every probe and database, read once.

use super::Check;
use crate::config::Config;
use crate::plan;
use crate::reporter::list;
use agent_probe::{Outcome, Sink};
use shared_model::Clock;
use shared_runtime::SystemClock;
use shared_runtime::telemetry::chain;
use std::sync::Arc;

pub(super) async fn check(config: &Config, checks: &mut Vec<Check>) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    for mut planned in plan::host_probes(config, None, &clock) {
        let name = planned.probe.spec().name;
        let mut sink = Sink::default();
        sink.begin();
        let outcome = planned.probe.read(&mut sink);
        checks.push(judge(format!("probe {name}"), &outcome, &sink));
    }
    for mut planned in plan::network_probes(config, &clock, false) {
        let name = format!("{} {}", planned.probe.spec().name, planned.probe.instance());
        let mut sink = Sink::default();
        sink.begin();
        let read = tokio::time::timeout(planned.timeout, planned.probe.read(&mut sink)).await;
        let outcome = match read {
            Ok(outcome) => outcome,
            Err(_) => {
                sink.begin();
                planned.probe.timed_out(&mut sink)
            }
        };
        checks.push(judge(name, &outcome, &sink));
    }
}

fn judge(name: String, outcome: &Outcome, sink: &Sink) -> Check {
    let values = sink.samples().iter().filter(|sample| sample.value().is_some()).count();
    match outcome {
        Outcome::Sampled => Check::ok(name, format!("{values} samples")),
        Outcome::Absent(why) => Check::ok(name, format!("absent: {why}")),
        Outcome::Partial(errors) => {
            let advice = "grant what is refused, or switch off what this node does not have";
            Check::warn(name, format!("{values} samples, but {}", list(errors)), advice)
        }
        Outcome::Failed(error) => {
            let advice = "the words name the cause: address, account, password file, or right";
            Check::fail(name, chain(error), advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use agent_probe::ProbeError;

    /// Scenario: each way a round can end. Guarantees: absent is well, a part is a warning, nothing is a failure.
    #[test]
    fn outcomes_become_verdicts() {
        let error = || ProbeError::TimedOut { millis: 5 };
        for (outcome, verdict) in [
            (Outcome::Sampled, Verdict::Ok),
            (Outcome::Absent("no such hardware".into()), Verdict::Ok),
            (Outcome::Partial(vec![error()]), Verdict::Warn),
            (Outcome::Failed(error()), Verdict::Fail),
        ] {
            assert_eq!(judge("x".into(), &outcome, &Sink::default()).verdict, verdict);
        }
    }
}
