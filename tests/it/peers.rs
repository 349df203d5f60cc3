//! Nodes that probe each other: what their agents' silence is called then, with real agents, a real collector and addresses that
//! stop answering.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;
use tests::bedside::{Agent, Rest};
use tests::lone::Collector;
use tests::probes::off_but;
use tests::wait;

/// The nodes that are watched, each with an address for the management network and one for InfiniBand.
const WATCHED: [&str; 5] = ["b", "c", "d", "e", "f"];

/// Addresses of this machine that can be taken away. What is left of them then is a network in which nobody answers.
struct Network {
    cable: String,
    /// Which groups might send an ICMP echo before.
    groups: String,
}

/// Which groups may send an ICMP echo: none on a machine that systemd has not set up.
const GROUPS: &str = "/proc/sys/net/ipv4/ping_group_range";

impl Network {
    fn create() -> Self {
        let id = std::process::id() % 100_000;
        let groups = std::fs::read_to_string(GROUPS).unwrap();
        std::fs::write(GROUPS, "0 2147483647").unwrap();
        let network = Self { cable: format!("wrp{id}"), groups };
        let far = format!("wrq{id}");
        ip(&["link", "add", &network.cable, "type", "veth", "peer", "name", &far]);
        for end in [&network.cable, &far] {
            ip(&["link", "set", end, "up"]);
        }
        ip(&["address", "add", "10.231.0.1/16", "dev", &network.cable]);
        for node in WATCHED {
            for path in ["management", "ib"] {
                ip(&["address", "replace", &format!("{}/32", address(node, path)), "dev", "lo"]);
            }
        }
        network
    }

    fn take_away(&self, node: &str, path: &str) {
        ip(&["address", "del", &format!("{}/32", address(node, path)), "dev", "lo"]);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for node in WATCHED {
            for path in ["management", "ib"] {
                let address = format!("{}/32", address(node, path));
                // Some are gone already.
                drop(Command::new("ip").args(["address", "del", &address, "dev", "lo"]).output());
            }
        }
        std::fs::write(GROUPS, &self.groups).unwrap();
        ip(&["link", "del", &self.cable]);
    }
}

fn ip(args: &[&str]) {
    let output = Command::new("ip").args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn address(node: &str, path: &str) -> String {
    let number = node.as_bytes()[0];
    format!("10.231.{}.{number}", if path == "ib" { 2 } else { 1 })
}

/// Every incident as `cause L<level> <node>`.
fn incidents(rest: &mut Rest) -> BTreeSet<String> {
    let page = rest.get("/api/v1/incidents");
    page["incidents"].as_array().unwrap().iter().map(words).collect()
}

fn words(incident: &Value) -> String {
    let subject = &incident["subject"];
    let named = |label: &str| subject[label].as_str();
    let node = named("peer").or_else(|| named("host")).unwrap_or("-");
    format!("{} L{} {node}", incident["cause"].as_str().unwrap(), incident["level"])
}

/// Waits until the incidents are these.
fn become_exactly(rest: &mut Rest, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|text| (*text).to_owned()).collect();
    let mut seen = BTreeSet::new();
    wait::until(&format!("{expected:#?}"), Duration::from_secs(60), || {
        let found = incidents(rest);
        if found != seen {
            println!("{found:?}");
        }
        seen.clone_from(&found);
        (found == expected).then_some(())
    });
}

/// Scenario: five nodes watched by a sixth, over two paths by ICMP. One loses a path, one its agent, one all at once; then two
/// fall in the same second. Guarantees: each is its own finding with its level, the two are one incident that links both, and
/// each says who saw it.
#[test]
fn silence_is_told_apart_by_peers() {
    let dir = tempfile::tempdir().unwrap();
    let network = Network::create();
    let collector = Collector::start();
    let mut rest = Rest::sign_in(&collector, "zhang", "engineer");
    let quiet = off_but(&["loadavg"]);
    let peers: String = WATCHED
        .iter()
        .map(|node| {
            let (management, ib) = (address(node, "management"), address(node, "ib"));
            format!("[[peer]]\nname = \"{node}\"\nmanagement = \"{management}\"\nib = \"{ib}\"\n")
        })
        .collect();
    let _watcher = Agent::start(&collector, "a", &format!("{peers}{quiet}"), dir.path());
    let mut agents: BTreeMap<&str, Agent> = WATCHED
        .into_iter()
        .map(|node| (node, Agent::start(&collector, node, &quiet, dir.path())))
        .collect();
    for (query, count) in [("count(wardround_peer_reachable==1)", "10"), ("count(node_load1)", "6")]
    {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/prometheus/api/v1/query?query={encoded}");
        wait::until(&format!("{query} to be {count}"), Duration::from_secs(30), || {
            (rest.get(&path)["data"]["result"][0]["value"][1] == count).then_some(())
        });
    }

    network.take_away("b", "ib");
    agents.remove("c");
    agents.remove("d");
    network.take_away("d", "management");
    network.take_away("d", "ib");
    let apart = ["monitoring.node_lost L2 d", "monitoring.node_silent L3 c", "peer.ib_down L3 b"];
    become_exactly(&mut rest, &apart);

    for node in ["e", "f"] {
        agents.remove(node);
        network.take_away(node, "management");
        network.take_away(node, "ib");
    }
    let mut expected = apart.to_vec();
    expected.push("monitoring.nodes_lost L2 -");
    become_exactly(&mut rest, &expected);
    let page = rest.get("/api/v1/incidents?cause=monitoring.nodes_lost");
    let links = page["incidents"][0]["links"].as_array().unwrap().clone();
    let linked: BTreeSet<&str> =
        links.iter().filter_map(|link| link["subject"]["host"].as_str()).collect();
    assert_eq!(linked, BTreeSet::from(["e", "f"]), "{links:#?}");
    let page = rest.get("/api/v1/incidents?cause=monitoring.node_silent");
    let said = page["incidents"][0].to_string();
    assert!(said.contains("a peer reaches it"), "{said}");
}
