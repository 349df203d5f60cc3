//! Ceph's health checks in three groups, so that each is judged once: by a rule of its own, as a faulty part, or as a note.
//!
//! The names are those of <https://docs.ceph.com/en/latest/rados/operations/health-checks/>, of Pacific and later. A name that is
//! not listed here is `other`: what a later release invents is reported under its own name and severity all the same.

use crate::exposition::Sample;
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit};

pub(super) static CHECK: Metric = gauge(
    "wardround_ceph_check",
    Unit::None,
    "1 while the health check of this name is raised; group says whether a rule of its own judges it (own), it names a faulty part (fault), or neither (other).",
    "ceph_health_detail, grouped by the agent",
);

/// Most different checks; a cluster knows some hundred.
const MAX_CHECKS: usize = 256;

/// Checks whose cause a rule sees in numbers, with a value and a history.
const OWN: &[&str] = &[
    "MON_DOWN",
    "MON_CLOCK_SKEW",
    "MGR_DOWN",
    "SLOW_OPS",
    "OSD_NEARFULL",
    "OSD_BACKFILLFULL",
    "OSD_FULL",
    "POOL_NEARFULL",
    "POOL_BACKFILLFULL",
    "POOL_FULL",
    "PG_BACKFILL_FULL",
    "PG_RECOVERY_FULL",
    "PG_AVAILABILITY",
    "PG_DEGRADED",
    "PG_DEGRADED_FULL",
    "OBJECT_UNFOUND",
    "OBJECT_MISPLACED",
];

/// Warnings that name a faulty part rather than a setting. What begins like the last ones does so too.
const FAULTS: &[&str] = &[
    "RECENT_CRASH",
    "RECENT_MGR_MODULE_CRASH",
    "OSD_TOO_MANY_REPAIRS",
    "BLUESTORE_SPURIOUS_READ_ERRORS",
    "MON_DISK_LOW",
    "MGR_MODULE_ERROR",
    "FS_DEGRADED",
    "MDS_ALL_DOWN",
    "MDS_UP_LESS_THAN_MAX",
    "MDS_INSUFFICIENT_STANDBY",
    "CEPHADM_FAILED_DAEMON",
    "CEPHADM_HOST_CHECK_FAILED",
];
const FAULTS_BEGIN: &[&str] = &["DEVICE_HEALTH", "OSD_SLOW_PING_TIME"];

/// The group of a check.
pub(super) fn group(name: &str) -> &'static str {
    // OSD_DOWN, and OSD_HOST_DOWN, OSD_RACK_DOWN and so on for every level of the CRUSH map.
    let is_osd_down = name.starts_with("OSD_") && name.ends_with("_DOWN");
    if is_osd_down || OWN.contains(&name) {
        "own"
    } else if FAULTS.contains(&name) || FAULTS_BEGIN.iter().any(|begin| name.starts_with(begin)) {
        "fault"
    } else {
        "other"
    }
}

/// The checks of a round.
#[derive(Debug, Default)]
pub(super) struct Checks(Vec<(String, String, f64)>);

impl Checks {
    /// Notes a sample of `ceph_health_detail`.
    pub(super) fn note(&mut self, sample: &Sample<'_>) {
        if let (Some(name), Some(severity)) = (sample.label("name"), sample.label("severity"))
            && self.0.len() < MAX_CHECKS
        {
            self.0.push((name.to_owned(), severity.to_owned(), sample.value));
        }
    }

    /// Puts them in with their groups.
    pub(super) fn put(&self, sink: &mut Sink) {
        for (name, severity, value) in &self.0 {
            let labels = [("name", name.as_str()), ("severity", severity), ("group", group(name))];
            sink.put(&CHECK, &labels, *value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: checks of every kind, and one that no release has yet. Guarantees: each is in one group, an unknown one is not
    /// lost.
    #[test]
    fn every_check_has_a_group() {
        for (name, expected) in [
            ("OSD_DOWN", "own"),
            ("OSD_HOST_DOWN", "own"),
            ("OSD_NEARFULL", "own"),
            ("PG_AVAILABILITY", "own"),
            ("PG_DAMAGED", "other"),
            ("OSD_SCRUB_ERRORS", "other"),
            ("OSDMAP_FLAGS", "other"),
            ("RECENT_CRASH", "fault"),
            ("DEVICE_HEALTH_TOOMANY", "fault"),
            ("OSD_SLOW_PING_TIME_FRONT", "fault"),
            ("SOMETHING_NEW", "other"),
        ] {
            assert_eq!(group(name), expected, "{name}");
        }
        assert!(FAULTS.iter().all(|name| !OWN.contains(name)));
    }
}
