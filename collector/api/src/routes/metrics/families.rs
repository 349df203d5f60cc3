//! Which families `/metrics` has, and their values now.

use crate::app::App;
use crate::json::Countdown;
use crate::{NodeState, NodeView, SelfMetric, SelfMetricKind};
use collector_domain::{Condition, Incident, IncidentRevision, IncidentState};
use shared_model::{Labels, Level, Timestamp};
use std::collections::BTreeMap;

type Values = Vec<(Labels, f64)>;

/// All families in order of name. A family that the daemon also reports is one family with both values.
pub(super) fn all(app: &App) -> Vec<SelfMetric> {
    let desk = &app.desk;
    let incidents = desk.incidents();
    let mut families = own(app);
    families.extend(of_incidents(&incidents.incidents, desk.steady_now()));
    families.extend(of_nodes(&desk.nodes()));
    families.extend(desk.self_metrics());
    let mut by_name: BTreeMap<String, SelfMetric> = BTreeMap::new();
    for family in families {
        match by_name.get_mut(&family.name) {
            Some(known) => known.values.extend(family.values),
            None => {
                by_name.insert(family.name.clone(), family);
            }
        }
    }
    by_name.into_values().collect()
}

fn own(app: &App) -> Vec<SelfMetric> {
    let contract = app.desk.contract();
    let build = Labels::from_pairs([("version", env!("CARGO_PKG_VERSION"))]);
    let profile = Labels::from_pairs([("version", contract.version.as_str())]);
    let findings = app.desk.findings();
    let standing = |condition: Condition, word: &str| {
        let count = findings.iter().filter(|f| f.judgement.condition == condition);
        (Labels::from_pairs([("condition", word)]), count.count() as f64)
    };
    vec![
        gauge("wardround_build_info", "Version of the collector", vec![(build, 1.0)]),
        gauge("wardround_contract_info", "Contract profile in force", vec![(profile, 1.0)]),
        gauge(
            "wardround_contract_time_scale",
            "Divisor of windows and deadlines, 1 outside demonstrations and tests",
            single(f64::from(contract.time_scale)),
        ),
        gauge(
            "wardround_ready",
            "Whether the collector can do its work",
            single(f64::from(u8::from(app.desk.ready().is_ok()))),
        ),
        gauge(
            "wardround_api_sessions",
            "Sessions kept by the API",
            single(app.sessions.count() as f64),
        ),
        gauge(
            "wardround_findings_current",
            "Rules and subjects that are not clear",
            vec![
                standing(Condition::Breached, "breached"),
                standing(Condition::Unknown, "unknown"),
            ],
        ),
    ]
}

fn of_incidents(incidents: &[IncidentRevision], now: Timestamp) -> Vec<SelfMetric> {
    let mut response = Values::new();
    let mut resolution = Values::new();
    let mut sorted: Vec<&Incident> = incidents.iter().map(|i| &**i).collect();
    sorted.sort_by_key(|incident| incident.id);
    for incident in sorted {
        let left = Countdown::of(incident, now);
        let (id, level) = (incident.id.to_string(), incident.level.number().to_string());
        let labels = Labels::from_pairs([("incident", &id), ("level", &level)]);
        response.extend(left.response_seconds.map(|s| (labels.clone(), s)));
        resolution.extend(left.resolution_seconds.map(|s| (labels, s)));
    }
    vec![
        gauge(
            "wardround_incidents_current",
            "Incidents by level and state now",
            by_state(incidents),
        ),
        SelfMetric {
            name: "wardround_incidents_total".to_owned(),
            help: "Incidents ever opened, by the level at opening and the cause now".to_owned(),
            kind: SelfMetricKind::Counter,
            values: by_cause(incidents),
        },
        gauge(
            "wardround_incident_response_remaining_seconds",
            "Left on running response clocks, negative when overdue",
            response,
        ),
        gauge(
            "wardround_incident_resolution_remaining_seconds",
            "Left on running resolution clocks, negative when overdue",
            resolution,
        ),
    ]
}

fn by_state(incidents: &[IncidentRevision]) -> Values {
    use IncidentState::{Acknowledged, Closed, Open, Resolved, Verifying, Watching};
    let mut values = Values::new();
    for level in [Level::One, Level::Two, Level::Three, Level::Four] {
        for state in [Open, Acknowledged, Resolved, Verifying, Watching, Closed] {
            let here = incidents.iter().filter(|i| i.level == level && i.state == state);
            let pairs = [("level", level.number().to_string()), ("state", state.to_string())];
            values.push((Labels::from_pairs(pairs), here.count() as f64));
        }
    }
    values
}

fn by_cause(incidents: &[IncidentRevision]) -> Values {
    let mut counts: BTreeMap<(Level, &str), f64> = BTreeMap::new();
    for incident in incidents {
        let opened_at = incident.levels.first().map_or(incident.level, |l| l.level);
        *counts.entry((opened_at, &incident.cause)).or_default() += 1.0;
    }
    let labels = |(level, cause): (Level, &str)| {
        Labels::from_pairs([("level", level.number().to_string().as_str()), ("cause", cause)])
    };
    counts.into_iter().map(|(key, count)| (labels(key), count)).collect()
}

fn of_nodes(nodes: &[NodeView]) -> Vec<SelfMetric> {
    let labels = |node: &NodeView| {
        Labels::from_pairs([
            ("hospital", node.identity.hospital()),
            ("appliance", node.identity.appliance()),
            ("host", node.identity.node()),
        ])
    };
    let mut sorted: Vec<&NodeView> = nodes.iter().collect();
    sorted.sort_by(|a, b| a.identity.cmp(&b.identity));
    let values = |value: &dyn Fn(&NodeView) -> Option<f64>| -> Values {
        let known = sorted.iter().filter_map(|n| Some((labels(n), value(n)?)));
        known.collect()
    };
    let states = sorted.iter().flat_map(|node| {
        let of = |state: NodeState| {
            let is = f64::from(u8::from(node.state == state));
            (labels(node).with("state", state.as_str()), is)
        };
        NodeState::ALL.map(of)
    });
    vec![
        gauge(
            "wardround_node_state",
            "1 for the state that a node is in, 0 for the others",
            states.collect(),
        ),
        gauge(
            "wardround_node_last_seen_timestamp_seconds",
            "Time of a node's newest sample",
            values(&|n| n.last_seen.map(Timestamp::as_secs_f64)),
        ),
        gauge(
            "wardround_node_clock_offset_seconds",
            "A node's wall clock minus the collector's",
            values(&|n| n.clock_offset_seconds),
        ),
        gauge("wardround_node_series", "Series of a node", values(&|n| n.series.map(|s| s as f64))),
    ]
}

fn gauge(name: &str, help: &str, values: Values) -> SelfMetric {
    SelfMetric { name: name.to_owned(), help: help.to_owned(), kind: SelfMetricKind::Gauge, values }
}

fn single(value: f64) -> Values {
    vec![(Labels::default(), value)]
}
