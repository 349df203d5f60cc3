//! 年宕机时间 (M-156): |union of down| less what was planned and announced in time, unknown time apart.

use super::Facts;
use super::spans::{Spans, clipped};
use collector_domain::{Change, ChangeState, Contract, Downtime, Period, ServiceState};
use shared_model::Timestamp;

const NOT_APPROVED: &str = "the hospital did not approve it before its window";
const TOO_LATE: &str = "it was handed in less than the agreed working days before";

/// The downtime of every service that was ever observed.
pub(super) fn all(
    facts: &Facts,
    contract: &Contract,
    period: Period,
    now: Timestamp,
) -> Vec<Downtime> {
    let of = |(service, states): (&String, &Vec<(Timestamp, ServiceState)>)| {
        downtime(facts, contract, period, now, service, states)
    };
    facts.services.iter().map(of).collect()
}

fn downtime(
    facts: &Facts,
    contract: &Contract,
    period: Period,
    now: Timestamp,
    service: &str,
    states: &[(Timestamp, ServiceState)],
) -> Downtime {
    let first = states.first().map_or(period.to, |(since, _)| *since);
    let observed = clipped(Period { from: first, to: now }, period);
    let windows: Vec<&Change> = facts
        .changes
        .values()
        .filter(|c| c.concerns(service))
        .filter(|c| c.plan.start < observed.to && c.plan.end > observed.from)
        .collect();
    let deducted = windows.iter().filter(|c| c.is_deducted());
    let window = |c: &&&Change| Period { from: c.plan.start, to: c.plan.end };
    let planned = Spans::union(deducted.clone().map(|c| clipped(window(&c), observed)));
    let in_state = |state: ServiceState| {
        let spans =
            states.iter().enumerate().filter(|(_, (_, s))| *s == state).map(|(n, (from, _))| {
                let to = states.get(n + 1).map_or(now, |(next, _)| *next);
                clipped(Period { from: *from, to }, observed)
            });
        Spans::union(spans)
    };
    let (down, unknown) = (in_state(ServiceState::Down), in_state(ServiceState::Unknown));
    let planned_down = down.common(&planned).total();
    Downtime {
        service: service.to_owned(),
        observed,
        from_begin: first <= period.from,
        down: down.total().saturating_sub(planned_down),
        planned: planned_down,
        windows: planned.total(),
        unknown: unknown.total().saturating_sub(unknown.common(&planned).total()),
        allowed: contract.downtime,
        deducted: deducted.map(|c| c.id).collect(),
        not_deducted: windows.iter().filter_map(|c| why_not(c).map(|why| (c.id, why))).collect(),
    }
}

fn why_not(change: &Change) -> Option<&'static str> {
    match change.state {
        // A window that never was.
        ChangeState::Withdrawn { .. } => None,
        _ if change.is_deducted() => None,
        ChangeState::Approved { .. } if !change.is_announced_in_time() => Some(TOO_LATE),
        _ => Some(NOT_APPROVED),
    }
}
