//! What `kill -9` and a restart leave of a firing state, a pending `for`, a fresh silence and a sent notification.

mod peers;

use crate::webhooks::{agent, settled, webhook};
use serde_json::{Value, json};
use shared_model::Clock;
use shared_runtime::SystemClock;
use std::collections::BTreeMap;
use std::time::Duration;
use tests::bedside::{Agent, Rest};
use tests::load::fabric::Fabric;
use tests::lone::Collector;
use tests::sink::{Answer, Sink};
use tests::wait;

/// Divides the standard's spans: `for: 30s` of a degraded link is 15 s here.
const TIME_SCALE: u32 = 2;
const DEGRADED_FOR: Duration = Duration::from_secs(30 / TIME_SCALE as u64);
/// How long the degraded link has been pending at least when the collector is killed.
const PENDING_SECS: f64 = 4.0;

/// A collector with a receiver, and a node with four InfiniBand ports.
struct Site {
    collector: Collector,
    sink: Sink,
    fabric: Fabric,
    rest: Rest,
    _agent: Agent,
    _dir: tempfile::TempDir,
}

impl Site {
    fn start() -> Self {
        let (dir, sink) = (tempfile::tempdir().unwrap(), Sink::start());
        let config = format!("[contract]\ntime_scale = {TIME_SCALE}\n");
        let config = config + &webhook("noc", &sink.address.to_string(), "", dir.path());
        let collector = Collector::start_with(&config);
        let root = dir.path().join("fabric");
        let fabric = Fabric::create(&root, 5).unwrap();
        let agent = agent(&collector, &root, dir.path());
        let rest = Rest::sign_in(&collector, "zhang", "engineer");
        Self { collector, sink, fabric, rest, _agent: agent, _dir: dir }
    }

    /// Starts the collector again, killing it if nobody did.
    fn restart(&mut self) {
        self.collector.kill();
        self.collector.restart();
        self.rest.sign_in_again(&self.collector);
    }

    /// How long the rate of a port has been below its usual one, by the samples that are stored, seconds.
    fn degraded_secs(&mut self, device: &str) -> f64 {
        let query = format!("node_infiniband_rate_bytes_per_second%7Bdevice=%22{device}%22%7D[1m]");
        let answer = self.rest.get(&format!("/prometheus/api/v1/query?query={query}"));
        let samples = answer["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
        let value = |s: &Value| s[1].as_str().unwrap().parse::<f64>().unwrap();
        let highest = samples.iter().map(value).fold(0.0, f64::max);
        let mut below = samples.iter().filter(|s| value(s) < highest);
        let first = below.next().and_then(|s| s[0].as_f64());
        let last = below.next_back().and_then(|s| s[0].as_f64());
        first.zip(last).map_or(0.0, |(first, last)| last - first)
    }
}

fn clock(incident: &Value, name: &str) -> f64 {
    let text = incident["clocks"][name].as_str().unwrap();
    text.parse::<shared_model::Timestamp>().unwrap().as_secs_f64()
}

/// Scenario: one link is down, told, and up again with nobody having responded; one has been degraded for less than its `for`;
/// a silence was granted a moment ago. The collector is killed and started. Then the silenced link goes down, the degraded one
/// becomes due, and the receiver kills the collector while it answers for a third.
/// Beside it, in the same situations as far as they have them, Prometheus and Alertmanager are killed and started.
/// Guarantees: the incident is held with its clocks; the pending `for` is not begun anew; the silence mutes; nothing is told
/// twice but the message whose sender died before it knew, and that one with the same key and body. What the peers lose is
/// printed. Our messages have exactly the fields and types of Alertmanager's.
#[test]
fn a_killed_collector_loses_nothing_and_repeats_nothing() {
    let peers = std::thread::spawn(peers::run);
    let ours = ours();
    let peers = peers.join().expect("the peers came into the four situations");
    let rows = [
        ("a firing state that is held", &peers.held, &ours.held),
        ("a pending `for`, some seconds old", &peers.pending, &ours.pending),
        ("a silence, a moment old", &peers.silence, &ours.silence),
        ("a notification that was sent", &peers.told, &ours.told),
        ("killed between the receiver's answer and the record", &"-".to_owned(), &ours.repeated),
    ];
    println!("| then kill -9 and restart | Prometheus + Alertmanager | Wardround |\n|---|---|---|");
    for (situation, theirs, ours) in rows {
        println!("| {situation} | {theirs} | {ours} |");
    }
    assert_eq!(shape(&ours.message), shape(&peers.message), "fields and types of the webhook");
}

/// What became of the situations with us, in words; every loss has failed by then.
struct Outcome {
    held: String,
    pending: String,
    silence: String,
    told: String,
    repeated: String,
    message: Value,
}

fn ours() -> Outcome {
    let mut site = Site::start();
    site.fabric.break_link(0).unwrap();
    let held = site.rest.incident("ib.port_down", "mlx5_0");
    settled(&mut site.rest, &held);
    site.fabric.mend_link(0).unwrap();
    let held = wait::until("the link to be clear", Duration::from_secs(30), || {
        let held = site.rest.incident("ib.port_down", "mlx5_0");
        (held["condition"] == "clear").then_some(held)
    });
    site.fabric.degrade(1).unwrap();
    wait::until("the degraded link to be pending", Duration::from_secs(30), || {
        (site.degraded_secs("mlx5_1") >= PENDING_SECS).then_some(())
    });
    let silence = site.rest.post(
        "/api/v1/silences",
        &json!({"matchers": [{"name": "device", "values": ["mlx5_2"]}], "reason": "维护", "duration_seconds": 600}),
    );
    let killed = SystemClock.wall().as_secs_f64();
    tests::bedside::kill(site.collector.pid());
    site.restart();

    let after = site.rest.incident("ib.port_down", "mlx5_0");
    assert_eq!(without_countdown(&after), without_countdown(&held), "the held incident");
    // From here on its response clock is of no interest.
    site.rest.post("/api/v1/incidents/1/acknowledge", &json!({}));
    assert_eq!(site.rest.get("/api/v1/silences")["silences"], json!([silence]));
    site.fabric.break_link(2).unwrap();
    let muted = site.rest.incident("ib.port_down", "mlx5_2");
    assert_eq!(muted["silences"], json!([silence["id"]]));
    let [muted] = &site.rest.deliveries(&muted)[..] else { panic!("one delivery") };
    assert_eq!(
        (&muted["state"], &muted["silences"]),
        (&json!("silenced"), &json!([silence["id"]]))
    );

    let degraded = site.rest.incident("ib.degraded_rate", "mlx5_1");
    let (occurred, detected) = (clock(&degraded, "occurred"), clock(&degraded, "detected"));
    let (limit, waited) = (DEGRADED_FOR.as_secs_f64(), detected - occurred);
    assert!(waited > limit - 1.5, "due after {limit} s, but decided after {waited} s");
    assert!(
        occurred < killed && detected < killed + limit - 1.0,
        "since {occurred}, decided at {detected}, killed at {killed}: the pending time was begun anew"
    );
    settled(&mut site.rest, &degraded);

    site.sink.answer([Answer::KillMidway(site.collector.pid())]);
    site.fabric.break_link(3).unwrap();
    wait::until("the receiver to have killed the collector", Duration::from_secs(30), || {
        site.collector.has_ended().then_some(())
    });
    site.restart();
    let repeated = site.rest.incident("ib.port_down", "mlx5_3");
    let repeated = settled(&mut site.rest, &repeated);

    let received = site.sink.received();
    let mut times: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for message in &received {
        times.entry(message.key()).or_default().push(message.body.clone());
    }
    println!("messages: {:?}", site.sink.told());
    let twice: Vec<_> = times.iter().filter(|(_, bodies)| bodies.len() > 1).collect();
    let [(key, bodies)] = &twice[..] else { panic!("{} keys came more than once", twice.len()) };
    assert_eq!((**key).as_str(), repeated[0]["key"].as_str().unwrap());
    assert_eq!((bodies.len(), &bodies[0]), (2, &bodies[1]), "the same body");
    assert_eq!((times.len(), received.len()), (3, 4), "held, degraded, and the repeated one");
    let verified = site.collector.command(&["ledger", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    Outcome {
        held: format!("{} is {} with the same clocks", held["id"], held["state"]),
        pending: format!("kept: due after {limit} s, incident after {waited:.1} s"),
        silence: "kept, and mutes".to_owned(),
        told: format!("not told again: {} keys, each once", times.len() - 1),
        repeated: format!("told again under the same key {key}"),
        message: received[0].json(),
    }
}

/// Names and types of a webhook's fields; labels and annotations are everybody's own.
fn shape(message: &Value) -> BTreeMap<String, &'static str> {
    let fields = |prefix: &str, value: &Value| -> Vec<(String, &'static str)> {
        let object = value.as_object().unwrap().iter();
        object.map(|(name, value)| (format!("{prefix}{name}"), kind(value))).collect()
    };
    fields("", message).into_iter().chain(fields("alerts[].", &message["alerts"][0])).collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(text) if text.parse::<shared_model::Timestamp>().is_ok() => "time",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// An incident without what counts down.
fn without_countdown(incident: &Value) -> Value {
    let mut incident = incident.clone();
    let clocks = incident["clocks"].as_object_mut().unwrap();
    clocks.retain(|name, _| !name.ends_with("_remaining_seconds"));
    incident
}
