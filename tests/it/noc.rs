//! An operations centre with a foreign gRPC client: Debian's Python grpcio, which learns the services by reflection.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use tests::lone::{Collector, join};
use tests::{binaries, wait};

/// Events that the test has not looked at; it looks at each within seconds.
const EVENTS_MAX: usize = 1_024;
/// Patience for one answer; the machine may be busy.
const SOON: Duration = Duration::from_secs(30);

/// A running agent; dropping it kills it by pid.
struct Agent(Child);

impl Agent {
    fn run(data: &Path) -> Self {
        let mut command = Command::new(binaries::folder().join("wardround-agent"));
        command.arg("--config").arg(data.join("agent.toml")).arg("run").stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn client(address: &str, folder: &Path, call: &[&str]) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.arg(binaries::repository().join("tests/clients/noc.py")).arg(address).arg(folder);
    command.args(call);
    command
}

/// One call to its end; its last line.
fn call(address: &str, folder: &Path, what: &[&str]) -> Value {
    let output = client(address, folder, what).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().last().unwrap_or_else(|| panic!("{what:?} said nothing: {errors}"));
    serde_json::from_str(line).unwrap()
}

/// An open stream of a client; dropping it kills it by pid.
struct Stream {
    child: Child,
    events: Receiver<Value>,
}

impl Stream {
    fn open(address: &str, folder: &Path, what: &[&str]) -> Self {
        let mut child = client(address, folder, what).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (out, events) = sync_channel(EVENTS_MAX);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if out.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, events }
    }

    fn next(&self) -> Value {
        match self.events.recv_timeout(SOON) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => panic!("nothing came for 30 s"),
            Err(RecvTimeoutError::Disconnected) => panic!("the client ended"),
        }
    }

    /// The next event that is not a sign of life.
    fn news(&self) -> Value {
        loop {
            let event = self.next();
            if event.get("alive").is_none() {
                return event;
            }
        }
    }

    /// How it ended, after whatever else it had to say.
    fn end(&self) -> Value {
        loop {
            let event = self.next();
            if event.get("code").is_some() {
                return event;
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A collector that calls a node's state unknown after a few seconds, with a node and clients in a folder.
struct Hospital {
    collector: Collector,
    dir: tempfile::TempDir,
}

impl Hospital {
    fn open() -> Self {
        let collector =
            Collector::start_with("[contract]\nsilent_after = \"3s\"\nunknown_after = \"4s\"\n");
        let dir = tempfile::tempdir().unwrap();
        for (name, role) in [("noc", "engineer"), ("duty", "engineer"), ("eyes", "viewer")] {
            collector.done(&["user", "add", name, "--role", role]);
            let folder = dir.path().join(name);
            let folder = folder.to_str().unwrap();
            collector.done(&["client", "create", "--account", name, "-o", folder]);
        }
        join(&collector.agents, &collector.token("db1", "1h"), &dir.path().join("db1")).unwrap();
        Self { collector, dir }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn call(&self, name: &str, what: &[&str]) -> Value {
        call(&self.collector.agents, &self.folder(name), what)
    }

    fn stream(&self, name: &str, what: &[&str]) -> Stream {
        Stream::open(&self.collector.agents, &self.folder(name), what)
    }

    fn acknowledge(&self, name: &str, request: &Value) -> Value {
        self.call(name, &["Acknowledge", &request.to_string()])
    }

    fn serial(&self, account: &str) -> String {
        let list = self.collector.done(&["client", "list", "--format", "json"]);
        let list: Vec<Value> = serde_json::from_str(&list).unwrap();
        let found = list.iter().find(|c| c["account"] == account).unwrap();
        found["serial"].as_str().unwrap().to_owned()
    }
}

fn revision(event: &Value) -> String {
    event["revision"].as_str().unwrap().to_owned()
}

/// Scenario: an operations centre finds the services by reflection, watches, and a node's agent dies. Two acknowledge at once, one
/// on what it saw before; the watcher is away meanwhile, and the collector is killed with SIGKILL.
/// Guarantees: health says that it serves; the incident arrives in the watch; one acknowledgement wins and the others are told
/// by whom and when; a viewer's is refused; the watcher resumes with its revision and misses nothing.
#[test]
fn an_operations_centre_sees_acts_and_misses_nothing() {
    let mut hospital = Hospital::open();
    let agent = Agent::run(&hospital.folder("db1"));
    wait::until("the node to be heard", SOON, || {
        let nodes = hospital.collector.done(&["node", "list", "--format", "json"]);
        let nodes: Vec<Value> = serde_json::from_str(&nodes).unwrap();
        (nodes[0]["state"] == "fresh" && nodes[0]["series"].as_u64()? > 0).then_some(())
    });

    let services = hospital.call("noc", &["services"]);
    for name in ["wardround.noc.v1.Incidents", "grpc.health.v1.Health"] {
        assert!(services.as_array().unwrap().contains(&json!(name)), "{services}");
    }
    assert_eq!(hospital.call("noc", &["health"])["status"], "SERVING");

    let watch = hospital.stream("noc", &["watch", "0"]);
    let mark = watch.news();
    assert!(mark.get("caught_up").is_some(), "{mark}");
    drop(agent);
    let opened = watch.news();
    assert_eq!(opened["incident"]["cause"], "monitoring.node_silent", "{opened}");
    assert_eq!(opened["incident"]["state"], "STATE_OPEN");
    let (id, seen) = (opened["incident"]["id"].clone(), revision(&opened));
    let listed = hospital.call("eyes", &["List", r#"{"filter":{"states":["STATE_OPEN"]}}"#]);
    assert_eq!((&listed["incidents"][0]["id"], listed["total"].as_u64()), (&id, Some(1)));
    drop(watch);

    let refused = hospital.acknowledge("eyes", &json!({ "id": id }));
    assert_eq!(refused["code"], "PERMISSION_DENIED", "{refused}");
    let outcomes = std::thread::scope(|scope| {
        let both = ["noc", "duty"].map(|name| {
            let request = json!({ "id": id, "expected_revision": seen });
            let hospital = &hospital;
            scope.spawn(move || hospital.acknowledge(name, &request))
        });
        both.map(|one| one.join().unwrap())
    });
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.iter().partition(|o| o.get("incident").is_some());
    assert_eq!((won.len(), lost.len()), (1, 1), "{outcomes:?}");
    let by = won[0]["incident"]["acknowledged_by"].as_str().unwrap();
    let at = &won[0]["incident"]["clocks"]["acknowledged_us"];
    println!("{by} won; the other was told: {}", lost[0]);
    assert_eq!(lost[0]["code"], "ABORTED");
    assert_eq!(
        (lost[0]["details"][0]["by"].as_str(), &lost[0]["details"][0]["at_us"]),
        (Some(by), at)
    );
    let third = hospital.acknowledge("duty", &json!({ "id": id }));
    assert_eq!(third["code"], "FAILED_PRECONDITION", "{third}");
    assert_eq!(third["details"][0]["by"].as_str(), Some(by));

    hospital.collector.kill();
    hospital.collector.restart();
    let resumed = hospital.stream("noc", &["watch", &seen]);
    let missed = resumed.news();
    assert_eq!(missed["incident"]["state"], "STATE_ACKNOWLEDGED", "{missed}");
    assert_eq!(missed["incident"]["acknowledged_by"].as_str(), Some(by));
    assert!(resumed.news().get("caught_up").is_some());
    let ahead = hospital.call("noc", &["watch", "1000000"]);
    assert_eq!(ahead["code"], "OUT_OF_RANGE", "{ahead}");
}

/// Scenario: calls without a certificate, with a node's, and a session with an account's; then a client is revoked and an
/// account disabled and removed while their streams are open.
/// Guarantees: each kind of certificate opens its own services only; an open stream ends within a second of the change,
/// a watch of health too, and new calls are refused with the reason; all of it is in the audit log.
#[test]
fn a_certificate_opens_its_own_services_until_it_is_shut_out() {
    let hospital = Hospital::open();
    let nobody = hospital.folder("nobody");
    std::fs::create_dir(&nobody).unwrap();
    std::fs::copy(hospital.folder("noc").join("ca.crt"), nobody.join("ca.crt")).unwrap();
    let node = hospital.folder("db1");
    for (from, to) in [("node.key", "client.key"), ("node.crt", "client.crt")] {
        std::fs::copy(node.join(from), node.join(to)).unwrap();
    }
    let (list, health) = ("/wardround.noc.v1.Incidents/List", "/grpc.health.v1.Health/Check");
    let session = "/wardround.agent.v1.Session/Stream";
    for (who, how, path, code, words) in [
        ("nobody", "raw", list, "UNAUTHENTICATED", "client create"),
        ("nobody", "raw", health, "UNAUTHENTICATED", "client create"),
        ("db1", "raw", list, "PERMISSION_DENIED", "not an account's"),
        ("db1", "raw", health, "PERMISSION_DENIED", "not an account's"),
        ("noc", "raw-stream", session, "UNAUTHENTICATED", "not a node's"),
    ] {
        let refused = hospital.call(who, &[how, path]);
        println!("{who} {path}: {refused}");
        assert_eq!(refused["code"], code, "{who} {path}: {refused}");
        assert!(refused["message"].as_str().unwrap().contains(words), "{refused}");
    }

    let serial = hospital.serial("noc");
    let revoke = ["client", "revoke", &serial, "--reason", "lost", "--yes"];
    for (name, change, words) in [
        ("noc", &revoke[..], "revoked"),
        ("duty", &["user", "disable", "duty"][..], "disabled"),
        ("eyes", &["user", "remove", "eyes", "--yes"][..], "revoked"),
    ] {
        let streams = ["watch", "watch-health"].map(|what| {
            let stream = hospital.stream(name, &[what, "0"]);
            stream.news();
            stream
        });
        hospital.collector.done(change);
        #[allow(clippy::disallowed_methods, reason = "the guarantee is a span of real time")]
        let start = Instant::now();
        for stream in &streams {
            let end = stream.end();
            let after = start.elapsed();
            println!("{name}'s stream ended {} ms after the change: {end}", after.as_millis());
            assert_eq!(end["code"], "PERMISSION_DENIED");
            assert!(end["message"].as_str().unwrap().contains(words), "{end}");
            assert!(after < Duration::from_secs(1), "{after:?}");
        }
        let again = hospital.call(name, &["raw", list]);
        assert_eq!(again["code"], "PERMISSION_DENIED", "{again}");
    }
    hospital.collector.done(&["user", "enable", "duty"]);
    assert_eq!(hospital.call("duty", &["health"])["status"], "SERVING");
}
