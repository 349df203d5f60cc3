//! An incident as JSON.

use super::scalar::{LabelsJson, NumberJson, TextJson, TimeJson, condition_word};
use super::sheet::SheetJson;
use collector_domain::{Awaited, Clocks, Exhibit, Incident, Silence};
use serde::Serialize;
use shared_model::{Level, Timestamp};

/// An incident.
#[derive(Serialize, Debug)]
pub(crate) struct IncidentJson {
    /// `W-000012`.
    id: String,
    /// Rule or classification, such as `os.cpu_busy` or `db.down`.
    cause: String,
    /// What it concerns.
    subject: LabelsJson,
    /// Clause of the standard.
    clause: String,
    title: TextJson,
    /// Runbook.
    advice: TextJson,
    /// 1 (most severe) to 4.
    level: u8,
    /// The most severe level it ever had.
    level_highest: u8,
    /// All levels, first to last.
    levels: Vec<LevelJson>,
    /// `open`, `acknowledged`, `resolved`, `verifying`, `watching`, `watched`, `closed`, `cancelled` or `merged`.
    state: String,
    /// Where its own check stands: `clear`, `breached` or `unknown`.
    condition: &'static str,
    /// Value judged last.
    value: Option<NumberJson>,
    /// Opened from data that arrived late.
    late: bool,
    clocks: ClocksJson,
    /// Findings that it explains.
    links: Vec<LinkJson>,
    /// How often it came back after a repair.
    reopened: u32,
    acknowledged_by: Option<String>,
    /// The stated fix.
    fix: Option<String>,
    /// Handling record, oldest first.
    notes: Vec<NoteJson>,
    /// What probes said of it, oldest first.
    evidence: Vec<ExhibitJson>,
    /// Silences that mute notifications of it now.
    silences: Vec<String>,
    /// What people wrote on the fault sheet.
    sheet: SheetJson,
    /// What it waits for.
    awaits: Vec<AwaitedJson>,
}

/// One thing that an incident waits for: somebody's act, or an instant.
#[derive(Serialize, Debug)]
struct AwaitedJson {
    /// `person`, `hospital` or `time`.
    who: &'static str,
    /// The act, or the clock's name.
    what: &'static str,
    at: Option<TimeJson>,
}

impl From<Awaited> for AwaitedJson {
    fn from(awaited: Awaited) -> Self {
        let (who, what, at) = match awaited {
            Awaited::Person(act) => ("person", act, None),
            Awaited::Hospital(act) => ("hospital", act, None),
            Awaited::Time(clock, at) => ("time", clock, Some(TimeJson(at))),
        };
        Self { who, what, at }
    }
}

#[derive(Serialize, Debug)]
struct LevelJson {
    at: TimeJson,
    level: u8,
    why: String,
}

#[derive(Serialize, Debug)]
struct LinkJson {
    rule: String,
    subject: LabelsJson,
    at: TimeJson,
    condition: &'static str,
    value: Option<NumberJson>,
}

/// What a probe said beside its numbers.
#[derive(Serialize, Debug)]
pub(crate) struct ExhibitJson {
    /// By the node's clock.
    at: TimeJson,
    /// What it speaks of, as in the label `instance`.
    instance: String,
    /// Such as `db.blocking`.
    topic: String,
    lines: Vec<String>,
}

impl From<&Exhibit> for ExhibitJson {
    fn from(said: &Exhibit) -> Self {
        let Exhibit { at, instance, topic, lines } = said.clone();
        Self { at: TimeJson(at), instance, topic, lines }
    }
}

#[derive(Serialize, Debug)]
struct NoteJson {
    at: TimeJson,
    by: String,
    text: String,
}

/// The instants; `null` means not yet.
#[derive(Serialize, Debug)]
struct ClocksJson {
    /// Event time of the first bad sample, by the node's clock.
    occurred: TimeJson,
    /// The response clock starts here.
    detected: TimeJson,
    response_due: TimeJson,
    /// Left until `response_due`, negative when overdue; `null` once the clock has stopped.
    response_remaining_seconds: Option<f64>,
    resolution_due: TimeJson,
    /// Left until `resolution_due`, negative when overdue; `null` once the clock has stopped.
    resolution_remaining_seconds: Option<f64>,
    acknowledged: Option<TimeJson>,
    resolved: Option<TimeJson>,
    verified: Option<TimeJson>,
    watch_until: Option<TimeJson>,
    closed: Option<TimeJson>,
    /// When it was certain that the response came too late or not at all.
    response_missed: Option<TimeJson>,
    /// When it was certain that the resolution came too late or not at all.
    resolution_missed: Option<TimeJson>,
    dispatched: Option<TimeJson>,
    /// Somebody has to be at the appliance by then.
    onsite_due: Option<TimeJson>,
    /// Left until `onsite_due`, negative when overdue; `null` once the clock has stopped.
    onsite_remaining_seconds: Option<f64>,
    onsite: Option<TimeJson>,
    /// When it was certain that nobody came in time.
    onsite_missed: Option<TimeJson>,
    /// Core business runs again since then, as the machine saw it.
    core_restored: Option<TimeJson>,
    /// A person confirmed that.
    core_confirmed: Option<TimeJson>,
    signed: Option<TimeJson>,
}

/// What is left on an incident's clocks, in seconds; negative when overdue, `None` when the clock is not running.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Countdown {
    pub(crate) response_seconds: Option<f64>,
    pub(crate) resolution_seconds: Option<f64>,
    pub(crate) onsite_seconds: Option<f64>,
}

impl Countdown {
    /// `now` is the collector's steady time.
    pub(crate) fn of(incident: &Incident, now: Timestamp) -> Self {
        let Clocks { response_due, resolution_due, acknowledged, resolved, .. } = incident.clocks;
        let Clocks { onsite_due, onsite, core_restored, .. } = incident.clocks;
        let over = incident.state.is_over();
        // Levels 1 and 2 are due until core business is restored.
        let repaired = resolved.or(core_restored.filter(|_| incident.level <= Level::Two));
        let left = |due: Timestamp, stopped: Option<Timestamp>| {
            let micros = due.as_micros().saturating_sub(now.as_micros());
            (stopped.is_none() && !over).then_some(micros as f64 / 1e6)
        };
        Self {
            response_seconds: left(response_due, acknowledged),
            resolution_seconds: left(resolution_due, repaired),
            onsite_seconds: onsite_due.and_then(|due| left(due, onsite.or(resolved))),
        }
    }
}

impl IncidentJson {
    /// `now` is the collector's steady time; `silences` are all that there are.
    pub(crate) fn of(incident: &Incident, now: Timestamp, silences: &[Silence]) -> Self {
        let levels = incident.levels.iter().map(|change| LevelJson {
            at: TimeJson(change.at),
            level: change.level.number(),
            why: change.why.clone(),
        });
        let links = incident.links.iter().map(|link| LinkJson {
            rule: link.rule.to_string(),
            subject: (&link.subject).into(),
            at: TimeJson(link.at),
            condition: condition_word(link.condition),
            value: link.value.map(NumberJson),
        });
        let notes = incident.notes.iter().map(|note| NoteJson {
            at: TimeJson(note.at),
            by: note.by.clone(),
            text: note.text.clone(),
        });
        let muting = silences.iter().filter(|s| s.mutes(incident, now));
        Self {
            id: incident.id.to_string(),
            cause: incident.cause.to_string(),
            subject: (&incident.subject).into(),
            clause: incident.clause.to_string(),
            title: (&incident.title).into(),
            advice: (&incident.advice).into(),
            level: incident.level.number(),
            level_highest: incident.level_highest.number(),
            levels: levels.collect(),
            state: incident.state.to_string(),
            condition: condition_word(incident.condition),
            value: incident.value.map(NumberJson),
            late: incident.late,
            clocks: ClocksJson::of(incident, now),
            links: links.collect(),
            reopened: incident.reopened,
            acknowledged_by: incident.acknowledged_by.clone(),
            fix: incident.fix.clone(),
            notes: notes.collect(),
            evidence: incident.evidence.iter().map(Into::into).collect(),
            silences: muting.map(|s| s.id.to_string()).collect(),
            sheet: (&incident.sheet).into(),
            awaits: incident.awaits().into_iter().map(Into::into).collect(),
        }
    }
}

impl ClocksJson {
    fn of(incident: &Incident, now: Timestamp) -> Self {
        let clocks = &incident.clocks;
        let left = Countdown::of(incident, now);
        Self {
            occurred: TimeJson(clocks.occurred),
            detected: TimeJson(clocks.detected),
            response_due: TimeJson(clocks.response_due),
            response_remaining_seconds: left.response_seconds,
            resolution_due: TimeJson(clocks.resolution_due),
            resolution_remaining_seconds: left.resolution_seconds,
            acknowledged: clocks.acknowledged.map(TimeJson),
            resolved: clocks.resolved.map(TimeJson),
            verified: clocks.verified.map(TimeJson),
            watch_until: clocks.watch_until.map(TimeJson),
            closed: clocks.closed.map(TimeJson),
            response_missed: clocks.response_missed.map(TimeJson),
            resolution_missed: clocks.resolution_missed.map(TimeJson),
            dispatched: clocks.dispatched.map(TimeJson),
            onsite_due: clocks.onsite_due.map(TimeJson),
            onsite_remaining_seconds: left.onsite_seconds,
            onsite: clocks.onsite.map(TimeJson),
            onsite_missed: clocks.onsite_missed.map(TimeJson),
            core_restored: clocks.core_restored.map(TimeJson),
            core_confirmed: clocks.core_confirmed.map(TimeJson),
            signed: clocks.signed.map(TimeJson),
        }
    }
}
