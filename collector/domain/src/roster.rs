//! The duty roster (值班表): who answers for which minute. The hospital is promised somebody at every one (M-062).

use crate::Period;
use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::time::Duration;

/// Shifts of one change: a year of three people in three shifts a day.
pub const ROSTER_SHIFTS_MAX: usize = 4_000;
/// Longest time of one change.
pub const ROSTER_SPAN_MAX: Duration = Duration::from_secs(400 * 86_400);
/// Characters of an account's name.
const PERSON_MAX_CHARS: usize = 128;

/// In which order people on duty are called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DutyRank {
    /// 值班工程师
    First,
    /// 备班工程师
    Second,
    /// 组长
    Lead,
}

/// One person on duty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Shift {
    /// From here on.
    pub from: Timestamp,
    /// Until here, not included.
    pub to: Timestamp,
    /// Account name.
    pub person: String,
    /// In which order.
    pub rank: DutyRank,
}

/// All shifts, by begin.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roster(Vec<Shift>);

/// A part of the roster that is written anew.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RosterChange {
    /// Account name of who writes it.
    pub by: String,
    /// The time that is written anew; shifts across its ends are cut there.
    pub period: Period,
    /// The shifts within it.
    pub shifts: Vec<Shift>,
}

/// Why a change of the roster was refused. Nothing changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct RosterRefused(pub String);

impl Roster {
    /// All shifts.
    pub fn shifts(&self) -> &[Shift] {
        &self.0
    }

    /// Whoever is on duty, in the order in which they are called.
    pub fn on_duty(&self, at: Timestamp) -> Vec<&Shift> {
        let mut now: Vec<&Shift> = self.0.iter().filter(|s| s.from <= at && at < s.to).collect();
        now.sort_by_key(|s| (s.rank, &s.person));
        now
    }

    /// The times within a period when nobody is on duty.
    pub fn gaps(&self, period: Period) -> Vec<Period> {
        let mut gaps = Vec::new();
        let mut covered = period.from;
        // By begin, so that what is covered only grows.
        for shift in &self.0 {
            if shift.from >= period.to {
                break;
            }
            if shift.from > covered {
                gaps.push(Period { from: covered, to: shift.from });
            }
            covered = covered.max(shift.to);
        }
        if covered < period.to {
            gaps.push(Period { from: covered, to: period.to });
        }
        gaps
    }

    /// Checks a change.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(change: &RosterChange) -> Result<(), RosterRefused> {
        let no = |what: String| Err(RosterRefused(what));
        let Period { from, to } = change.period;
        if change.by.trim().is_empty() {
            return no("the name of the account is required".to_owned());
        }
        if from >= to || to.since(from) > ROSTER_SPAN_MAX {
            return no(format!("from {from} to {to} is not a time of up to 400 days"));
        }
        if change.shifts.len() > ROSTER_SHIFTS_MAX {
            return no(format!("at most {ROSTER_SHIFTS_MAX} shifts at once"));
        }
        for Shift { from: begin, to: end, person, .. } in &change.shifts {
            if begin >= end || *begin < from || *end > to {
                return no(format!(
                    "the shift of {person} from {begin} to {end} is not within from and to"
                ));
            }
            if person.trim().is_empty() || person.chars().count() > PERSON_MAX_CHARS {
                return no(format!("a person has 1 to {PERSON_MAX_CHARS} characters"));
            }
        }
        Ok(())
    }

    /// Writes a part of it anew; forgets what ended before `kept_from`.
    pub fn apply(&mut self, period: Period, shifts: &[Shift], kept_from: Timestamp) {
        let mut all: Vec<Shift> = Vec::with_capacity(self.0.len() + shifts.len());
        for shift in self.0.drain(..) {
            let before = Shift { to: shift.to.min(period.from), ..shift.clone() };
            let after = Shift { from: shift.from.max(period.to), ..shift };
            all.extend([before, after].into_iter().filter(|s| s.from < s.to));
        }
        all.extend_from_slice(shifts);
        all.retain(|shift| shift.to > kept_from);
        all.sort();
        all.dedup();
        self.0 = all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_secs(second)
    }

    fn span(from: i64, to: i64) -> Period {
        Period { from: at(from), to: at(to) }
    }

    fn shift(person: &str, from: i64, to: i64, rank: DutyRank) -> Shift {
        Shift { from: at(from), to: at(to), person: person.to_owned(), rank }
    }

    /// Scenario: shifts that overlap, leave a second open, and begin late. Guarantees: every second without anybody is named,
    /// no other; the first minute of a shift belongs to it, the last to the next.
    #[test]
    fn gaps_are_proven_to_the_second() {
        use DutyRank::{First, Lead, Second};
        let mut roster = Roster::default();
        let shifts = [
            shift("li", 10, 20, First),
            shift("wang", 15, 30, Second),
            shift("zhang", 31, 40, First),
            shift("chen", 12, 18, Lead),
        ];
        roster.apply(span(0, 50), &shifts, at(0));
        assert_eq!(roster.gaps(span(0, 50)), [span(0, 10), span(30, 31), span(40, 50)]);
        assert_eq!(roster.gaps(span(10, 30)), []);
        assert_eq!(roster.gaps(span(60, 70)), [span(60, 70)]);
        let names = |second: i64| -> Vec<String> {
            roster.on_duty(at(second)).iter().map(|s| s.person.clone()).collect()
        };
        assert_eq!(names(15), ["li", "wang", "chen"]);
        assert_eq!(
            (names(19), names(20)),
            (vec!["li".into(), "wang".into()], vec!["wang".to_owned()])
        );
        assert!(names(30).is_empty());
    }

    /// Scenario: a part of a long shift is written anew, and what is long past is forgotten.
    /// Guarantees: the shift is cut around it; nothing else changes.
    #[test]
    fn a_part_is_written_anew() {
        let mut roster = Roster::default();
        roster.apply(span(0, 100), &[shift("li", 0, 100, DutyRank::First)], at(0));
        roster.apply(span(40, 60), &[shift("wang", 40, 50, DutyRank::First)], at(0));
        assert_eq!(roster.gaps(span(0, 100)), [span(50, 60)]);
        assert_eq!(roster.shifts().len(), 3);
        roster.apply(span(100, 200), &[], at(50));
        assert_eq!(roster.shifts().len(), 1);
    }

    /// Scenario: changes that make no sense. Guarantees: refused with what is wrong.
    #[test]
    fn changes_are_checked() {
        let change = |by: &str, period, shifts: &[Shift]| {
            let change = RosterChange { by: by.to_owned(), period, shifts: shifts.to_vec() };
            Roster::check(&change).map_err(|e| e.to_string())
        };
        let good = shift("li", 10, 20, DutyRank::First);
        assert_eq!(change("chen", span(0, 50), std::slice::from_ref(&good)), Ok(()));
        for (result, want) in [
            (change(" ", span(0, 50), &[]), "account"),
            (change("chen", span(50, 50), &[]), "400 days"),
            (change("chen", span(0, 400 * 86_400 + 1), &[]), "400 days"),
            (change("chen", span(0, 15), std::slice::from_ref(&good)), "not within"),
            (change("chen", span(0, 50), &[shift("li", 20, 20, DutyRank::First)]), "not within"),
            (change("chen", span(0, 50), &[shift(" ", 1, 2, DutyRank::First)]), "1 to 128"),
            (change("chen", span(0, 50), &vec![good; 4_001]), "at most 4000"),
        ] {
            assert!(result.unwrap_err().contains(want), "{want}");
        }
    }
}
