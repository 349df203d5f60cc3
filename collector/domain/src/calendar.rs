//! Working days in China: weekends, holidays and make-up days (调休) of the years whose notice is known.

use serde::{Deserialize, Serialize};
use shared_model::Day;
use std::collections::{BTreeMap, BTreeSet};

/// From this day of December on the notice of the next year decides as well: it has put days off and make-up days there
/// (2018-12-29, 2023-12-30).
const NEXT_YEARS_FROM: (i64, i64) = (12, 25);

/// Holidays and make-up days, by year. What is not in it is not guessed: an answer that needs it is provisional.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Calendar(BTreeMap<i64, CalendarYear>);

/// One year of the State Council's notice.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CalendarYear {
    /// Days off, weekends among them or not.
    pub holidays: BTreeSet<Day>,
    /// Weekend days that are worked.
    pub workdays: BTreeSet<Day>,
}

/// An answer about working days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WorkingDay {
    /// The day.
    pub day: Day,
    /// Whether a year's notice that is not known yet can change it.
    pub provisional: bool,
}

impl Default for Calendar {
    /// The years that this release knows.
    fn default() -> Self {
        let year = CalendarYear {
            // 国务院办公厅关于2026年部分节假日安排的通知: first and last day off of each holiday.
            holidays: days_off(&[
                ("2026-01-01", "2026-01-03"),
                ("2026-02-15", "2026-02-23"),
                ("2026-04-04", "2026-04-06"),
                ("2026-05-01", "2026-05-05"),
                ("2026-06-19", "2026-06-21"),
                ("2026-09-25", "2026-09-27"),
                ("2026-10-01", "2026-10-07"),
            ]),
            workdays: [
                "2026-01-04",
                "2026-02-14",
                "2026-02-28",
                "2026-05-09",
                "2026-09-20",
                "2026-10-10",
            ]
            .map(known)
            .into(),
        };
        Self(BTreeMap::from([(2026, year)]))
    }
}

impl Calendar {
    /// Takes the notice of a year in place of what was known of it.
    pub fn set(&mut self, year: i64, notice: CalendarYear) {
        self.0.insert(year, notice);
    }

    /// The years whose notice is known.
    pub fn years(&self) -> impl Iterator<Item = i64> {
        self.0.keys().copied()
    }

    /// The `count`th working day after `day`, which itself is not counted (Civil Code art. 201).
    pub fn after(&self, day: Day, count: u32) -> WorkingDay {
        let mut found = WorkingDay { day, provisional: false };
        let mut left = count;
        while left > 0 {
            found.day = found.day.next();
            let (works, certain) = self.is_worked(found.day);
            found.provisional |= !certain;
            left -= u32::from(works);
        }
        found
    }

    /// Whether a day is worked, and whether that is certain.
    fn is_worked(&self, day: Day) -> (bool, bool) {
        let (year, month, of_month) = day.civil();
        let needs_next = (month, of_month) >= NEXT_YEARS_FROM;
        let certain =
            self.0.contains_key(&year) && (!needs_next || self.0.contains_key(&(year + 1)));
        let notices = || [year, year + 1].into_iter().filter_map(|y| self.0.get(&y));
        let works = if notices().any(|n| n.workdays.contains(&day)) {
            true
        } else if notices().any(|n| n.holidays.contains(&day)) {
            false
        } else {
            day.weekday() <= 5
        };
        (works, certain)
    }
}

fn known(day: &str) -> Day {
    day.parse().expect("the days above are days")
}

fn days_off(spans: &[(&str, &str)]) -> BTreeSet<Day> {
    let span = |&(first, last): &(&str, &str)| {
        let last = known(last);
        std::iter::successors(Some(known(first)), |day| Some(day.next()))
            .take_while(move |day| *day <= last)
    };
    spans.iter().flat_map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: plans handed in around the Spring Festival of 2026 with its make-up Saturday, before a weekend, at the end of
    /// the known years. Guarantees: the seventh working day; provisional where a notice is missing, never a panic.
    #[test]
    fn working_days_follow_the_notice() {
        let calendar = Calendar::default();
        assert_eq!(calendar.0[&2026].holidays.len(), 33);
        for (from, count, day, provisional) in [
            ("2026-02-10", 4, "2026-02-14", false),
            ("2026-02-10", 7, "2026-02-26", false),
            ("2026-02-10", 8, "2026-02-27", false),
            ("2026-11-06", 1, "2026-11-09", false),
            ("2026-11-06", 0, "2026-11-06", false),
            ("2026-12-10", 7, "2026-12-21", false),
            ("2026-12-20", 4, "2026-12-24", false),
            ("2026-12-20", 5, "2026-12-25", true),
            ("2026-12-20", 7, "2026-12-29", true),
            ("2027-03-01", 7, "2027-03-10", true),
            ("9999-12-30", 7, "10000-01-10", true),
        ] {
            let WorkingDay { day: found, provisional: said } = calendar.after(known(from), count);
            assert_eq!(
                (found.to_string(), said),
                (day.to_owned(), provisional),
                "{from} + {count}"
            );
        }
    }

    /// Scenario: the notice of the next year arrives. Guarantees: what was provisional is certain, and its days count.
    #[test]
    fn a_notice_makes_it_certain() {
        let mut calendar = Calendar::default();
        let workdays = BTreeSet::from([known("2026-12-27")]);
        calendar.set(2027, CalendarYear { holidays: BTreeSet::new(), workdays });
        let found = calendar.after(known("2026-12-20"), 7);
        assert_eq!((found.day.to_string(), found.provisional), ("2026-12-28".to_owned(), false));
    }
}
