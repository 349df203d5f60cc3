use super::*;
use std::collections::BTreeSet;

/// The scenarios beside the standard's pack, one file per section.
const HIS: &[PackFile<'static>] = &[
    PackFile {
        name: "his/tests/2.1-fabric.yaml",
        text: include_str!("../../packs/his/tests/2.1-fabric.yaml"),
    },
    PackFile {
        name: "his/tests/2.1-peers.yaml",
        text: include_str!("../../packs/his/tests/2.1-peers.yaml"),
    },
    PackFile {
        name: "his/tests/2.1-distributed-storage.yaml",
        text: include_str!("../../packs/his/tests/2.1-distributed-storage.yaml"),
    },
    PackFile {
        name: "his/tests/2.1-scope.yaml",
        text: include_str!("../../packs/his/tests/2.1-scope.yaml"),
    },
    PackFile {
        name: "his/tests/2.1-server.yaml",
        text: include_str!("../../packs/his/tests/2.1-server.yaml"),
    },
    PackFile {
        name: "his/tests/2.1-disks.yaml",
        text: include_str!("../../packs/his/tests/2.1-disks.yaml"),
    },
    PackFile {
        name: "his/tests/2.2-response.yaml",
        text: include_str!("../../packs/his/tests/2.2-response.yaml"),
    },
    PackFile {
        name: "his/tests/3.1-daily-inspection.yaml",
        text: include_str!("../../packs/his/tests/3.1-daily-inspection.yaml"),
    },
    PackFile {
        name: "his/tests/3.1-storage.yaml",
        text: include_str!("../../packs/his/tests/3.1-storage.yaml"),
    },
    PackFile {
        name: "his/tests/3.3-performance.yaml",
        text: include_str!("../../packs/his/tests/3.3-performance.yaml"),
    },
    PackFile {
        name: "his/tests/3.1-databases.yaml",
        text: include_str!("../../packs/his/tests/3.1-databases.yaml"),
    },
    PackFile {
        name: "his/tests/3.3-databases.yaml",
        text: include_str!("../../packs/his/tests/3.3-databases.yaml"),
    },
    PackFile {
        name: "his/tests/3.5-security.yaml",
        text: include_str!("../../packs/his/tests/3.5-security.yaml"),
    },
];

fn all() -> Vec<Scenario> {
    let read = |file| Scenario::read(file).unwrap_or_else(|wrong| panic!("{wrong}"));
    HIS.iter().flat_map(read).collect()
}

/// Scenario: every test beside the pack. Guarantees: every rule does what its tests say.
#[test]
fn the_pack_does_what_its_tests_say() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let mismatches: Vec<String> = all()
        .iter()
        .flat_map(|scenario| scenario.run(&pack))
        .map(|mismatch| mismatch.to_string())
        .collect();
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
}

/// Scenario: rules against the kinds of their tests. Guarantees: each is shown firing, quiet, without data, at its limit.
#[test]
fn every_rule_has_all_kinds_of_tests() {
    let shown: BTreeSet<_> = all().iter().map(|s| (s.rule.clone(), s.kind)).collect();
    let pack = Pack::builtin().unwrap();
    let missing: Vec<_> = pack
        .rules()
        .iter()
        .flat_map(|rule| {
            [Kind::Firing, Kind::Quiet, Kind::NoData, Kind::AtLimit]
                .map(|kind| (rule.id.to_string(), kind))
        })
        .filter(|wanted| !shown.contains(wanted))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Scenario: an expectation that does not hold, an unknown rule, a wrong file. Guarantees: each is told.
#[test]
fn a_scenario_can_fail() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let file = |text| PackFile { name: "t.yaml", text };
    let text = r#"
tests:
  - rule: os.zombies
    kind: quiet
    series: [{series: 'node_processes_state{host="a",instance="a",state="Z"}', values: "0x5"}]
    expect: [{at: 3s, condition: breached}, {at: 4s, condition: clear, since: 2s}]
"#;
    let mismatches = Scenario::read(&file(text)).unwrap()[0].run(&pack);
    assert_eq!(mismatches.len(), 2, "{mismatches:?}");
    let unknown = text.replace("os.zombies", "os.zombie");
    let mismatches = Scenario::read(&file(&unknown)).unwrap()[0].run(&pack);
    assert!(mismatches[0].what.contains("no such rule"));
    let wrong = text.replace("kind: quiet", "knid: quiet").replace("at: 4s", "at: soon");
    let wrong = Scenario::read(&file(&wrong)).unwrap_err();
    assert!(wrong.to_string().contains("unknown field `knid`"), "{wrong}");
}
