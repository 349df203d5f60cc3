//! The contract profile and the topology it speaks of, as declared in the collector's configuration.

use crate::{Calendar, WorkingDay};
use serde::{Deserialize, Serialize};
use shared_model::{Day, Level, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// The contract of one hospital. Defaults are the standard's own numbers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Contract {
    /// Name or version that every figure carries.
    pub version: String,
    /// Divides rule windows, `for`, deadlines and watch; never limits, levels, witnesses or probe intervals. 1 to 1000.
    pub time_scale: u32,
    /// How long a repaired incident is watched (§3.2 修复后持续监测24小时以上): 24 h before scaling.
    pub watch: Duration,
    /// A node without data for this long is silent, when a second witness sees its host or database alive: 10 s
    /// before scaling, never less than 3 s because samples come each second.
    pub silent_after: Duration,
    /// The same without a second witness: 120 s before scaling.
    pub unknown_after: Duration,
    /// Largest replication lag at which a standby counts as usable: 60 s, not scaled (a limit).
    pub standby_lag_max: Duration,
    /// Arrival after a dispatch, or after it became level 1 (M-061): 5 min before scaling.
    pub onsite: Duration,
    /// How long what was found must be normal until core business counts as restored (M-035, M-036), before scaling: level 1
    /// 2 min, level 2 5 min. The clock stops at the beginning of that time.
    pub restored_after: [Duration; 2],
    /// A finding that began within this of the cause it belongs to is linked to it, any other has an incident of its own: 60 s,
    /// not scaled.
    pub link_within: Duration,
    /// Whether an incident is closed only when the hospital has signed it (M-142).
    pub signature_required: bool,
    /// Whether only who is on duty can respond, at times when the roster has somebody (M-034).
    pub duty_required: bool,
    /// Level of another system's alert by its label `severity`; others are not taken. Never level 1: that needs witnesses of our own.
    pub foreign_levels: BTreeMap<String, Level>,
    /// How a planned change is announced (M-172).
    pub notice: Notice,
    /// Working days in force.
    pub calendar: Calendar,
    /// Which readings of "二级及以上" (M-154) must reach the contract's share: levels 1 and 2; 2 and 3; 2, 3 and 4.
    pub level_2_up: [bool; 3],
    /// Longest downtime of a year (M-156): 8 h; of a shorter period the same.
    pub downtime: Duration,
}

/// How a planned change is announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// Working days after the day on which it was handed in, which is not counted.
    pub working_days: u32,
    /// Whether the window may begin on the last of them, or only on the next working day.
    pub on_last_day: bool,
}

impl Default for Contract {
    fn default() -> Self {
        Self {
            version: "default".to_owned(),
            time_scale: 1,
            watch: Duration::from_secs(24 * 3_600),
            silent_after: Duration::from_secs(10),
            unknown_after: Duration::from_secs(120),
            standby_lag_max: Duration::from_secs(60),
            onsite: Duration::from_secs(300),
            restored_after: [Duration::from_secs(120), Duration::from_secs(300)],
            link_within: Duration::from_secs(60),
            signature_required: true,
            duty_required: true,
            foreign_levels: [("critical", Level::Two), ("warning", Level::Three)]
                .map(|(severity, level)| (severity.to_owned(), level))
                .into(),
            notice: Notice { working_days: 7, on_last_day: false },
            calendar: Calendar::default(),
            level_2_up: [true, true, false],
            downtime: Duration::from_secs(8 * 3_600),
        }
    }
}

impl Contract {
    /// A span of the standard under this contract's time scale.
    pub fn scaled(&self, span: Duration) -> Duration {
        span / self.time_scale.max(1)
    }

    /// Scaled limit for the first human response.
    pub fn response_limit(&self, level: Level) -> Duration {
        self.scaled(level.response_limit())
    }

    /// When the window of a change that is handed in now may begin, and whether that is not certain yet.
    pub fn earliest_change(&self, submitted: Timestamp) -> (Timestamp, bool) {
        let Notice { working_days, on_last_day } = self.notice;
        let count = working_days + u32::from(!on_last_day);
        let WorkingDay { day, provisional } = self.calendar.after(Day::of(submitted), count);
        (day.start(), provisional)
    }

    /// Scaled time of being normal until core business counts as restored; `None` for levels whose clock a fix stops.
    pub fn restored_after(&self, level: Level) -> Option<Duration> {
        match level {
            Level::One => Some(self.scaled(self.restored_after[0])),
            Level::Two => Some(self.scaled(self.restored_after[1])),
            Level::Three | Level::Four => None,
        }
    }

    /// Scaled limit for the resolution.
    pub fn resolution_limit(&self, level: Level) -> Duration {
        self.scaled(level.resolution_limit())
    }
}

/// What the appliance is made of, as far as classification needs it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Topology {
    /// Core database services.
    pub databases: Vec<DatabaseService>,
    /// Core business services.
    pub core_services: Vec<CoreService>,
}

/// A database service: a primary and its standbys, which may change places.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DatabaseService {
    /// Name shown to people, and the label `service` of its incidents.
    pub name: String,
    /// `host:port` of the declared primary, as the `instance` label has it.
    pub primary: String,
    /// `host:port` of the standbys.
    pub standbys: Vec<String>,
}

/// A business service that the hospital declared core (挂号, 收费, 医嘱, 药房).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CoreService {
    /// Value of the label `service` on `wardround_core_service_up`.
    pub name: String,
    /// The database service it stands on.
    pub database: String,
}
