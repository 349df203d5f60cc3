//! The usual stack in the same four situations: Debian's Prometheus and Alertmanager, on loopback with folders of their own.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tests::bedside::{free_address, kill};
use tests::load::http::Http;
use tests::load::process::Process;
use tests::sink::Sink;
use tests::wait;

const PROMETHEUS: &str = "/usr/bin/prometheus";
const ALERTMANAGER: &str = "/usr/bin/prometheus-alertmanager";
/// For states that the peers reach within seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a repetition is waited for: group_wait is one second, Prometheus evaluates each second.
const REPEATED_WITHIN: Duration = Duration::from_secs(15);

const RULES: &str = "
groups:
- name: links
  rules:
  - {alert: Held, expr: 'link_up == 0', keep_firing_for: 10m}
  - {alert: Pending, expr: 'link_degraded == 1', for: 5m}
  - {alert: Told, expr: 'link_lost == 1'}
";

/// What became of the four situations, in words.
pub(super) struct Outcome {
    pub(super) held: String,
    pub(super) pending: String,
    pub(super) silence: String,
    pub(super) told: String,
    /// A message of Alertmanager's, for its fields.
    pub(super) message: Value,
}

/// Prometheus, Alertmanager, what they read and whom they tell.
struct Peers {
    dir: tempfile::TempDir,
    exporter: Exporter,
    sink: Sink,
    prometheus: SocketAddr,
    alertmanager: SocketAddr,
    running: Vec<Process>,
    runtime: tokio::runtime::Runtime,
}

/// Brings the peers into the four situations, kills both, starts both, and looks.
pub(super) fn run() -> Outcome {
    let mut peers = Peers::start();
    peers.exporter.set("link_up 0\nlink_degraded 1\nlink_lost 1\n");
    for alert in ["Held", "Told"] {
        peers.wait_told(alert);
    }
    peers.exporter.set("link_up 1\nlink_degraded 1\nlink_lost 1\n");
    wait::until("the held alert to outlive its expression", PATIENCE, || {
        let up = peers.get(peers.prometheus, "/api/v1/query?query=link_up");
        let is_up = up.pointer("/data/result/0/value/1").is_some_and(|v| v == "1");
        (is_up && peers.alert("Held").is_some_and(|a| a["state"] == "firing")).then_some(())
    });
    let before = wait::until("the pending alert to be some seconds old", PATIENCE, || {
        let old = peers.get(
            peers.prometheus,
            "/api/v1/query?query=time()-ALERTS_FOR_STATE%7Balertname=%22Pending%22%7D",
        );
        let age = old.pointer("/data/result/0/value/1").and_then(Value::as_str)?;
        (age.parse::<f64>().ok()? >= super::PENDING_SECS).then(|| peers.active_at("Pending"))?
    });
    let told_before = peers.count("Told");
    let silence = peers.silence();
    peers.kill_all();
    peers.start_all();
    let after =
        wait::until("the pending alert after the restart", PATIENCE, || peers.active_at("Pending"));
    let held = match peers.alert("Held") {
        Some(alert) => format!("{} after the restart", alert["state"]),
        None => "gone after the restart".to_owned(),
    };
    let silences = peers.get(peers.alertmanager, "/api/v2/silences");
    let kept = silences.as_array().unwrap().iter().any(|s| s["id"] == silence["silenceID"]);
    let repeated = wait::passes(REPEATED_WITHIN, || peers.count("Told") > told_before);
    let message = peers.sink.received()[0].json();
    Outcome {
        held,
        pending: if before == after {
            "restored".to_owned()
        } else {
            format!("begun anew: active since {before}, then {after}")
        },
        silence: if kept { "kept" } else { "lost" }.to_owned(),
        told: match repeated {
            true => format!("told again: {} message(s), then {}", told_before, peers.count("Told")),
            false => format!("not told again within {} s", REPEATED_WITHIN.as_secs()),
        },
        message,
    }
}

impl Peers {
    fn start() -> Self {
        let (dir, exporter, sink) =
            (tempfile::tempdir().unwrap(), Exporter::start(), Sink::start());
        let (prometheus, alertmanager) = (free_address(), free_address());
        let write = |name: &str, text: String| std::fs::write(dir.path().join(name), text).unwrap();
        write("rules.yml", RULES.to_owned());
        write(
            "prometheus.yml",
            format!(
                "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\n\
                 scrape_configs: [{{job_name: links, static_configs: [{{targets: ['{}']}}]}}]\n\
                 alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}\n",
                dir.path().join("rules.yml").display(),
                exporter.address
            ),
        );
        write(
            "alertmanager.yml",
            format!(
                "route: {{receiver: sink, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 4h}}\n\
                 receivers: [{{name: sink, webhook_configs: [{{url: 'http://{}/'}}]}}]\n",
                sink.address
            ),
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let running = Vec::new();
        let mut peers = Self { dir, exporter, sink, prometheus, alertmanager, running, runtime };
        peers.start_all();
        peers
    }

    fn start_all(&mut self) {
        let dir = self.dir.path();
        let file = |name: &str| dir.join(name).display().to_string();
        let alertmanager = [
            format!("--config.file={}", file("alertmanager.yml")),
            format!("--storage.path={}", file("alertmanager")),
            format!("--web.listen-address={}", self.alertmanager),
            "--cluster.listen-address=".to_owned(),
        ];
        let prometheus = [
            format!("--config.file={}", file("prometheus.yml")),
            format!("--storage.tsdb.path={}", file("prometheus")),
            format!("--web.listen-address={}", self.prometheus),
        ];
        self.running = vec![
            Process::start("alertmanager", Path::new(ALERTMANAGER), alertmanager, dir).unwrap(),
            Process::start("prometheus", Path::new(PROMETHEUS), prometheus, dir).unwrap(),
        ];
        for address in [self.alertmanager, self.prometheus] {
            wait::until("a peer to be ready", PATIENCE, || self.try_get(address, "/-/ready"));
        }
    }

    /// Both at once, as when their machine loses power.
    fn kill_all(&mut self) {
        self.running.iter().for_each(|process| kill(process.pid()));
        self.running.clear();
    }

    /// A silence over an alert that has not fired yet.
    fn silence(&mut self) -> Value {
        let [start, end] = ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"];
        let body = json!({
            "matchers": [{"name": "alertname", "value": "Pending", "isRegex": false, "isEqual": true}],
            "startsAt": start, "endsAt": end, "createdBy": "zhang", "comment": "maintenance",
        });
        let headers = [("content-type", "application/json")];
        let answer = self.runtime.block_on(async {
            let mut http = Http::plain(self.alertmanager).await?;
            http.call(hyper::Method::POST, "/api/v2/silences", &headers, body.to_string()).await
        });
        serde_json::from_slice(&answer.unwrap()).unwrap()
    }

    fn try_get(&self, address: SocketAddr, path: &str) -> Option<Vec<u8>> {
        let get = async { Http::plain(address).await?.get(path).await };
        self.runtime.block_on(get).ok().map(|body| body.to_vec())
    }

    fn get(&self, address: SocketAddr, path: &str) -> Value {
        serde_json::from_slice(&self.try_get(address, path).unwrap()).unwrap()
    }

    fn alert(&self, name: &str) -> Option<Value> {
        let alerts = self.get(self.prometheus, "/api/v1/alerts");
        let mut alerts = alerts["data"]["alerts"].as_array()?.iter();
        alerts.find(|a| a["labels"]["alertname"] == name).cloned()
    }

    fn active_at(&self, name: &str) -> Option<String> {
        Some(self.alert(name)?["activeAt"].as_str()?.to_owned())
    }

    fn count(&self, alert: &str) -> usize {
        let firing = |m: &tests::sink::Message| {
            m.json()["status"] == "firing" && m.label("alertname") == alert
        };
        self.sink.received().iter().filter(|m| firing(m)).count()
    }

    fn wait_told(&self, alert: &str) {
        wait::until(&format!("Alertmanager to tell of {alert}"), PATIENCE, || {
            (self.count(alert) > 0).then_some(())
        });
    }
}

/// Serves a text as metrics.
struct Exporter {
    address: SocketAddr,
    text: Arc<Mutex<String>>,
}

impl Exporter {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let text = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&text);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let text = shared.lock().unwrap().clone();
                // A scraper that was killed hears nothing.
                drop(stream.read(&mut [0; 4096]));
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                    text.len()
                );
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        Self { address, text }
    }

    fn set(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap());
    }
}
