//! A real Prometheus takes the collector for its Alertmanager, and amtool reads it.

use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::bedside::{Rest, free_address};
use tests::lone::Collector;
use tests::wait;

/// A Prometheus that sends its one alert to the collector; dropping it kills it by pid.
struct Prometheus(Child);

impl Prometheus {
    fn start(dir: &Path, collector: &Collector, password: &str) -> Self {
        let ca = collector.data().join("ca.crt");
        let config = dir.join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{:?}]
alerting:
  alertmanagers:
  - scheme: https
    path_prefix: /alertmanager
    basic_auth: {{username: prometheus, password: {password:?}}}
    tls_config: {{ca_file: {ca:?}, server_name: localhost}}
    static_configs: [{{targets: [{:?}]}}]
",
            dir.join("rules.yml"),
            collector.api.to_string(),
        );
        std::fs::write(&config, text).unwrap();
        let data = dir.join("prometheus");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={}", free_address()))
            .arg("--rules.alert.resend-delay=1s")
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.join("prometheus.log")).unwrap())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn reload(&self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn rules(dir: &Path, expression: &str) {
    let text = format!(
        "groups:
- name: ups
  rules:
  - alert: UpsOnBattery
    expr: {expression}
    labels: {{severity: critical}}
    annotations: {{summary: 机房 UPS 转电池供电}}
"
    );
    std::fs::write(dir.join("rules.yml"), text).unwrap();
}

fn amtool(dir: &Path, collector: &Collector, password: &str, args: &[&str]) -> Value {
    let config = dir.join("amtool.yml");
    let ca = collector.data().join("ca.crt");
    let text = format!(
        "basic_auth: {{username: prometheus, password: {password:?}}}\ntls_config: {{ca_file: {ca:?}, server_name: localhost}}\n"
    );
    std::fs::write(&config, text).unwrap();
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).unwrap();
    let output = Command::new("amtool")
        .arg(format!("--alertmanager.url=https://{}/alertmanager", collector.api))
        .arg(format!("--http.config.file={}", config.display()))
        .args(args)
        .args(["-o", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Scenario: Prometheus 2.42 with one alert fires, is killed, started again, and its alert ends; amtool lists alerts and silences
/// meanwhile. Guarantees: one incident of the contract's level with the alert's words; a dead source is unknown, never over; only its
/// own word clears it, and a person resolves it; amtool sees what is open, by its filters, and what is silenced.
#[test]
fn prometheus_sends_and_amtool_reads() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start();
    let password = collector.account("prometheus", "engineer");
    let mut rest = Rest::sign_in(&collector, "li", "engineer");
    rules(dir.path(), "vector(1)");
    let prometheus = Prometheus::start(dir.path(), &collector, &password);
    let mut until = |what: &str, is: &dyn Fn(&Value) -> bool| {
        wait::until(what, Duration::from_secs(60), || {
            let page = rest.get("/api/v1/incidents?cause=foreign.alert");
            let all = page["incidents"].as_array().unwrap();
            assert!(all.len() < 2, "{all:#?}");
            all.first().filter(|i| is(i)).cloned()
        })
    };
    let opened = until("the alert", &|i| i["condition"] == "breached");
    assert_eq!((&opened["level"], &opened["state"]), (&json!(2), &json!("open")));
    assert_eq!(opened["subject"]["alertname"], "UpsOnBattery");
    assert!(opened["notes"][0]["text"].as_str().unwrap().contains("UPS 转电池供电"), "{opened}");
    let asked = |args: &[&str]| amtool(dir.path(), &collector, &password, args);
    let listed = asked(&["alert", "query"]);
    assert_eq!(listed[0]["labels"]["incident"], opened["id"]);
    assert_eq!(asked(&["alert", "query", "severity=critical"]).as_array().unwrap().len(), 1);
    assert!(asked(&["alert", "query", "severity=warning"]).as_array().unwrap().is_empty());

    drop(prometheus);
    until("the source to be silent", &|i| i["condition"] == "unknown");
    let prometheus = Prometheus::start(dir.path(), &collector, &password);
    until("the source again", &|i| i["condition"] == "breached");
    rules(dir.path(), "vector(0) > 0");
    prometheus.reload();
    let over = until("the alert to end", &|i| i["condition"] == "clear");
    assert_eq!(over["state"], "open", "a person has to say what was done");

    let id = over["id"].as_str().unwrap();
    let silence = json!({
        "matchers": [{"name": "alertname", "values": ["foreign.alert"]}], "reason": "UPS works", "duration_seconds": 600,
    });
    rest.post("/api/v1/silences", &silence);
    let silences = asked(&["silence", "query"]);
    assert_eq!(
        (&silences[0]["comment"], &silences[0]["createdBy"]),
        (&json!("UPS works"), &json!("li"))
    );
    assert_eq!(asked(&["alert", "query", "--silenced"])[0]["status"]["state"], "suppressed");
    for (act, body) in [
        ("acknowledge", json!({})),
        ("resolve", json!({"fix": "mains are back"})),
        ("verify", json!({})),
    ] {
        rest.post(&format!("/api/v1/incidents/{id}/{act}"), &body);
    }
    wait::until("the watch", Duration::from_secs(30), || {
        (rest.get(&format!("/api/v1/incidents/{id}"))["state"] == "watching").then_some(())
    });
    println!(
        "{}",
        std::fs::read_to_string(dir.path().join("prometheus.log"))
            .unwrap()
            .lines()
            .last()
            .unwrap_or_default()
    );
}

/// Scenario: the built-in pack is exported with a contract of its own. Guarantees: promtool takes every rule of it.
#[test]
fn promtool_takes_the_exported_rules() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("collector.toml");
    std::fs::write(&config, "[contract]\nstandby_lag_max = \"45s\"\n").unwrap();
    let exported = Command::new(tests::binaries::folder().join("wardround-collector"))
        .arg("--config")
        .arg(&config)
        .args(["rules", "export", "--format", "prometheus"])
        .output()
        .unwrap();
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let text = String::from_utf8(exported.stdout).unwrap();
    let rules = text.matches("- alert: ").count();
    let file = dir.path().join("wardround.rules.yml");
    std::fs::write(&file, &text).unwrap();
    let checked = Command::new("promtool").args(["check", "rules"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout) + String::from_utf8_lossy(&checked.stderr);
    println!("{said}");
    assert!(checked.status.success(), "{said}");
    assert!(said.contains(&format!("{rules} rules found")), "{said}");
}
