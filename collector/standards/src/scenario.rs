//! Tests of rules, written as data beside the pack: series in, conditions out.
//!
//! ```yaml
//! tests:
//!   - rule: os.zombies
//!     kind: firing                  # firing | quiet | no_data | at_limit
//!     interval: 1s                  # between samples, 1s when left out
//!     time_scale: 1                 # of the contract, 1 when left out
//!     series:
//!       - {series: 'node_processes_state{host="a",instance="a",state="Z"}', values: "0x9 1x300"}
//!     expect:
//!       - {at: 5m9s, condition: clear}
//!       - {at: 5m10s, condition: breached, since: 10s, subject: {host: a}}
//! ```
//!
//! Times count from the first sample. A condition is what the rule says of the one subject that has the given labels:
//! `clear`, `breached`, `unknown`, or `unjudged` when there is no such subject. A host without any value at an instant
//! is not heard at that instant.

mod notation;

use crate::Evaluator;
use crate::pack::{Pack, PackFile, Wrong, WrongPack, parse_span};
use collector_domain::{Checks, Condition, Contract, Finding, SeriesId};
use serde::Deserialize;
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// When scenarios begin. Any instant does; a fixed one makes them repeatable.
const START: Timestamp = Timestamp::from_secs(1_763_000_000);
/// Most instants that a scenario plays: a day of seconds.
const STEPS_MAX: u128 = 86_400;

/// What a scenario shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The rule breaches.
    Firing,
    /// It does not.
    Quiet,
    /// What it does without data.
    NoData,
    /// What it does exactly at its limit.
    AtLimit,
}

/// A test of one rule.
#[derive(Clone, Debug)]
pub struct Scenario {
    file: String,
    rule: String,
    kind: Kind,
    interval: Duration,
    contract: Contract,
    series: Vec<(Labels, Vec<Option<f64>>)>,
    expectations: Vec<Expectation>,
}

/// What must hold at an instant.
#[derive(Clone, Debug)]
struct Expectation {
    at: Duration,
    subject: Labels,
    /// `None` is `unjudged`.
    condition: Option<Condition>,
    since: Option<Duration>,
}

/// An expectation that did not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// File of the scenario.
    pub file: String,
    /// Rule that was tested.
    pub rule: String,
    /// What was expected and what was found.
    pub what: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.file, self.rule, self.what)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenariosOnDisk {
    tests: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioOnDisk {
    rule: String,
    kind: Kind,
    #[serde(default)]
    interval: Option<String>,
    #[serde(default)]
    time_scale: Option<u32>,
    series: Vec<SeriesOnDisk>,
    expect: Vec<ExpectationOnDisk>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeriesOnDisk {
    series: String,
    values: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectationOnDisk {
    at: String,
    #[serde(default)]
    subject: BTreeMap<String, String>,
    condition: ConditionOnDisk,
    #[serde(default)]
    since: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ConditionOnDisk {
    Clear,
    Breached,
    Unknown,
    Unjudged,
}

impl Scenario {
    /// Reads the scenarios of one file.
    ///
    /// # Errors
    /// Everything that is wrong in it, each with the rule it is about.
    pub fn read(file: &PackFile<'_>) -> Result<Vec<Self>, WrongPack> {
        let complain = |rule: &str, what: String| Wrong {
            file: file.name.to_owned(),
            rule: rule.to_owned(),
            what,
        };
        let on_disk: ScenariosOnDisk = serde_saphyr::from_str(file.text)
            .map_err(|error| WrongPack(vec![complain("", error.to_string())]))?;
        let (mut scenarios, mut wrong) = (Vec::new(), Vec::new());
        for (i, value) in on_disk.tests.into_iter().enumerate() {
            let read = serde_json::from_value::<ScenarioOnDisk>(value)
                .map_err(|error| (String::new(), error.to_string()))
                .and_then(|on_disk| {
                    let rule = on_disk.rule.clone();
                    Self::convert(file.name, on_disk).map_err(|what| (rule, what))
                });
            match read {
                Ok(scenario) => scenarios.push(scenario),
                Err((rule, what)) => {
                    wrong.push(complain(format!("test {} {rule}", i + 1).trim_end(), what));
                }
            }
        }
        if wrong.is_empty() { Ok(scenarios) } else { Err(WrongPack(wrong)) }
    }

    fn convert(file: &str, on_disk: ScenarioOnDisk) -> Result<Self, String> {
        let span = |text: &str| parse_span(text).map_err(|error| error.to_string());
        let interval = span(on_disk.interval.as_deref().unwrap_or("1s"))?;
        if interval < Duration::from_millis(200) {
            return Err("interval must be at least 200ms".to_owned());
        }
        let mut series = Vec::new();
        for text in &on_disk.series {
            let values = notation::values(&text.values)?;
            series.push((notation::labels(&text.series)?, values));
        }
        let mut expectations = Vec::new();
        for expectation in &on_disk.expect {
            let at = span(&expectation.at)?;
            if at.as_micros() / interval.as_micros() > STEPS_MAX {
                return Err(format!("{at:?} is more than {STEPS_MAX} samples away"));
            }
            expectations.push(Expectation {
                at,
                subject: Labels::from_pairs(&expectation.subject),
                condition: match expectation.condition {
                    ConditionOnDisk::Clear => Some(Condition::Clear),
                    ConditionOnDisk::Breached => Some(Condition::Breached),
                    ConditionOnDisk::Unknown => Some(Condition::Unknown),
                    ConditionOnDisk::Unjudged => None,
                },
                since: expectation.since.as_deref().map(span).transpose()?,
            });
        }
        if expectations.is_empty() {
            return Err("expects nothing".to_owned());
        }
        expectations.sort_by_key(|expectation| expectation.at);
        Ok(Self {
            file: file.to_owned(),
            rule: on_disk.rule,
            kind: on_disk.kind,
            interval,
            contract: Contract {
                time_scale: on_disk.time_scale.unwrap_or(1),
                ..Contract::default()
            },
            series,
            expectations,
        })
    }

    /// The rule it tests.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// What it shows.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Plays the samples and compares. Empty when everything is as expected.
    pub fn run(&self, pack: &Arc<Pack>) -> Vec<Mismatch> {
        let mut evaluator = Evaluator::new(Arc::clone(pack), &self.contract);
        for (id, (labels, _)) in (0..).zip(&self.series) {
            evaluator.define(SeriesId(id), labels);
        }
        let mut findings = Vec::new();
        let mut mismatches = Vec::new();
        if pack.rule(&self.rule).is_none() {
            mismatches.push(self.mismatch("the pack has no such rule"));
        }
        let mut step = 0;
        for expectation in &self.expectations {
            while self.interval * step <= expectation.at {
                self.play(step, &mut evaluator, &mut findings);
                step += 1;
            }
            evaluator.tick(START.plus(expectation.at), &mut findings);
            if let Some(what) = self.compare(expectation, &evaluator, &findings) {
                mismatches.push(self.mismatch(&what));
            }
        }
        let problems = evaluator.problems().filter(|p| *p.rule == *self.rule);
        mismatches.extend(problems.map(|problem| self.mismatch(&problem.what)));
        mismatches
    }

    /// One instant: a row per host, then the tick.
    fn play(&self, step: u32, evaluator: &mut Evaluator, findings: &mut Vec<Finding>) {
        let at = START.plus(self.interval * step);
        let mut rows: BTreeMap<&str, Vec<(SeriesId, f64)>> = BTreeMap::new();
        for (id, (labels, values)) in (0..).zip(&self.series) {
            if let Some(Some(value)) = values.get(step as usize) {
                let host = labels.get("host").unwrap_or("");
                rows.entry(host).or_default().push((SeriesId(id), *value));
            }
        }
        for (host, row) in rows {
            evaluator.heard(host, at, findings);
            evaluator.round(at, &row, findings);
        }
        evaluator.tick(at, findings);
    }

    fn compare(
        &self,
        expectation: &Expectation,
        evaluator: &Evaluator,
        findings: &[Finding],
    ) -> Option<String> {
        let fits = |subject: &Labels| {
            let mut wanted = expectation.subject.iter();
            wanted.all(|(name, value)| subject.get(name) == Some(value))
        };
        let mut subjects = evaluator
            .conditions()
            .filter(|(rule, subject, _)| *rule.id == *self.rule && fits(subject));
        let subject = subjects.next().map(|(_, subject, _)| subject.clone());
        let at = expectation.at;
        if subjects.next().is_some() {
            return Some(format!("at {at:?}: more than one subject fits"));
        }
        let judged = subject.and_then(|s| Some((evaluator.judgement(&self.rule, &s)?, s)));
        let condition = judged.as_ref().map(|(judgement, _)| judgement.condition);
        if condition != expectation.condition {
            let value = judged.and_then(|(judgement, _)| judgement.value);
            let expected = expectation.condition;
            return Some(format!(
                "at {at:?}: expected {expected:?}, found {condition:?} with value {value:?}"
            ));
        }
        let expected = START.plus(expectation.since?);
        let last = findings.iter().rev();
        let mut last = last.filter(|f| *f.rule == *self.rule && fits(&f.subject));
        let since = last.next().map(|finding| finding.since);
        (since != Some(expected))
            .then(|| format!("at {at:?}: expected since {expected}, found {since:?}"))
    }

    fn mismatch(&self, what: &str) -> Mismatch {
        Mismatch {
            file: self.file.clone(),
            rule: self.rule.clone(),
            what: format!("{:?}: {what}", self.kind),
        }
    }
}

#[cfg(test)]
mod tests;
