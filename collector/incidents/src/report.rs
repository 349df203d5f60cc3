//! Faults and questions that people report: opened with the clocks of the call.

use crate::machine::Machine;
use collector_domain::{
    Actor, Entry, EntryKind, IncidentId, REPORT_NAME_MAX_CHARS, REPORT_TEXT_MAX_CHARS,
    REPORTED_FAULT, REPORTED_QUESTION, Report, ReportRefused,
};
use shared_model::{Clause, Labels, Level, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// How long after the call it may be taken down: longer than the longest limit of level 4, and no way to write old faults.
const CALLED_WITHIN: Duration = Duration::from_secs(24 * 3_600);

impl Machine {
    /// Takes a report down.
    ///
    /// # Errors
    /// Why it was refused; then nothing has changed.
    pub fn report(
        &mut self,
        now: Timestamp,
        report: &Report,
    ) -> Result<(IncidentId, Vec<Entry>), ReportRefused> {
        check(now, report)?;
        let now = self.advance(now);
        let mut entries = Vec::new();
        self.settle_due(&mut entries, now);
        let id = self.next_number();
        let started = report.called.unwrap_or(now).min(now);
        let (cause, clause) = match report.level {
            Level::Four => (REPORTED_QUESTION, "2.2"),
            _ => (REPORTED_FAULT, "2.4"),
        };
        let clause: Clause = clause.parse().expect("the texts above are clause numbers");
        let Report { caller, phone, symptom, .. } = report;
        let phone = if phone.trim().is_empty() { "-" } else { phone.trim() };
        let kind = EntryKind::Opened {
            cause: Arc::from(cause),
            subject: Labels::from_pairs([("report", id.to_string().as_str())]),
            clause,
            level: report.level,
            occurred: started,
            value: None,
            response_due: started.plus(self.contract.response_limit(report.level)),
            resolution_due: started.plus(self.contract.resolution_limit(report.level)),
            evidence: vec![
                symptom.trim().to_owned(),
                format!("来电人 {} / called by, 电话 {phone} / phone", caller.trim()),
            ],
            late: false,
            onsite_due: None,
            started: Some(started),
        };
        let actor = Actor::Person(report.by.trim().to_owned());
        self.write(&mut entries, Entry { at: now, incident: id, actor, kind });
        Ok((id, entries))
    }
}

fn check(now: Timestamp, report: &Report) -> Result<(), ReportRefused> {
    let Report { by, level, symptom, caller, phone, called } = report;
    for (name, text, most) in [
        ("the name of the account", by, REPORT_NAME_MAX_CHARS),
        ("symptom", symptom, REPORT_TEXT_MAX_CHARS),
        ("caller", caller, REPORT_NAME_MAX_CHARS),
    ] {
        if text.trim().is_empty() {
            return Err(ReportRefused::Missing(name));
        }
        too_long(name, text, most)?;
    }
    too_long("phone", phone, REPORT_NAME_MAX_CHARS)?;
    let invalid = |what: String| Err(ReportRefused::Invalid(what));
    if *level == Level::One {
        return invalid(
            "level 1 comes from the checks alone: report it as level 2, it rises by itself when the database is down"
                .to_owned(),
        );
    }
    match called {
        Some(at) if *at > now => invalid(format!("called is {at}, which has not come")),
        Some(at) if now.since(*at) > CALLED_WITHIN => {
            invalid(format!("called is {at}: a call is taken down within 24 hours"))
        }
        _ => Ok(()),
    }
}

fn too_long(name: &str, text: &str, most: usize) -> Result<(), ReportRefused> {
    if text.chars().count() > most {
        return Err(ReportRefused::Invalid(format!("{name} has at most {most} characters")));
    }
    Ok(())
}
