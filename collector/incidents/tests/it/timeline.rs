//! Timelines as text. Each line is `SECOND VERB ...`; seconds never go back, and every second between two lines is ticked,
//! with all checks judged anew each second but those of muted hosts.
//!
//! Verbs: `clear|breach|unknown RULE label=value... [value=V] [age=S]` (consecutive ones of one second are one batch; `flush`
//! ends a batch), `mute|unmute HOST`, `judge ok|bad|hold RULE label=value...` (the check's newest sample without a finding),
//! `ACT NUMBER WHO [...]` with the acts of [`deed`], `refuse ACT NUMBER WHO [...]: TEXT IN THE REFUSAL`,
//! `say SEQ INSTANCE TOPIC [LINE|LINE]` (a probe's evidence), `evidence NUMBER [LINE|LINE]` (the incident's last one),
//! `want NUMBER CAUSE LEVEL STATE CONDITION`, `links NUMBER RULE...`, `incidents COUNT`, `wrote COUNT KIND`.

use crate::pack;
use collector_domain::{
    Act, ActRefused, Category, Checks, Condition, Contract, Deed, Disputed, Entry, Exhibit,
    Finding, IncidentId, Judgement, Request, Topology,
};
use collector_incidents::{Machine, MachineState};
use shared_model::{Labels, Seq, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Second 0 of every timeline: 2026-01-01T00:00:00Z.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_767_225_600);

/// Where the checks stand: what `collector-standards` would answer.
#[derive(Clone, Default)]
pub(crate) struct Board(pub(crate) BTreeMap<(String, Labels), Judgement>);

impl Checks for Board {
    fn judgement(&self, rule: &str, subject: &Labels) -> Option<Judgement> {
        self.0.get(&(rule.to_owned(), subject.clone())).copied()
    }
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) machine: Machine,
    pub(crate) board: Board,
    pub(crate) entries: Vec<Entry>,
    pub(crate) second: u64,
    /// Milliseconds since that second.
    millis: u64,
    contract: Contract,
    topology: Topology,
    muted: BTreeSet<String>,
    batch: Vec<Finding>,
}

impl World {
    pub(crate) fn new(time_scale: u32) -> Self {
        Self::of(pack::contract(time_scale), pack::topology())
    }

    pub(crate) fn of(contract: Contract, topology: Topology) -> Self {
        Self {
            machine: Machine::new(&pack::rules(), contract.clone(), topology.clone()),
            board: Board::default(),
            entries: Vec::new(),
            second: 0,
            millis: 0,
            contract,
            topology,
            muted: BTreeSet::new(),
            batch: Vec::new(),
        }
    }

    /// Plays a timeline and returns the world after it.
    pub(crate) fn play(time_scale: u32, timeline: &str) -> Self {
        let mut world = Self::new(time_scale);
        world.run(timeline);
        world
    }

    pub(crate) fn run(&mut self, timeline: &str) {
        for line in timeline.lines().map(str::trim).filter(|l| !l.is_empty()) {
            self.run_line(line);
        }
        self.flush();
    }

    /// Plays one line; a finding stays in the batch that it began or joined.
    pub(crate) fn run_line(&mut self, line: &str) {
        let (second, rest) = line.split_once(' ').expect("a line is SECOND VERB ...");
        let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        self.wait_until(second.parse().expect("seconds are numbers"));
        self.step(line, verb, rest);
    }

    pub(crate) fn now(&self) -> Timestamp {
        START.plus(Duration::from_millis(self.second * 1_000 + self.millis))
    }

    /// Ticks up to and including `second`.
    pub(crate) fn wait_until(&mut self, second: u64) {
        assert!(second >= self.second, "second {second} is in the past");
        while self.second < second {
            self.flush();
            self.second += 1;
            self.millis = 0;
            let now = self.now();
            for ((_, subject), judgement) in &mut self.board.0 {
                if !subject.get("host").is_some_and(|h| self.muted.contains(h)) {
                    judgement.judged_at = now;
                }
            }
            self.entries.extend(self.machine.tick(now, &self.board));
        }
    }

    /// Ticks up to and including the second of `millis` since the start, and goes on to it.
    pub(crate) fn wait_until_millis(&mut self, millis: u64) {
        self.wait_until(millis / 1_000);
        assert!(millis % 1_000 >= self.millis, "{millis} ms is in the past");
        self.flush();
        self.millis = millis % 1_000;
    }

    /// Milliseconds since the start.
    pub(crate) fn elapsed_millis(&self) -> u64 {
        self.second * 1_000 + self.millis
    }

    /// Writes the state as the collector's snapshot does and continues from it.
    pub(crate) fn restart(&mut self) {
        self.flush();
        let text = serde_json::to_string(self.machine.state()).expect("the state is serialisable");
        let state: MachineState = serde_json::from_str(&text).expect("the state reads back");
        assert_eq!(&state, self.machine.state());
        let (contract, topology) = (self.contract.clone(), self.topology.clone());
        self.machine = Machine::restore(state, &pack::rules(), contract, topology);
    }

    pub(crate) fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let entries = self.machine.findings(self.now(), &batch, &self.board);
        self.entries.extend(entries);
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        let key = (finding.rule.to_string(), finding.subject.clone());
        let judgement = Judgement {
            condition: finding.condition,
            judged_at: self.now(),
            within_limit: finding.condition == Condition::Clear,
            value: finding.value,
        };
        self.board.0.insert(key, judgement);
        self.batch.push(finding);
    }

    pub(crate) fn act(&mut self, text: &str) -> Result<(), ActRefused> {
        self.flush();
        let words: Vec<&str> = text.splitn(4, ' ').collect();
        let [act, number, by, ..] = words[..] else { unreachable!("ACT NUMBER WHO ...: {text}") };
        let incident: IncidentId = number.parse().expect("a number");
        let deed = deed(act, words.get(3).copied().unwrap_or_default());
        let act = Act { incident, by: by.to_owned(), deed };
        let entries = self.machine.act(self.now(), &act, &self.board)?;
        self.entries.extend(entries);
        Ok(())
    }

    fn say(&mut self, text: &str) {
        self.flush();
        let mut words = text.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (seq, instance, topic, lines) = (word(), word().to_owned(), word().to_owned(), word());
        let order = (1, Seq(seq.parse().expect("a sequence number")));
        let lines = lines.split('|').filter(|l| !l.is_empty()).map(str::to_owned).collect();
        let said = Exhibit { at: self.now(), instance, topic, lines };
        let entries = self.machine.said(self.now(), said, order, &self.board);
        self.entries.extend(entries);
    }

    /// Every incident as `NUMBER CAUSE LEVEL STATE CONDITION`.
    pub(crate) fn incidents(&self) -> Vec<String> {
        let line = |i: &collector_domain::Incident| {
            let condition = format!("{:?}", i.condition).to_lowercase();
            format!("{} {} {} {} {condition}", i.id.0, i.cause, i.level, i.state)
        };
        self.machine.incidents().values().map(line).collect()
    }

    /// The rules linked to an incident, sorted.
    pub(crate) fn links(&self, number: u64) -> Vec<String> {
        let incident = self.machine.incident(IncidentId(number)).expect("an incident");
        let mut links: Vec<String> = incident.links.iter().map(|l| l.rule.to_string()).collect();
        links.sort();
        links
    }

    fn step(&mut self, line: &str, verb: &str, rest: &str) {
        match verb {
            "clear" | "breach" | "unknown" => {
                let finding = self.finding(verb, rest);
                self.push(finding);
                return;
            }
            _ => self.flush(),
        }
        match verb {
            "flush" => {}
            "restart" => self.restart(),
            "mute" => drop(self.muted.insert(rest.to_owned())),
            "unmute" => drop(self.muted.remove(rest)),
            "judge" => self.judge(rest),
            "refuse" => {
                let (act, why) = rest.split_once(": ").expect("refuse ACT: WHY");
                let before = self.machine.state().clone();
                let refused = self.act(act).expect_err(line).to_string();
                assert!(refused.contains(why), "{line}: {refused}");
                assert_eq!(self.machine.state(), &before, "{line}");
            }
            "say" => self.say(rest),
            "evidence" => {
                let (number, lines) = rest.split_once(' ').unwrap_or((rest, ""));
                let id = IncidentId(number.parse().expect("a number"));
                let incident = self.machine.incident(id).expect("an incident");
                let last = incident.evidence.last().map(|e| e.lines.join("|"));
                assert_eq!(last.unwrap_or_default(), lines, "{line}");
            }
            "want" => assert!(
                self.incidents().contains(&rest.to_owned()),
                "{line}: {:#?}",
                self.incidents()
            ),
            "links" => {
                let (number, links) = rest.split_once(' ').unwrap_or((rest, ""));
                let links: Vec<&str> = links.split(' ').filter(|l| !l.is_empty()).collect();
                assert_eq!(self.links(number.parse().expect("a number")), links, "{line}");
            }
            "incidents" => {
                let count: usize = rest.parse().expect("a count");
                assert_eq!(
                    self.machine.incidents().len(),
                    count,
                    "{line}: {:#?}",
                    self.incidents()
                );
            }
            "wrote" => {
                let (count, kind) = rest.split_once(' ').expect("wrote COUNT KIND");
                let count: usize = count.parse().expect("a count");
                assert_eq!(self.wrote(kind), count, "{line}");
            }
            act => {
                let outcome = self.act(&format!("{act} {rest}"));
                assert_eq!(outcome, Ok(()), "{line}");
            }
        }
    }

    /// How many entries of a kind were written, by the kind's name in the ledger; `kind in_time=false` narrows.
    fn wrote(&self, kind: &str) -> usize {
        let (kind, late) = kind.split_once(" in_time=").unwrap_or((kind, ""));
        let entries =
            self.entries.iter().map(|e| serde_json::to_value(e).expect("an entry is JSON"));
        entries
            .filter(|e| {
                e["kind"] == kind
                    && (late.is_empty() || e["in_time"].as_bool() == late.parse().ok())
            })
            .count()
    }

    fn finding(&self, verb: &str, rest: &str) -> Finding {
        let (rule, rest) = rest.split_once(' ').expect("a finding has a subject");
        let mut labels = Vec::new();
        let (mut value, mut age) = (None, 60);
        for (name, text) in rest.split(' ').filter_map(|w| w.split_once('=')) {
            match name {
                "value" => value = text.parse().ok(),
                "age" => age = text.parse().expect("an age in seconds"),
                _ => labels.push((name, text)),
            }
        }
        Finding {
            rule: rule.into(),
            subject: Labels::from_pairs(labels),
            condition: match verb {
                "clear" => Condition::Clear,
                "breach" => Condition::Breached,
                _ => Condition::Unknown,
            },
            since: self.now().minus(Duration::from_secs(age)),
            at: self.now(),
            value,
            no_data: verb == "unknown",
        }
    }

    fn judge(&mut self, rest: &str) {
        let (verdict, rest) = rest.split_once(' ').expect("judge VERDICT RULE SUBJECT");
        let finding = self.finding("clear", rest);
        let judgement = Judgement {
            condition: if verdict == "bad" { Condition::Breached } else { Condition::Clear },
            judged_at: self.now(),
            within_limit: verdict == "ok",
            value: finding.value,
        };
        self.board.0.insert((finding.rule.to_string(), finding.subject), judgement);
    }
}

/// An act's deed: `ack`, `resolve`, `verify`, or JSON after the word `do` for the others.
fn deed(act: &str, rest: &str) -> Deed {
    let text = || rest.to_owned();
    match act {
        "ack" => Deed::Acknowledge,
        "resolve" => Deed::Resolve { fix: "重启实例".to_owned() },
        "verify" => Deed::Verify,
        "dispatch" => Deed::Dispatch { engineer: text() },
        "arrive" => Deed::Arrive,
        "confirm-core" => Deed::ConfirmCore,
        "reopen" => Deed::Reopen { reason: text() },
        "consent" => Deed::Consent,
        "decline" => Deed::Decline { reason: text() },
        "ask-cancel" => Deed::Ask { request: Request::Cancel, reason: text() },
        "ask-lower" => {
            let (level, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            let level = level.parse::<u8>().ok().and_then(|n| n.try_into().ok()).expect("a level");
            Deed::Ask { request: Request::Lower { level }, reason: reason.to_owned() }
        }
        "ask-merge" => {
            let (into, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            let into = into.parse().expect("a number");
            Deed::Ask { request: Request::Merge { into }, reason: reason.to_owned() }
        }
        "separate" => {
            let (rule, subject) = rest.split_once(' ').expect("separate RULE label=value...");
            let labels = subject.split(' ').filter_map(|w| w.split_once('='));
            let (rule, subject) = (rule.into(), Labels::from_pairs(labels));
            Deed::Separate { rule, subject, reason: "another fault".to_owned() }
        }
        "dispute" => Deed::Dispute { about: Disputed::Response, statement: text() },
        "settle" => Deed::SettleDispute { outcome: text() },
        "diagnose" => Deed::Diagnose { category: Category::Performance, root_cause: text() },
        "prevent" => {
            let (measure, owner) = (text(), "li".to_owned());
            Deed::Prevent { measure, owner, due: START }
        }
        "back-up" => Deed::BackUp { reference: text(), waived: false },
        "note" => Deed::Note { text: text() },
        "sign" => Deed::Sign,
        _ => unreachable!("no such verb or act: {act}"),
    }
}
