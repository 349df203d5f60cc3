//! The contract profile of the hospital, as the configuration has it.

use super::calendar;
use collector_domain::{Contract, Notice};
use serde::Deserialize;
use shared_model::Level;
use shared_runtime::config::{ConfigErrors, Span};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Readings of 二级及以上, in the order of [`Contract::level_2_up`].
const READINGS: [&str; 3] = ["1-2", "2-3", "2-4"];

/// The contract profile; spans are those of the signed standard, before scaling.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ContractKeys {
    /// Name or version that every figure carries. Default `default`.
    pub(crate) version: Option<String>,
    /// Divides windows, `for`, deadlines and watch, for demonstrations and tests; 1 to 1000. Default 1.
    pub(crate) time_scale: Option<u32>,
    /// Watch after a repair (§3.2). Default `24h`.
    pub(crate) watch: Option<Span>,
    /// Silence of a node that a second witness sees alive. Default `10s`.
    pub(crate) silent_after: Option<Span>,
    /// Silence of a node that nobody else sees. Default `120s`.
    pub(crate) unknown_after: Option<Span>,
    /// Largest replication lag of a usable standby. Default `60s`.
    pub(crate) standby_lag_max: Option<Span>,
    /// Arrival at the appliance after a dispatch, or after a fault became level 1 (M-061). Default `5m`.
    pub(crate) onsite: Option<Span>,
    /// How long a level 1 must be normal until its core counts as restored (M-035). Default `2m`.
    pub(crate) restored_after_level_1: Option<Span>,
    /// The same for level 2 (M-036). Default `5m`.
    pub(crate) restored_after_level_2: Option<Span>,
    /// Findings that began within this of their cause are linked to it; not scaled. Default `60s`.
    pub(crate) link_within: Option<Span>,
    /// Whether an incident is closed only when the hospital has signed it (M-142). Default `true`.
    pub(crate) signature_required: Option<bool>,
    /// Whether only who is on duty can respond, at times when the roster has somebody (M-034). Default `true`.
    pub(crate) duty_required: Option<bool>,
    /// Levels of other systems' alerts by their label `severity`, 2 or 3. Default `{ critical = 2, warning = 3 }`.
    pub(crate) foreign_levels: Option<BTreeMap<String, u8>>,
    /// Working days between handing a planned change in and its window (M-172), 1 to 60. Default 7.
    pub(crate) notice_working_days: Option<u32>,
    /// Whether a window may begin on the last of these days; otherwise on the next working day. Default `false`.
    pub(crate) notice_on_last_day: Option<bool>,
    /// Which readings of 二级及以上 (M-154) must reach 99.5 %: any of `"1-2"`, `"2-3"`, `"2-4"`. Default `["1-2", "2-3"]`.
    pub(crate) level_2_up: Option<Vec<String>>,
    /// Longest downtime of a year (M-156). Default `8h`.
    pub(crate) downtime: Option<Span>,
    /// Files with the working days of further years: `{"holidays": {"2027-01-01": "元旦"}, "workdays": {}}`.
    pub(crate) calendars: Vec<PathBuf>,
}

impl ContractKeys {
    /// The profile with the standard's defaults.
    ///
    /// # Errors
    /// A calendar that cannot be read.
    pub(crate) fn contract(&self) -> anyhow::Result<Contract> {
        let standard = Contract::default();
        let or = |span: Option<Span>, default| span.map_or(default, Span::get);
        let notice = Notice {
            working_days: self.notice_working_days.unwrap_or(standard.notice.working_days),
            on_last_day: self.notice_on_last_day.unwrap_or(standard.notice.on_last_day),
        };
        let level = |(severity, number): (&String, &u8)| {
            Level::try_from(*number).ok().map(|level| (severity.clone(), level))
        };
        let foreign_levels = self.foreign_levels.as_ref();
        let foreign_levels = foreign_levels.map(|levels| levels.iter().filter_map(level).collect());
        let level_2_up = match &self.level_2_up {
            Some(words) => READINGS.map(|reading| words.iter().any(|word| word == reading)),
            None => standard.level_2_up,
        };
        Ok(Contract {
            version: self.version.clone().unwrap_or(standard.version),
            time_scale: self.time_scale.unwrap_or(standard.time_scale),
            watch: or(self.watch, standard.watch),
            silent_after: or(self.silent_after, standard.silent_after),
            unknown_after: or(self.unknown_after, standard.unknown_after),
            standby_lag_max: or(self.standby_lag_max, standard.standby_lag_max),
            onsite: or(self.onsite, standard.onsite),
            restored_after: [
                or(self.restored_after_level_1, standard.restored_after[0]),
                or(self.restored_after_level_2, standard.restored_after[1]),
            ],
            link_within: or(self.link_within, standard.link_within),
            signature_required: self.signature_required.unwrap_or(standard.signature_required),
            foreign_levels: foreign_levels.unwrap_or(standard.foreign_levels),
            duty_required: self.duty_required.unwrap_or(standard.duty_required),
            notice,
            calendar: calendar::with(&self.calendars)?,
            level_2_up,
            downtime: or(self.downtime, standard.downtime),
        })
    }

    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        if self.time_scale.is_some_and(|s| !(1..=1000).contains(&s)) {
            errors.add("contract.time_scale", "must be 1 to 1000");
        }
        if self.version.as_ref().is_some_and(String::is_empty) {
            errors.add("contract.version", "is empty: write what the contract calls itself");
        }
        if self.notice_working_days.is_some_and(|days| !(1..=60).contains(&days)) {
            errors.add("contract.notice_working_days", "must be 1 to 60");
        }
        for (severity, level) in self.foreign_levels.iter().flatten() {
            if !matches!(level, 2 | 3) {
                let what = format!("{level} is not 2 or 3: level 1 needs witnesses of our own");
                errors.add(format!("contract.foreign_levels.{severity}"), what);
            }
        }
        for (i, word) in self.level_2_up.iter().flatten().enumerate() {
            if !READINGS.contains(&word.as_str()) {
                let what = format!("'{word}' is no reading: there are {}", READINGS.join(", "));
                errors.add(format!("contract.level_2_up[{i}]"), what);
            }
        }
        for (i, path) in self.calendars.iter().enumerate() {
            if let Err(error) = calendar::with(std::slice::from_ref(path)) {
                errors.add(format!("contract.calendars[{i}]"), format!("{error:#}"));
            }
        }
        for (key, span) in [
            ("watch", self.watch),
            ("silent_after", self.silent_after),
            ("unknown_after", self.unknown_after),
            ("standby_lag_max", self.standby_lag_max),
            ("onsite", self.onsite),
            ("restored_after_level_1", self.restored_after_level_1),
            ("restored_after_level_2", self.restored_after_level_2),
            ("link_within", self.link_within),
            ("downtime", self.downtime),
        ] {
            if span.is_some_and(|span| span < Span::secs(1)) {
                errors.add(format!("contract.{key}"), "must be at least \"1s\"");
            }
        }
    }
}
