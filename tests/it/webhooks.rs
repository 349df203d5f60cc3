//! Notifications against receivers that are well, ill, slow or unwilling.

use collector_notify::signature;
use serde_json::{Value, json};
use shared_runtime::Secret;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tests::bedside::{Agent, Rest};
use tests::load::fabric::Fabric;
use tests::lone::Collector;
use tests::sink::{Answer, Sink};
use tests::wait;

/// The secret of every test receiver.
pub(crate) const SECRET: &str = "a secret of the test";

/// `[[webhook]]` of a receiver at `address`; its secret is written below `dir`.
pub(crate) fn webhook(name: &str, address: &str, more: &str, dir: &Path) -> String {
    let secret = dir.join(format!("{name}.secret"));
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!(
        "[[webhook]]\nname = \"{name}\"\nurl = \"http://{address}/hook?x=1\"\nsecret_file = {secret:?}\n{more}"
    )
}

/// An agent whose only probe reads `fabric`.
pub(crate) fn agent(collector: &Collector, root: &Path, dir: &Path) -> Agent {
    Agent::start(
        collector,
        "db1",
        &format!(
            "[probe.infiniband]\nroot = {root:?}\n{}",
            tests::probes::off_but(&["infiniband"])
        ),
        dir,
    )
}

/// Waits until no delivery of the incident is pending; all of them.
pub(crate) fn settled(rest: &mut Rest, incident: &Value) -> Vec<Value> {
    wait::until("the deliveries to be done", Duration::from_secs(60), || {
        let all = rest.deliveries(incident);
        let pending = all.is_empty() || all.iter().any(|d| d["state"] == "pending");
        (!pending).then_some(all)
    })
}

/// Scenario: a receiver that answers with errors, asks for patience, hangs, refuses; another that wants level 1 only; a test
/// message. Guarantees: each transition is repeated under one key and with one body until it is taken, refusals are final and
/// noted with their status, signatures hold, a level that nobody asked for is not told, and the metrics say all of it.
#[test]
fn messages_are_repeated_until_taken_or_refused() {
    let (dir, sink, pager) = (tempfile::tempdir().unwrap(), Sink::start(), Sink::start());
    let at = |sink: &Sink| sink.address.to_string();
    let mut config = webhook("noc", &at(&sink), "timeout = \"1s\"\n", dir.path());
    config += &webhook("pager", &at(&pager), "levels = [1]\n", dir.path());
    let collector = Collector::start_with(&config);
    let mut rest = Rest::sign_in(&collector, "zhang", "engineer");
    let root = dir.path().join("fabric");
    let fabric = Fabric::create(&root, 4).unwrap();
    let _agent = agent(&collector, &root, dir.path());

    sink.answer([Answer::Status(503, ""), Answer::Status(429, "retry-after: 1\r\n"), Answer::Hang]);
    fabric.break_link(0).unwrap();
    let first = rest.incident("ib.port_down", "mlx5_0");
    let told = settled(&mut rest, &first);
    println!("{}", json!(told));
    assert_eq!((&told[0]["state"], &told[0]["status"]), (&json!("told"), &json!(200)));
    assert_eq!((&told[0]["attempts"], told.len()), (&json!(3), 1));
    let tries = sink.received();
    let distinct: BTreeSet<_> = tries.iter().map(|m| (m.key(), m.body.clone())).collect();
    assert_eq!((tries.len(), distinct.len()), (4, 1), "one key and one body for all tries");
    assert_eq!(told[0]["key"], tries[0].key());

    for message in &tries {
        let stamp = &message.headers["x-wardround-timestamp"];
        let expected = signature(&Secret::new(SECRET.to_owned()), stamp, &message.body);
        assert_eq!(message.headers["x-wardround-signature"], expected);
    }
    let body = tries[0].json();
    assert_eq!((&body["version"], &body["status"]), (&json!("4"), &json!("firing")));
    assert_eq!(body["commonLabels"]["incident"], first["id"]);

    sink.answer([Answer::Status(404, "")]);
    fabric.break_link(1).unwrap();
    let second = rest.incident("ib.port_down", "mlx5_1");
    let refused = settled(&mut rest, &second);
    assert_eq!((&refused[0]["state"], &refused[0]["status"]), (&json!("refused"), &json!(404)));
    assert!(refused[0]["why"].as_str().unwrap().contains("404"), "{}", refused[0]);

    let test = collector.command(&["webhook", "test", "pager"]);
    assert!(test.status.success(), "{}", String::from_utf8_lossy(&test.stderr));
    let [message] = &pager.received()[..] else { panic!("the pager wants level 1 only") };
    assert_eq!(message.label("alertname"), "wardround.test");
    let unknown = collector.command(&["webhook", "test", "nco"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("known: noc, pager"));

    let counted = ["wardround_notifications_pending", "wardround_notifications_total"];
    // Nothing waits; told once, refused once, repeated three times.
    assert_eq!(counted.map(|name| rest.metric(name).to_string()), ["0", "5"]);
}

/// Scenario: a file with every fault a receiver can have. Guarantees: all of them at once, each with its path.
#[test]
fn faults_of_receivers_are_reported_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let good = webhook("noc", "127.0.0.1:9", "", dir.path());
    let open = dir.path().join("open.secret");
    std::fs::write(&open, "x\n").unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    let config = dir.path().join("collector.toml");
    let text = format!(
        "{good}{good}[[webhook]]\nname = \"A B\"\nurl = \"ftp://x/\"\nsecret_file = {open:?}\nlevels = [0, 5]\ntimeout = \"2m\"\n\
         [[webhook]]\nname = \"tls\"\nurl = \"https://x/\"\nsecret_file = \"/nonexistent\"\nca_file = \"/nonexistent\"\nlevels = []\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut command =
        std::process::Command::new(tests::binaries::folder().join("wardround-collector"));
    let output = command.arg("--config").arg(&config).arg("check-config").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    for words in [
        "webhook[1].name: 'noc' is declared twice",
        "webhook[2].name: ",
        "webhook[2].url: ",
        "webhook[2].secret_file: ",
        "chmod 0600",
        "webhook[2].levels: 0 is not a level",
        "webhook[2].levels: 5 is not a level",
        "webhook[2].timeout: ",
        "webhook[3].secret_file: ",
        "webhook[3].levels: ",
    ] {
        assert!(said.contains(words), "'{words}' is missing in\n{said}");
    }
}
