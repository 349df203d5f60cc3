//! A rules pack and an appliance: two database nodes that witness each other, one core service.

use collector_domain::{
    Component, Contract, CoreService, DatabaseService, ExplainedBy, Rule, Text, Tier, Topology,
};
use shared_model::Level;

/// Rule, clause, tier, level, and its causes as `rule label=template`.
type Row = (&'static str, &'static str, Tier, Level, &'static [&'static str]);

const ROWS: [Row; 24] = [
    ("db.instance_up", "3.1", Tier::Incident, Level::Two, &[]),
    ("db.writable", "2.2", Tier::Predicate, Level::Two, &[]),
    ("db.standby_usable", "2.2", Tier::Predicate, Level::Two, &[]),
    ("db.replication", "3.1", Tier::Incident, Level::Three, &[]),
    ("core.service_up", "2.2", Tier::Incident, Level::Two, &[]),
    ("storage.free_space", "3.1", Tier::Incident, Level::Three, &[]),
    (
        "storage.io_wait",
        "3.3",
        Tier::Incident,
        Level::Three,
        &["storage.free_space host={host} device=/dev/{device}"],
    ),
    ("storage.quorum_risk", "2.2", Tier::Incident, Level::Two, &["storage.free_space host={host}"]),
    ("session.blocked", "3.1", Tier::Incident, Level::Three, &[]),
    (
        "session.idle_transaction",
        "3.1",
        Tier::Incident,
        Level::Three,
        &["session.blocked instance={instance}"],
    ),
    ("session.connections", "3.1", Tier::Incident, Level::Three, &[]),
    ("os.cpu_busy", "3.3", Tier::Incident, Level::Three, &[]),
    (
        "os.long_high_load",
        "3.3",
        Tier::Incident,
        Level::Three,
        &["os.cpu_busy host={host}", "storage.io_wait host={host}"],
    ),
    ("os.zombies", "3.1", Tier::Deviation, Level::Three, &[]),
    ("os.memory_used", "3.3", Tier::Advisory, Level::Three, &[]),
    ("ib.no_active_port", "2.2", Tier::Incident, Level::Two, &[]),
    ("ib.port_down", "2.2", Tier::Incident, Level::Three, &["ib.no_active_port host={host}"]),
    ("ib.errors_rising", "2.2", Tier::Deviation, Level::Three, &[]),
    (
        "fabric.errors_rising",
        "2.1",
        Tier::Incident,
        Level::Three,
        &["fabric.errors_rising guid={peer_guid} port={peer_port}", "ib.port_down host={node}"],
    ),
    ("monitoring.node_silent", "2.1", Tier::Incident, Level::Three, &[]),
    ("monitoring.probe_data", "2.1", Tier::Incident, Level::Three, &[]),
    ("peer.reachable", "2.1", Tier::Predicate, Level::Three, &[]),
    (
        "peer.ib_down",
        "2.1",
        Tier::Incident,
        Level::Three,
        &["monitoring.node_silent host={peer}", "ib.no_active_port host={peer}"],
    ),
    ("db.index_hit", "3.3", Tier::Incident, Level::Three, &[]),
];

pub(crate) fn rules() -> Vec<Rule> {
    ROWS.iter().map(|row| rule(*row)).collect()
}

fn rule((id, clause, tier, level, causes): Row) -> Rule {
    let text =
        |suffix: &str| Text { zh: format!("{id} 超限{suffix}"), en: format!("{id}{suffix}") };
    Rule {
        id: id.into(),
        clause: clause.parse().expect("rows hold clauses"),
        component: Component::Os,
        title: text(""),
        advice: text(" runbook"),
        tier,
        level,
        explained_by: causes.iter().map(|c| cause(c)).collect(),
        evidence: if id == "session.blocked" { vec!["db.blocking".to_owned()] } else { vec![] },
    }
}

fn cause(text: &str) -> ExplainedBy {
    let mut words = text.split(' ');
    let rule = words.next().expect("a cause names its rule").into();
    let pair = |w: &str| w.split_once('=').map(|(l, t)| (l.to_owned(), t.to_owned()));
    ExplainedBy { rule, on: words.filter_map(pair).collect() }
}

pub(crate) fn topology() -> Topology {
    Topology {
        databases: vec![DatabaseService {
            name: "his".to_owned(),
            primary: "db1:5432".to_owned(),
            standbys: vec!["db2:5432".to_owned()],
        }],
        core_services: vec![CoreService { name: "挂号".to_owned(), database: "his".to_owned() }],
    }
}

/// The standard's contract with everything this many times faster.
pub(crate) fn contract(time_scale: u32) -> Contract {
    Contract { time_scale, ..Contract::default() }
}

/// Every check of the healthy appliance; `want` lines may follow.
pub(crate) const HEALTHY: &str = "
0 clear db.instance_up host=db1 instance=db1:5432
0 clear db.instance_up host=db2 instance=db1:5432
0 clear db.instance_up host=db1 instance=db2:5432
0 clear db.instance_up host=db2 instance=db2:5432
0 clear db.writable host=db1 instance=db1:5432
0 breach db.writable host=db2 instance=db2:5432
0 clear db.standby_usable host=db2 instance=db2:5432
0 clear db.replication host=db2 instance=db2:5432
0 clear core.service_up host=db2 instance=db1:5432 service=挂号
0 incidents 0
";
