//! A simulated InfiniBand fabric with real agents and a real collector.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tests::bedside::{Agent, Rest};
use tests::lone::Collector;
use tests::probes::off_but;
use tests::simulation::Simulation;
use tests::wait;

/// Two leaf switches with two cables between them; two servers, the first with two adapters. What is named is called as
/// Linux calls adapters.
const NET: &str = r#"
Switch	8 "sw-a"		# "sw-a"
[1]	"h1"[1](1)	# "db1 mlx5_0" lid 1 4xEDR
[2]	"h2"[1](1)	# "db2 mlx5_0" lid 1 4xEDR
[3]	"sw-b"[3]	# "sw-b" lid 1 4xEDR
[4]	"sw-b"[4]	# "sw-b" lid 1 4xEDR
[5]	"h3"[1](1)	# "db1 mlx5_1" lid 1 4xEDR

Switch	8 "sw-b"		# "sw-b"
[1]	"h1"[2](1)	# "db1 mlx5_0" lid 1 4xEDR
[2]	"h2"[2](1)	# "db2 mlx5_0" lid 1 4xEDR
[3]	"sw-a"[3]	# "sw-a" lid 1 4xEDR
[4]	"sw-a"[4]	# "sw-a" lid 1 4xEDR
[5]	"h3"[2](1)	# "db1 mlx5_1" lid 1 4xEDR

Hca	2 "h1"		# "db1 mlx5_0"
[1](1)	"sw-a"[1]	# lid 0 lmc 0 "sw-a" lid 1 4xEDR
[2](1)	"sw-b"[1]	# lid 0 lmc 0 "sw-b" lid 1 4xEDR

Hca	2 "h3"		# "db1 mlx5_1"
[1](1)	"sw-a"[5]	# lid 0 lmc 0 "sw-a" lid 1 4xEDR
[2](1)	"sw-b"[5]	# lid 0 lmc 0 "sw-b" lid 1 4xEDR

Hca	2 "h2"		# "db2 mlx5_0"
[1](1)	"sw-a"[2]	# lid 0 lmc 0 "sw-a" lid 1 4xEDR
[2](1)	"sw-b"[2]	# lid 0 lmc 0 "sw-b" lid 1 4xEDR
"#;

/// The simulator says of every port that it could do more than any cable of it does.
const READER: &str =
    "[probe.fabric]\ninterval = \"1s\"\nexpected_width = 4\nexpected_speed = \"EDR\"\n";

/// The incidents of InfiniBand as `cause node device port`.
fn incidents(rest: &mut Rest) -> BTreeSet<String> {
    let page = rest.get("/api/v1/incidents");
    let all = page["incidents"].as_array().unwrap().iter();
    all.filter(|incident| is_of_fabric(incident)).map(words).collect()
}

fn is_of_fabric(incident: &Value) -> bool {
    let cause = incident["cause"].as_str().unwrap();
    cause.starts_with("ib.") || cause.starts_with("fabric.")
}

fn words(incident: &Value) -> String {
    let subject = &incident["subject"];
    let named = |label: &str| subject[label].as_str().unwrap_or("-");
    let node = subject["node"].as_str().unwrap_or_else(|| named("host"));
    format!("{} {node} {} {}", incident["cause"].as_str().unwrap(), named("device"), named("port"))
}

/// The rules of whose findings the incident of this cause on a port holds links.
fn links(rest: &mut Rest, cause: &str, device: &str) -> BTreeSet<String> {
    let page = rest.get(&format!("/api/v1/incidents?cause={cause}"));
    let all = page["incidents"].as_array().unwrap().iter();
    let of_device = all.filter(|incident| incident["subject"]["device"] == device);
    let links = of_device.flat_map(|incident| incident["links"].as_array().unwrap().clone());
    links.map(|link| link["rule"].as_str().unwrap().to_owned()).collect()
}

fn set(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

/// Waits until every port of the server in the tree is active.
fn await_active(tree: &Path) {
    let is_active = |device: &str, port: &str| {
        let file = tree.join(format!("sys/class/infiniband/{device}/ports/{port}/state"));
        std::fs::read_to_string(file).is_ok_and(|state| state.starts_with("4: ACTIVE"))
    };
    wait::until("every port of the server to be active", Duration::from_secs(30), || {
        let ports = [("mlx5_0", "1"), ("mlx5_0", "2"), ("mlx5_1", "1"), ("mlx5_1", "2")];
        ports.iter().all(|(device, port)| is_active(device, port)).then_some(())
    });
}

/// Waits until a metric was sampled so often.
fn await_rounds(rest: &mut Rest, metric: &str, rounds: f64) {
    let query = format!("/prometheus/api/v1/query?query=count_over_time({metric}%5B1m%5D)");
    wait::until(&format!("{rounds} samples of {metric}"), Duration::from_secs(30), || {
        let page = rest.get(&query);
        let value = page["data"]["result"][0]["value"][1].as_str()?.parse::<f64>().ok();
        value.filter(|count| *count >= rounds)
    });
}

/// Waits until the incidents are these; any other on the way is a failure.
fn become_exactly(rest: &mut Rest, expected: &BTreeSet<String>) {
    let mut seen = BTreeSet::new();
    wait::until(&format!("{expected:#?}"), Duration::from_secs(70), || {
        let found = incidents(rest);
        found.difference(&seen).for_each(|new| println!("{new}"));
        seen.clone_from(&found);
        assert!(found.is_subset(expected), "{found:#?}");
        (found == *expected).then_some(())
    });
}

/// Scenario: on a quiet fabric errors, lost width and lost links, each once at a port of the server whose agent reads it
/// in sysfs and once at a cable between switches or at a switch's port to another server; then the subnet manager ends.
/// Guarantees: each fault is one incident at the port that has it, what the fabric shows of a server's own cable is linked to
/// the server's incident, and nothing else is raised.
#[test]
fn faults_of_a_fabric_are_one_incident_each() {
    let dir = tempfile::tempdir().unwrap();
    let mut simulation = Simulation::start(NET);
    simulation.start_manager("h2");
    let tree = dir.path().join("tree");
    let _mirror = simulation.mirror("h2", "db1", tree.clone());
    await_active(&tree);
    let collector = Collector::start();
    let mut rest = Rest::sign_in(&collector, "zhang", "engineer");
    let local = format!("[probe.infiniband]\nroot = {tree:?}\n{}", off_but(&["infiniband"]));
    let _local = Agent::start(&collector, "db1", &local, dir.path());
    let environment = simulation.environment("h2");
    let _reader = Agent::start_under(
        &collector,
        "db2",
        &format!("{READER}{}", off_but(&[])),
        dir.path(),
        environment,
    );
    for metric in ["wardround_fabric_nodes", "node_infiniband_port_errors_received_total"] {
        await_rounds(&mut rest, metric, 5.0);
    }
    assert_eq!(incidents(&mut rest), set(&[]), "a quiet fabric");

    simulation.say("PerformanceSet \"h1\"[1] PortCounters.SymbolErrorCounter=50");
    simulation.say("PerformanceSet \"sw-b\"[2] PortCounters.SymbolErrorCounter=50");
    simulation.say("Unlink \"h3\"[1]");
    simulation.say("Unlink \"sw-a\"[4]");
    // Along the paths to the switches at the other end of the server's second port, and of a cable between switches.
    // The simulator may lose a question, so that the first one is asked until it is seen at the server.
    let rate = tree.join("sys/class/infiniband/mlx5_0/ports/2/rate");
    let wide = std::fs::read_to_string(&rate).unwrap();
    wait::until("the server's second port to be narrow", Duration::from_secs(30), || {
        simulation.client("h2", &["ibportstate", "-D", "0,1,3", "1", "width", "1"]);
        wait::passes(Duration::from_secs(5), || {
            std::fs::read_to_string(&rate).is_ok_and(|now| now != wide)
        })
        .then_some(())
    });
    simulation.client("h2", &["ibportstate", "-D", "0,1", "3", "width", "1"]);
    let expected = set(&[
        "ib.errors_rising db1 mlx5_0 1",
        "ib.degraded_rate db1 mlx5_0 2",
        "ib.port_down db1 mlx5_1 1",
        "fabric.errors_rising sw-b - 2",
        "fabric.link_degraded sw-a - 3",
        "fabric.link_down sw-a - 4",
    ]);
    become_exactly(&mut rest, &expected);
    for (cause, device, linked) in [
        ("ib.errors_rising", "mlx5_0", "fabric.errors_rising"),
        ("ib.degraded_rate", "mlx5_0", "fabric.link_degraded"),
        ("ib.port_down", "mlx5_1", "fabric.link_down"),
    ] {
        wait::until(&format!("{linked} to be linked"), Duration::from_secs(30), || {
            links(&mut rest, cause, device).contains(linked).then_some(())
        });
    }
    assert_eq!(incidents(&mut rest), expected);

    simulation.stop_manager();
    let mut expected = expected;
    expected.insert("fabric.no_subnet_manager - - -".to_owned());
    become_exactly(&mut rest, &expected);
}

/// Scenario: a switch loses most of what it is sent, then nothing any more. Guarantees: a round ends in time all the same, what
/// was not read is counted, and the next round has everything.
#[test]
fn lost_datagrams_cost_ports_not_rounds() {
    let mut simulation = Simulation::start(NET);
    simulation.start_manager("h2");
    let value = |simulation: &Simulation, metric: &str| {
        let text = simulation.read_fabric("h2");
        let begin = format!("{metric}{{");
        let line = text.lines().find(|line| line.starts_with(&begin))?;
        line.rsplit_once(' ')?.1.parse::<f64>().ok()
    };
    let all_is_read = |simulation: &Simulation| {
        wait::until("every port to be read", Duration::from_secs(30), || {
            let masters = value(simulation, "wardround_fabric_master_subnet_managers");
            let unreadable = value(simulation, "wardround_fabric_unreadable_ports");
            (masters == Some(1.0) && unreadable == Some(0.0)).then_some(())
        });
    };
    all_is_read(&simulation);
    simulation.say("Error \"sw-b\" 90");
    wait::until("a port that cannot be read", Duration::from_secs(60), || {
        let unreadable = value(&simulation, "wardround_fabric_unreadable_ports");
        unreadable.filter(|ports| *ports > 0.0)
    });
    simulation.say("Error \"sw-b\" 0");
    all_is_read(&simulation);
}
