//! Everything that can be wrong with a pack, found in one pass.

use super::file::{RuleOnDisk, RulesOnDisk};
use super::span::parse_span;
use super::{Limit, PackFile, Standard, Value};
use collector_domain::{Contract, Rule};
use shared_model::{Clause, Level, topic};
use std::collections::BTreeMap;
use std::fmt;

/// The label by which rules are evaluated apart from each other.
const PARTITION: &str = "instance";
/// More rules than this are a mistake: the standard has about a hundred rows.
const RULES_MAX: usize = 2_000;
/// A count beyond this delays a breach for more than an hour of one-second samples.
const MIN_SAMPLES_MAX: u32 = 3_600;

/// One thing that is wrong with a pack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// File it stands in.
    pub file: String,
    /// Id of the rule, `rule 3` (counted from 1) when it has none, empty when the whole file is meant.
    pub rule: String,
    /// What is wrong, as a lower-case sentence.
    pub what: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule.as_str() {
            "" => write!(f, "{}: {}", self.file, self.what),
            rule => write!(f, "{}: {rule}: {}", self.file, self.what),
        }
    }
}

/// Everything that is wrong with a pack, in order of files and rules. Never empty.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct WrongPack(pub Vec<Wrong>);

impl fmt::Display for WrongPack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, wrong) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{wrong}")?;
        }
        Ok(())
    }
}

/// A rule as it was read, with where it stands.
struct Read {
    file: String,
    rule: Rule,
    standard: Standard,
}

/// Reads and checks all files.
pub(super) fn check(files: &[PackFile<'_>]) -> Result<Vec<(Rule, Standard)>, WrongPack> {
    let mut wrong = Vec::new();
    let mut read = Vec::new();
    for file in files {
        read_file(file, &mut read, &mut wrong);
    }
    check_together(&read, &mut wrong);
    if wrong.is_empty() {
        Ok(read.into_iter().map(|r| (r.rule, r.standard)).collect())
    } else {
        Err(WrongPack(wrong))
    }
}

fn read_file(file: &PackFile<'_>, read: &mut Vec<Read>, wrong: &mut Vec<Wrong>) {
    let mut complain = |rule: &str, what: String| {
        wrong.push(Wrong { file: file.name.to_owned(), rule: rule.to_owned(), what });
    };
    let on_disk: RulesOnDisk = match serde_saphyr::from_str(file.text) {
        Ok(on_disk) => on_disk,
        Err(error) => return complain("", error.to_string()),
    };
    if on_disk.rules.len() > RULES_MAX {
        return complain("", format!("more than {RULES_MAX} rules"));
    }
    for (i, value) in on_disk.rules.into_iter().enumerate() {
        let id = value.get("id").and_then(|id| id.as_str());
        let name = id.map_or_else(|| format!("rule {}", i + 1), str::to_owned);
        match serde_json::from_value::<RuleOnDisk>(value) {
            Err(error) => complain(&name, error.to_string()),
            Ok(on_disk) => {
                let mut found = Vec::new();
                let rule = convert(on_disk, &mut found);
                found.into_iter().for_each(|what| complain(&name, what));
                if let Some((rule, standard)) = rule {
                    read.push(Read { file: file.name.to_owned(), rule, standard });
                }
            }
        }
    }
}

/// Checks one rule by itself and converts it. Every complaint goes to `wrong`.
fn convert(on_disk: RuleOnDisk, wrong: &mut Vec<String>) -> Option<(Rule, Standard)> {
    check_texts(&on_disk, wrong);
    check_value(&on_disk.value, wrong);
    let clause: Option<Clause> = keep(on_disk.clause.parse(), wrong);
    let breach: Option<Limit> = keep(on_disk.breach.parse(), wrong);
    let clear: Option<Limit> = keep(on_disk.clear.parse(), wrong);
    let sustained = keep(parse_span(&on_disk.r#for), wrong);
    let level = check_level(on_disk.level, wrong);
    if let (Some(breach), Some(clear)) = (breach, clear)
        && breach.overlaps(clear)
    {
        wrong.push(format!(
            "breach '{breach}' and clear '{clear}' overlap: a value would be bad and good"
        ));
    }
    if !(1..=MIN_SAMPLES_MAX).contains(&on_disk.min_samples) {
        wrong.push(format!("min_samples must be 1 to {MIN_SAMPLES_MAX}"));
    }
    let standard = Standard {
        unit: on_disk.unit,
        value: on_disk.value,
        breach: breach?,
        clear: clear?,
        sustained: sustained?,
        min_samples: on_disk.min_samples,
        no_data: on_disk.no_data,
    };
    let rule = Rule {
        id: on_disk.id.into(),
        clause: clause?,
        component: on_disk.component,
        title: on_disk.title,
        advice: on_disk.advice,
        tier: on_disk.tier,
        level: level?,
        explained_by: on_disk.explained_by,
        evidence: on_disk.evidence,
    };
    Some((rule, standard))
}

fn check_texts(on_disk: &RuleOnDisk, wrong: &mut Vec<String>) {
    for topic in &on_disk.evidence {
        if !topic::ALL.contains(&topic.as_str()) {
            let known = topic::ALL.join(", ");
            wrong.push(format!(
                "evidence names '{topic}', which no probe speaks of; known: {known}"
            ));
        }
    }
    let byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.');
    if !on_disk.id.contains('.') || on_disk.id.len() > 64 || !on_disk.id.bytes().all(byte) {
        wrong.push("id must look like os.cpu_busy: a-z 0-9 _ with a dot, up to 64".to_owned());
    }
    for (name, text) in [
        ("title.zh", &on_disk.title.zh),
        ("title.en", &on_disk.title.en),
        ("advice.zh", &on_disk.advice.zh),
        ("advice.en", &on_disk.advice.en),
        ("unit", &on_disk.unit),
    ] {
        if text.trim().is_empty() {
            wrong.push(format!("{name} is empty"));
        }
    }
}

/// Level 1 is the classification's alone and level 4 people's alone (mission §2.8.1).
fn check_level(number: u8, wrong: &mut Vec<String>) -> Option<Level> {
    let level = keep(Level::try_from(number), wrong)?;
    match level {
        Level::One => wrong.push("level 1 comes only from the classification".to_owned()),
        Level::Four => wrong.push("level 4 is raised by people only".to_owned()),
        Level::Two | Level::Three => {}
    }
    Some(level)
}

/// The expression must be in the subset that compiles for the stream, and yield something per instance.
fn check_value(value: &str, wrong: &mut Vec<String>) {
    let expr = match super::compile(value, &Contract::default()) {
        Ok(Value::Expression(expr)) => expr,
        Ok(Value::NodeSilence) => return,
        Err(error) => return wrong.push(format!("value: {error}")),
    };
    let selectors = collector_promql::required_matchers(&expr);
    if selectors.is_empty() {
        return wrong.push("value reads no series".to_owned());
    }
    if !collector_promql::keeps_label(&expr, PARTITION) {
        wrong.push(format!(
            "value loses the label '{PARTITION}': name it in every by(...) and on(...)"
        ));
    }
    if let Err(error) = collector_promql::bind(&expr, &[]) {
        wrong.push(format!("value: {error}"));
    }
}

/// What can only be seen with all rules at hand: doubled ids and unknown causes.
fn check_together(read: &[Read], wrong: &mut Vec<Wrong>) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    let mut complain = |read: &Read, what: String| {
        wrong.push(Wrong { file: read.file.clone(), rule: read.rule.id.to_string(), what });
    };
    for r in read {
        if let Some(first) = seen.insert(&r.rule.id, &r.file) {
            complain(r, format!("the id is already used in {first}"));
        }
    }
    for r in read {
        for cause in &r.rule.explained_by {
            if cause.rule == r.rule.id && is_itself(&cause.on) {
                complain(r, "explained_by names the rule itself".to_owned());
            } else if !seen.contains_key(&*cause.rule) {
                complain(r, format!("explained_by names '{}', which does not exist", cause.rule));
            }
            if cause.on.is_empty() {
                complain(r, format!("explained_by '{}' names no label in on", cause.rule));
            }
        }
    }
}

/// Whether every label of the cause is the same one of the symptom, so that a finding would explain itself. With another
/// label, one end of a cable may explain what the same rule says of the other.
fn is_itself(on: &BTreeMap<String, String>) -> bool {
    on.iter().all(|(label, template)| *template == format!("{{{label}}}"))
}

/// The value, or its error as a complaint.
fn keep<T, E: fmt::Display>(result: Result<T, E>, wrong: &mut Vec<String>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            wrong.push(error.to_string());
            None
        }
    }
}
