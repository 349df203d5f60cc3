//! Probe `systemd`: units that are active and units that failed, through `systemctl` with fixed arguments.
//!
//! The bus of systemd would need a client of its own in the agent; `systemctl` speaks to it over its private socket and
//! prints one line a unit. Of each unit two series are given, `active` and `failed`, not the peer's five.

use crate::context::Context;
use crate::exec::{NoOutput, Program};
use crate::field;
use crate::metric::{counter, gauge};
use crate::tally::Tally;
use agent_probe::{HostRoot, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const NAME: &str = "systemd";

static STATE: Metric = gauge(
    "node_systemd_unit_state",
    Unit::None,
    "Whether the unit is active, and whether it failed.",
    "systemctl list-units",
);
static UNITS: Metric = gauge(
    "node_systemd_units",
    Unit::None,
    "Units in each state, all types.",
    "systemctl list-units",
);
static RESTARTS: Metric = counter(
    "node_systemd_service_restart_total",
    Unit::None,
    "Times that the service was started again by systemd.",
    "systemctl show, NRestarts",
);
static METRICS: [&Metric; 3] = [&STATE, &UNITS, &RESTARTS];

const LIST: [&str; 6] = ["list-units", "--all", "--plain", "--no-legend", "--no-pager", "--full"];
const SHOW: [&str; 5] =
    ["show", "*.service", "--property=Id", "--property=NRestarts", "--no-pager"];

/// States that the peer counts, in the order in which they are put.
const STATES: [&str; 5] = ["activating", "active", "deactivating", "failed", "inactive"];

/// Types whose units are told one by one; the others are counted only.
const TYPES: [&str; 6] = [".service", ".mount", ".timer", ".socket", ".path", ".swap"];

/// Twice what a server has.
const MAX_UNITS: usize = 512;

/// Rounds for which a unit that failed and was then forgotten by systemd is told as not failed.
const FORGET_ROUNDS: u32 = 20;

pub(crate) struct Systemd {
    root: HostRoot,
    systemctl: Program,
    /// Units that failed, with the rounds for which they are still told after they vanished.
    failed: BTreeMap<Box<str>, u32>,
}

impl Systemd {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            root: context.root.clone(),
            systemctl: Program::new(&context.root, "systemctl", Duration::from_secs(5)),
            failed: BTreeMap::new(),
        }
    }
}

impl Probe for Systemd {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(15),
            default_timeout: Duration::from_secs(12),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        // As sd_booted(3) asks.
        if self.root.is_live() && !self.root.host("run/systemd/system").is_dir() {
            return Outcome::Absent("systemd does not run here".to_owned());
        }
        let mut tally = Tally::default();
        match self.systemctl.run(&LIST, "systemctl-list-units") {
            Ok(printed) => {
                self.put_units(&printed.bytes, sink, &mut tally);
                tally.end_file(&printed.source);
            }
            Err(NoOutput::NotInstalled) => return Outcome::Absent("no systemctl".to_owned()),
            Err(NoOutput::Failed(error)) => return Outcome::Failed(error),
        }
        if !tally.has_samples() {
            return tally.outcome();
        }
        match self.systemctl.run(&SHOW, "systemctl-show") {
            Ok(printed) => put_restarts(&printed.bytes, sink),
            Err(NoOutput::NotInstalled) => {}
            Err(NoOutput::Failed(error)) => tally.complain(error),
        }
        tally.outcome()
    }
}

impl Systemd {
    fn put_units(&mut self, text: &[u8], sink: &mut Sink, tally: &mut Tally) {
        let mut counts = [0_u32; STATES.len()];
        let mut listed = 0;
        for rounds in self.failed.values_mut() {
            *rounds = rounds.saturating_sub(1);
        }
        for (number, line) in field::lines(text) {
            let Some((name, state)) = parse(line) else {
                tally.bad_line(number, "UNIT LOAD ACTIVE SUB DESCRIPTION");
                continue;
            };
            tally.sampled();
            let known = STATES.iter().position(|known| *known == state);
            if let Some(count) = known.and_then(|at| counts.get_mut(at)) {
                *count += 1;
            }
            if !TYPES.iter().any(|kind| name.ends_with(kind)) {
                continue;
            }
            listed += 1;
            if listed > MAX_UNITS {
                continue;
            }
            put_state(name, state, sink);
            match state {
                "failed" => drop(self.failed.insert(name.into(), FORGET_ROUNDS)),
                _ => drop(self.failed.remove(name)),
            }
        }
        if !tally.has_samples() {
            return tally.bad_line(0, "lines of units");
        }
        for (name, _) in self.failed.iter().filter(|(_, rounds)| **rounds < FORGET_ROUNDS) {
            put_state(name, "inactive", sink);
        }
        self.failed.retain(|_, rounds| *rounds > 0);
        for (state, count) in STATES.iter().zip(counts) {
            sink.put(&UNITS, &[("state", state)], f64::from(count));
        }
    }
}

fn put_state(name: &str, state: &str, sink: &mut Sink) {
    for one in ["active", "failed"] {
        let is_it = f64::from(u8::from(state == one));
        sink.put(&STATE, &[("name", name), ("state", one)], is_it);
    }
}

/// Name and state of a line; a bullet before a failed unit is no word of it.
fn parse(line: &[u8]) -> Option<(&str, &str)> {
    let mut words = field::words(line).filter(|word| *word != "●".as_bytes());
    let name = field::text(words.next()?)?;
    let load = field::text(words.next()?)?;
    let active = field::text(words.next()?)?;
    words.next()?;
    let is_word = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    (name.contains('.') && is_word(load) && is_word(active)).then_some((name, active))
}

/// Blocks of `Id=NAME` and `NRestarts=NUMBER`, in any order, with an empty line between them.
fn put_restarts(text: &[u8], sink: &mut Sink) {
    let (mut id, mut restarts) = (None, None);
    let mut count = 0;
    for line in text.split(|b| *b == b'\n').chain([&b""[..]]) {
        if let Some(name) = line.strip_prefix(b"Id=") {
            id = field::text(name);
        } else if let Some(number) = line.strip_prefix(b"NRestarts=") {
            restarts = field::number(number);
        } else if line.is_empty()
            && let (Some(name), Some(number)) = (id.take(), restarts.take())
            && count < MAX_UNITS
        {
            sink.put(&RESTARTS, &[("name", name)], number as f64);
            count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(probe: &mut Systemd, text: &str) -> Vec<(String, f64)> {
        let mut sink = Sink::default();
        let mut tally = Tally::default();
        probe.put_units(text.as_bytes(), &mut sink, &mut tally);
        let told = sink.samples().iter().filter_map(|sample| {
            let of = |name: &str| sample.labels().iter().find(|(n, _)| **n == *name);
            let state = of("state").filter(|(_, state)| **state == *"failed")?;
            let (_, name) = of("name").filter(|_| !state.1.is_empty())?;
            Some((name.to_string(), sample.value()?))
        });
        told.collect()
    }

    /// Scenario: a unit fails and systemd is told to forget it. Guarantees: it is told as not failed for a while, so that
    /// its breach ends, then no more.
    #[test]
    fn forgotten_failures_end() {
        let root = HostRoot::at("/nonexistent");
        let clock = std::sync::Arc::new(shared_model::SimClock::at(
            shared_model::Timestamp::from_secs(1_767_225_600),
        ));
        let mut probe = Systemd::new(&Context::new(root, clock));
        let other = "sshd.service loaded active running OpenSSH\n";
        let both = format!("{other}● db.service loaded failed failed Database\n");
        let told = |name: &str, value: f64| (name.to_owned(), value);
        let first = failed(&mut probe, &both);
        assert_eq!(first, [told("sshd.service", 0.0), told("db.service", 1.0)]);
        for _ in 0..FORGET_ROUNDS {
            let later = failed(&mut probe, other);
            assert_eq!(later, [told("sshd.service", 0.0), told("db.service", 0.0)]);
        }
        assert_eq!(failed(&mut probe, other), [told("sshd.service", 0.0)]);
    }
}
