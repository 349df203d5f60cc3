//! Working days of further years, from files in the shape that the package chinese-days publishes them in.

use anyhow::{Context, bail};
use collector_domain::{Calendar, CalendarYear};
use serde::Deserialize;
use shared_model::Day;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Longest file: a year has some forty days in it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A year's notice; names of days and everything else are not read.
#[derive(Deserialize)]
struct Year {
    holidays: BTreeMap<Day, serde::de::IgnoredAny>,
    #[serde(default)]
    workdays: BTreeMap<Day, serde::de::IgnoredAny>,
}

/// The years that this release knows, and those of the files.
pub(super) fn with(files: &[PathBuf]) -> anyhow::Result<Calendar> {
    let mut calendar = Calendar::default();
    for path in files {
        let (year, notice) = read(path).with_context(|| format!("calendar {}", path.display()))?;
        calendar.set(year, notice);
    }
    Ok(calendar)
}

fn read(path: &Path) -> anyhow::Result<(i64, CalendarYear)> {
    if path.metadata().context("look at it")?.len() > FILE_BYTES_MAX {
        bail!("it is longer than {FILE_BYTES_MAX} bytes");
    }
    let text = std::fs::read(path).context("read it")?;
    let Year { holidays, workdays } = serde_json::from_slice(&text).context("it is no calendar")?;
    // Days of the December before may belong to a year's notice; days after its own do not.
    let years = holidays.keys().chain(workdays.keys()).map(|day| day.civil().0);
    let Some(year) = years.clone().max().filter(|_| !holidays.is_empty()) else {
        bail!("it names no holidays");
    };
    if let Some(other) = years.clone().find(|y| *y + 1 < year) {
        bail!("it has days of {other} and of {year}: one year a file");
    }
    let notice = CalendarYear {
        holidays: holidays.into_keys().collect(),
        workdays: workdays.into_keys().collect(),
    };
    Ok((year, notice))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the file of a further year, and files that are none. Guarantees: its days count and make the year certain; the
    /// others are refused with what is wrong.
    #[test]
    fn further_years_come_from_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("2027.json");
        let calendar = |text: &str| {
            std::fs::write(&path, text).unwrap();
            with(std::slice::from_ref(&path)).map_err(|error| format!("{error:#}"))
        };
        let known = calendar(
            r#"{"holidays":{"2027-01-01":"New Year's Day,元旦,1"},"workdays":{"2026-12-27":"x"},"inLieuDays":{}}"#,
        );
        let known = known.unwrap();
        assert_eq!(known.years().collect::<Vec<_>>(), [2026, 2027]);
        let found = known.after("2026-12-20".parse().unwrap(), 7);
        assert_eq!((found.day.to_string(), found.provisional), ("2026-12-28".to_owned(), false));
        for (text, want) in [
            ("{}", "no calendar"),
            (r#"{"holidays":{}}"#, "names no holidays"),
            (r#"{"holidays":{"2027-02-30":"x"}}"#, "no calendar"),
            (r#"{"holidays":{"2027-01-01":"x","2025-01-01":"x"}}"#, "one year a file"),
        ] {
            let refused = calendar(text).unwrap_err();
            assert!(refused.contains(want) && refused.contains("2027.json"), "{refused}");
        }
    }
}
