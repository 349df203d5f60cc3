//! The duty roster as JSON.

use super::scalar::TimeJson;
use collector_domain::{DutyRank, Period, Roster, Shift};
use serde::{Deserialize, Serialize};
use shared_model::Timestamp;

/// A time of the roster.
#[derive(Serialize, Debug)]
pub(crate) struct RosterJson {
    from: TimeJson,
    to: TimeJson,
    /// Whoever is on duty now, in the order in which they are called.
    on_duty: Vec<String>,
    shifts: Vec<ShiftJson>,
    /// Times without anybody.
    gaps: Vec<GapJson>,
    /// Share of the time that has somebody, 0 to 1.
    coverage: f64,
}

/// One shift, both ways.
#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShiftJson {
    /// Account name.
    person: String,
    /// `first`, `second` or `lead`.
    rank: DutyRank,
    /// RFC 3339 in UTC.
    from: String,
    to: String,
}

#[derive(Serialize, Debug)]
struct GapJson {
    from: TimeJson,
    to: TimeJson,
}

impl RosterJson {
    pub(crate) fn of(roster: &Roster, period: Period, now: Timestamp) -> Self {
        let within = roster.shifts().iter().filter(|s| s.from < period.to && s.to > period.from);
        let gaps = roster.gaps(period);
        let open: f64 = gaps.iter().map(|g| g.to.since(g.from).as_secs_f64()).sum();
        let whole = period.to.since(period.from).as_secs_f64();
        Self {
            from: TimeJson(period.from),
            to: TimeJson(period.to),
            on_duty: roster.on_duty(now).iter().map(|s| s.person.clone()).collect(),
            shifts: within.map(Into::into).collect(),
            gaps: gaps
                .iter()
                .map(|g| GapJson { from: TimeJson(g.from), to: TimeJson(g.to) })
                .collect(),
            coverage: 1.0 - open / whole,
        }
    }
}

impl From<&Shift> for ShiftJson {
    fn from(Shift { from, to, person, rank }: &Shift) -> Self {
        Self { person: person.clone(), rank: *rank, from: from.to_string(), to: to.to_string() }
    }
}

impl ShiftJson {
    /// The shift; the error says what is wrong, in English.
    pub(crate) fn read(self) -> Result<Shift, String> {
        let Self { person, rank, from, to } = self;
        let time = |text: &str| {
            text.parse()
                .map_err(|e| format!("the shift of {person} has a time '{text}', which is {e}"))
        };
        let (from, to) = (time(&from)?, time(&to)?);
        Ok(Shift { from, to, person, rank })
    }
}
