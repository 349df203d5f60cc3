use super::*;

const GOOD: &str = r#"
rules:
  - id: os.a
    clause: "3.3"
    component: os
    title: {zh: 甲, en: a}
    advice: {zh: 甲, en: a}
    unit: ratio
    value: node_load1
    breach: "> 0.70"
    clear: "< 0.65"
    for: 10m
    no_data: hold
    tier: incident
    level: 3
"#;

fn read(text: &str) -> Result<Pack, WrongPack> {
    Pack::from_files(&[PackFile { name: "a.yaml", text }])
}

/// Scenario: the pack that ships. Guarantees: it is right, in order of id, and its digest names the texts.
#[test]
fn the_builtin_pack_is_right() {
    let pack = Pack::builtin().unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(pack.rules().is_sorted_by(|a, b| a.id < b.id));
    assert_eq!(pack.digest().len(), 64);
    assert!(pack.rule("os.cpu_busy").is_some());
    assert_ne!(pack.digest(), read(GOOD).unwrap().digest());
}

/// Scenario: the ids other rooms stand on. Guarantees: they exist with their tier and level.
#[test]
fn the_fixed_ids_exist() {
    use collector_domain::Tier::{Advisory, Deviation, Incident, Predicate};
    let pack = Pack::builtin().unwrap();
    for (id, tier, level) in [
        ("core.service_up", Incident, 2),
        ("db.cache_hit", Deviation, 3),
        ("db.index_hit", Incident, 3),
        ("db.instance_up", Incident, 2),
        ("db.replication", Incident, 3),
        ("db.standby_usable", Predicate, 2),
        ("db.writable", Predicate, 2),
        ("fabric.link_down", Incident, 3),
        ("fabric.no_subnet_manager", Incident, 2),
        ("ib.counter_saturated", Deviation, 3),
        ("ib.degraded_rate", Incident, 3),
        ("ib.errors_rising", Incident, 3),
        ("ib.no_active_port", Incident, 2),
        ("ib.port_down", Incident, 3),
        ("monitoring.duplicate_identity", Incident, 3),
        ("monitoring.node_silent", Incident, 3),
        ("monitoring.probe_data", Incident, 3),
        ("os.cpu_busy", Incident, 3),
        ("os.long_high_load", Incident, 3),
        ("os.memory_used", Incident, 3),
        ("os.zombies", Incident, 3),
        ("peer.reachable", Predicate, 3),
        ("session.blocked", Incident, 3),
        ("session.connections", Incident, 3),
        ("session.idle_transaction", Incident, 3),
        ("time.clock_skew", Incident, 3),
        ("time.clock_step", Deviation, 3),
        ("storage.free_space", Incident, 3),
        ("storage.free_space_low", Advisory, 3),
        ("storage.io_wait", Incident, 3),
    ] {
        let rule = pack.rule(id).unwrap_or_else(|| panic!("{id} is missing"));
        assert_eq!((rule.tier, rule.level.number()), (tier, level), "{id}");
    }
}

/// Scenario: one change each to a good rule. Guarantees: refused, naming file, rule and what is wrong.
#[test]
fn every_mistake_is_named() {
    for (good, bad, expected) in [
        ("clause: \"3.3\"", "clause: 三", "is not a clause"),
        ("component: os", "component: shoe", "unknown variant `shoe`"),
        ("unit: ratio", "unit: ''", "unit is empty"),
        ("unit: ratio", "unti: ratio", "unknown field `unti`"),
        ("    unit: ratio\n", "", "missing field `unit`"),
        ("zh: 甲, en: a}\n    advice", "zh: ' ', en: a}\n    advice", "title.zh is empty"),
        ("value: node_load1", "value: sum(node_load1)", "loses the label 'instance'"),
        ("value: node_load1", "value: absent(node_load1)", "value: "),
        ("value: node_load1", "value: '1 + 1'", "reads no series"),
        ("value: node_load1", "value: 'a{'", "value: "),
        ("\"> 0.70\"", "\"0.70\"", "is not a comparison"),
        ("\"< 0.65\"", "\"< 0.75\"", "overlap"),
        ("for: 10m", "for: soon", "is not a span"),
        ("no_data: hold", "no_data: hold\n    min_samples: 0", "min_samples must be"),
        ("no_data: hold", "no_data: hide", "unknown variant `hide`"),
        ("level: 3", "level: 1", "level 1 comes only from the classification"),
        ("level: 3", "level: 4", "level 4 is raised by people only"),
        ("level: 3", "level: 5", "level 5 does not exist"),
        (
            "level: 3",
            "level: 3\n    explained_by: [{rule: os.b, on: {host: '{host}'}}]",
            "does not exist",
        ),
        (
            "level: 3",
            "level: 3\n    explained_by: [{rule: os.a, on: {host: '{host}'}}]",
            "the rule itself",
        ),
        ("level: 3", "level: 3\n    explained_by: [{rule: os.b, on: {}}]", "names no label"),
        (
            "level: 3",
            "level: 3\n    evidence: [db.blokking]",
            "no probe speaks of; known: db.blocking",
        ),
    ] {
        assert!(GOOD.contains(good), "{good}");
        let wrong = read(&GOOD.replacen(good, bad, 1)).unwrap_err();
        let text = wrong.to_string();
        assert!(text.contains(expected), "{bad}: {text}");
        assert!(text.starts_with("a.yaml: os.a: "), "{bad}: {text}");
    }
}

/// Scenario: a rule that explains its findings by itself, under another label. Guarantees: taken, since that is another finding.
#[test]
fn one_end_may_explain_the_other() {
    let both_ends = "level: 3\n    explained_by: [{rule: os.a, on: {host: '{peer}'}}]";
    let pack = read(&GOOD.replacen("level: 3", both_ends, 1)).unwrap();
    assert_eq!(pack.rules()[0].explained_by.len(), 1);
}

/// Scenario: three mistakes in two files, one of them a doubled id. Guarantees: all are told at once.
#[test]
fn all_mistakes_are_told_at_once() {
    let first = GOOD.replace("for: 10m", "for: soon").replace("level: 3", "level: 4");
    let files = [("a.yaml", GOOD), ("b.yaml", &first), ("c.yaml", GOOD), ("d.yaml", "rules: 5")];
    let wrong = Pack::from_files(&files.map(|(name, text)| PackFile { name, text })).unwrap_err();
    let places: Vec<_> = wrong.0.iter().map(|w| (w.file.as_str(), w.rule.as_str())).collect();
    assert_eq!(
        places,
        [("b.yaml", "os.a"), ("b.yaml", "os.a"), ("d.yaml", ""), ("c.yaml", "os.a")]
    );
}

/// Scenario: the contract's largest standby lag. Guarantees: it is the number in the compiled expression.
#[test]
fn the_contract_fills_in_its_limits() {
    let pack = Pack::builtin().unwrap();
    let standard = &pack.standards()[pack.position("db.standby_usable").unwrap()];
    let contract = Contract { standby_lag_max: Duration::from_secs(45), ..Contract::default() };
    let Value::Expression(expr) = compile(&standard.value, &contract).unwrap() else {
        panic!("an expression");
    };
    assert!(expr.to_string().contains("<= bool 45"), "{expr}");
}
