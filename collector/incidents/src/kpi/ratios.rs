//! Shares of incidents in time (M-061, M-152 to M-154). Levels are the highest that was held (M-039).

use collector_domain::{Incident, Ratio};
use shared_model::{Level, Timestamp};

/// Asked of responses, of level 1 and of arrivals.
const ALL: f64 = 1.0;
/// Asked of levels 2 and up.
const LEVEL_2_UP: f64 = 0.995;

const RUNNING: &str = "its clock still runs";
const UNANSWERED: &str = "nobody has responded yet";
const UNRESOLVED: &str = "it is not resolved yet";
const OVER_BEFORE: &str = "it was over before somebody had to be there";

/// How one incident counts.
enum Verdict {
    Met,
    Missed,
    Excluded(&'static str),
}

pub(super) fn response(incidents: &[&Incident], now: Timestamp) -> Ratio {
    ratio(incidents, ALL, |i| {
        let clocks = &i.clocks;
        let overdue = clocks.acknowledged.is_none() && now > clocks.response_due;
        if clocks.response_missed.is_some() || overdue {
            Verdict::Missed
        } else if clocks.acknowledged.is_some() {
            Verdict::Met
        } else {
            Verdict::Excluded(RUNNING)
        }
    })
}

pub(super) fn answered(incidents: &[&Incident]) -> Ratio {
    ratio(incidents, ALL, |i| match i.clocks.acknowledged {
        Some(_) => Verdict::Met,
        None => Verdict::Excluded(UNANSWERED),
    })
}

pub(super) fn level_1(incidents: &[&Incident], now: Timestamp) -> Ratio {
    let of_level: Vec<&Incident> =
        incidents.iter().copied().filter(|i| i.level_highest == Level::One).collect();
    ratio(&of_level, ALL, |i| in_time(i, now))
}

/// Read as levels 1 and 2; as 2 and 3; as 2, 3 and 4.
pub(super) fn level_2_up(incidents: &[&Incident], now: Timestamp) -> [Ratio; 3] {
    use Level::{Four, One, Three, Two};
    [&[One, Two][..], &[Two, Three], &[Two, Three, Four]].map(|levels| {
        let of_levels: Vec<&Incident> =
            incidents.iter().copied().filter(|i| levels.contains(&i.level_highest)).collect();
        ratio(&of_levels, LEVEL_2_UP, |i| in_time(i, now))
    })
}

pub(super) fn resolved(incidents: &[&Incident]) -> Ratio {
    ratio(incidents, LEVEL_2_UP, |i| match i.clocks.resolved {
        Some(_) => Verdict::Met,
        None => Verdict::Excluded(UNRESOLVED),
    })
}

pub(super) fn onsite(incidents: &[&Incident], now: Timestamp) -> Ratio {
    let asked: Vec<&Incident> =
        incidents.iter().copied().filter(|i| i.clocks.onsite_due.is_some()).collect();
    ratio(&asked, ALL, |i| {
        let clocks = &i.clocks;
        let over = clocks.resolved.is_some_and(|at| clocks.onsite_due.is_some_and(|due| at <= due));
        let overdue = clocks.onsite_due.is_some_and(|due| now > due);
        match clocks.onsite {
            _ if clocks.onsite_missed.is_some() => Verdict::Missed,
            Some(_) => Verdict::Met,
            None if over => Verdict::Excluded(OVER_BEFORE),
            None if overdue => Verdict::Missed,
            None => Verdict::Excluded(RUNNING),
        }
    })
}

/// Whether an incident was resolved within its limit: by a fix at level 3 and 4, by restored core business at 1 and 2. What is
/// missed once stays missed, a relapse or not.
fn in_time(incident: &Incident, now: Timestamp) -> Verdict {
    let clocks = &incident.clocks;
    let restored = clocks.core_restored.filter(|_| incident.level <= Level::Two);
    let stopped = clocks.resolved.or(restored);
    if clocks.resolution_missed.is_some() {
        Verdict::Missed
    } else if stopped.is_some() {
        Verdict::Met
    } else if now > clocks.resolution_due && clocks.clear_since.is_none() {
        Verdict::Missed
    } else {
        Verdict::Excluded(RUNNING)
    }
}

fn ratio(incidents: &[&Incident], required: f64, verdict: impl Fn(&Incident) -> Verdict) -> Ratio {
    let mut ratio = Ratio { met: 0, missed: Vec::new(), excluded: Vec::new(), required };
    for incident in incidents {
        match verdict(incident) {
            Verdict::Met => ratio.met += 1,
            Verdict::Missed => ratio.missed.push(incident.id),
            Verdict::Excluded(why) => ratio.excluded.push((incident.id, why)),
        }
    }
    ratio
}
