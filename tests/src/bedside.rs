//! Around a lone collector: a person at its API, a shipped agent beside it.

use crate::load::api::Api;
use crate::lone::{Collector, join};
use crate::{binaries, wait};
use hyper::Method;
use serde_json::Value;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// A port that was free a moment ago.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// `kill -9` of a process that the tests started.
pub fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// A person at the REST API. A restart of the collector ends the session.
pub struct Rest {
    name: String,
    password: String,
    runtime: tokio::runtime::Runtime,
    api: Api,
}

impl Rest {
    /// Makes an account and signs it in.
    pub fn sign_in(collector: &Collector, name: &str, role: &str) -> Self {
        let password = collector.account(name, role);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let api = runtime.block_on(collector.session(name, &password)).unwrap();
        Self { name: name.to_owned(), password, runtime, api }
    }

    /// Signs in again.
    pub fn sign_in_again(&mut self, collector: &Collector) {
        let session = collector.session(&self.name, &self.password);
        self.api = self.runtime.block_on(session).unwrap();
    }

    /// GETs JSON.
    pub fn get(&mut self, path: &str) -> Value {
        self.runtime.block_on(self.api.get(path)).unwrap()
    }

    /// GETs JSON; an error when the connection was closed meanwhile or the session ended.
    pub fn try_get(&mut self, path: &str) -> anyhow::Result<Value> {
        self.runtime.block_on(self.api.get(path))
    }

    /// POSTs JSON.
    pub fn post(&mut self, path: &str, body: &Value) -> Value {
        self.runtime.block_on(self.api.call(Method::POST, path, body.to_string())).unwrap()
    }

    /// POSTs JSON; an error when it is refused.
    pub fn try_post(&mut self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.runtime.block_on(self.api.call(Method::POST, path, body.to_string()))
    }

    /// PUTs JSON.
    pub fn put(&mut self, path: &str, body: &Value) -> Value {
        self.runtime.block_on(self.api.call(Method::PUT, path, body.to_string())).unwrap()
    }

    /// DELETEs.
    pub fn delete(&mut self, path: &str) -> Value {
        self.runtime.block_on(self.api.call(Method::DELETE, path, String::new())).unwrap()
    }

    /// The sum of a family's values in `/metrics`.
    pub fn metric(&mut self, name: &str) -> f64 {
        self.runtime.block_on(self.api.metric(name)).unwrap()
    }

    /// The incident of this cause on this device, once it is there.
    pub fn incident(&mut self, cause: &str, device: &str) -> Value {
        wait::until(&format!("{cause} on {device}"), Duration::from_secs(60), || {
            let page = self.get(&format!("/api/v1/incidents?cause={cause}"));
            let all = page["incidents"].as_array().unwrap();
            all.iter().find(|i| i["subject"]["device"] == device).cloned()
        })
    }

    /// States of an incident's deliveries, as `transition/state`.
    pub fn deliveries(&mut self, incident: &Value) -> Vec<Value> {
        let id = incident["id"].as_str().unwrap();
        self.get(&format!("/api/v1/incidents/{id}/deliveries"))["deliveries"]
            .as_array()
            .unwrap()
            .clone()
    }
}

/// A running agent; dropping it kills it by pid.
pub struct Agent(Child);

impl Agent {
    /// Joins a node and runs it with `more` configuration; its folder is `dir`.
    pub fn start(collector: &Collector, node: &str, more: &str, dir: &Path) -> Self {
        Self::start_under(collector, node, more, dir, Vec::new())
    }

    /// The same with these variables in its environment; it works in its folder.
    pub fn start_under(
        collector: &Collector,
        node: &str,
        more: &str,
        dir: &Path,
        environment: Vec<(String, String)>,
    ) -> Self {
        let data = dir.join(node);
        join(&collector.agents, &collector.token(node, "1h"), &data).unwrap();
        let config = data.join("agent.toml");
        let address = &collector.agents;
        let text = format!("data_dir = {data:?}\n[collector]\naddress = \"{address}\"\n{more}");
        std::fs::write(&config, text).unwrap();
        let log = File::create(data.join("log")).unwrap();
        let mut command = Command::new(binaries::folder().join("wardround-agent"));
        command.arg("--config").arg(&config).arg("run").stderr(log);
        Self(command.current_dir(&data).envs(environment).spawn().unwrap())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
