//! What is measured, started on loopback: a collector, agents, and the servers beside which they are judged.

use super::api::Api;
use super::http::Http;
use super::process::{Process, run};
use anyhow::{Context, Result, bail};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For a server to answer after its start.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Time between two questions whether it does.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Samples a second of one node: the bench sends as fast as it is answered.
const RATE_MAX: u32 = u32::MAX;

/// A collector with a data folder and ports of its own.
pub struct Collector {
    /// The daemon.
    pub process: Process,
    /// Its port for agents.
    pub agents: SocketAddr,
    api: SocketAddr,
    binary: PathBuf,
    config: PathBuf,
    data: PathBuf,
}

impl Collector {
    /// Starts one under `dir` with the contract as it was signed (`time_scale` 1). `more` is the rest of its configuration.
    pub async fn start(binaries: &Path, more: &str, dir: &Path) -> Result<Self> {
        let (data, config) = (dir.join("collector"), dir.join("collector.toml"));
        let text = format!(
            "data_dir = {data:?}\n[agents]\nlisten = \"127.0.0.1:0\"\nsamples_per_second = {RATE_MAX}\n[api]\nlisten = \"127.0.0.1:0\"\n[log]\nlevel = \"warn\"\n{more}"
        );
        std::fs::write(&config, text)?;
        let binary = binaries.join("wardround-collector");
        let args = ["--config".as_ref(), config.as_os_str(), "serve".as_ref()];
        let mut process = Process::start("collector", &binary, args, dir)?;
        let listening = data.join("listening");
        let ports =
            until(&mut process, async || std::fs::read_to_string(&listening).map_err(Into::into))
                .await?;
        let port = |name: &str| {
            let line = ports.lines().find_map(|l| l.strip_prefix(name));
            line.and_then(|l| l.parse().ok())
                .with_context(|| format!("{} says no {name}", listening.display()))
        };
        let (agents, api) = (port("agents=")?, port("api=")?);
        Ok(Self { process, agents, api, binary, config, data })
    }

    /// Its command line.
    pub fn command(&self, args: &[&str]) -> Result<String> {
        let config = ["--config".as_ref(), self.config.as_os_str()];
        run(&self.binary, config.into_iter().chain(args.iter().map(AsRef::as_ref)))
    }

    /// A token for a node to join with.
    pub fn token(&self, node: &str) -> Result<String> {
        self.command(&["token", "create", "--node", node])
    }

    /// Makes an account that may read and logs it in.
    pub async fn reader(&self) -> Result<Api> {
        let password = self.command(&["user", "add", "bench", "--role", "viewer"])?;
        let ca = std::fs::read(self.data.join("ca.crt"))?;
        Api::login(self.api, &ca, "bench", &password).await
    }
}

/// Joins an agent called `name` and starts it; it then reaches the collector under `address`. `probes` is the rest of
/// its configuration.
pub fn start_agent(
    binaries: &Path,
    collector: &Collector,
    address: SocketAddr,
    name: &str,
    probes: &str,
    dir: &Path,
) -> Result<Process> {
    let (data, config) = (dir.join(name), dir.join(format!("{name}.toml")));
    std::fs::write(
        &config,
        format!(
            "data_dir = {data:?}\n[collector]\naddress = \"{address}\"\n{probes}[log]\nlevel = \"warn\"\n"
        ),
    )?;
    let binary = binaries.join("wardround-agent");
    let (token, address) = (collector.token(name)?, collector.agents.to_string());
    let config = ["--config".as_ref(), config.as_os_str()];
    let join = ["join", "--collector", &address, "--token", &token].map(AsRef::as_ref);
    run(&binary, config.into_iter().chain(join))?;
    Process::start(name, &binary, config.into_iter().chain(["run".as_ref()]), dir)
}

/// A server beside which ours is measured.
pub struct Peer {
    /// The daemon.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Peer {
    /// Starts `program`; `args` gets the address to listen on. Waits until `path` answers.
    pub async fn start(
        name: &str,
        program: &str,
        args: impl FnOnce(SocketAddr) -> Vec<String>,
        path: &str,
        dir: &Path,
    ) -> Result<Self> {
        let address = free_address()?;
        let mut process = Process::start(name, Path::new(program), args(address), dir)?;
        until(&mut process, async || Http::plain(address).await?.get(path).await.map(|_| ()))
            .await?;
        Ok(Self { process, address })
    }

    /// Debian's node_exporter with its default collectors unless `flags` say otherwise, without metrics of its own process.
    pub async fn node_exporter(flags: Vec<String>, dir: &Path) -> Result<Self> {
        let args = |address: SocketAddr| {
            let own = [
                "--web.disable-exporter-metrics".to_owned(),
                format!("--web.listen-address={address}"),
            ];
            own.into_iter().chain(flags).collect()
        };
        Self::start("node_exporter", "/usr/bin/prometheus-node-exporter", args, "/metrics", dir)
            .await
    }

    /// Debian's Prometheus with a configuration file, taking remote writes.
    pub async fn prometheus(config: &str, dir: &Path) -> Result<Self> {
        let file = dir.join("prometheus.yml");
        std::fs::write(&file, config)?;
        let data = dir.join("prometheus");
        let args = |address: SocketAddr| {
            vec![
                format!("--config.file={}", file.display()),
                format!("--storage.tsdb.path={}", data.display()),
                format!("--web.listen-address={address}"),
                "--web.enable-remote-write-receiver".to_owned(),
                "--log.level=warn".to_owned(),
            ]
        };
        Self::start("prometheus", "/usr/bin/prometheus", args, "/-/ready", dir).await
    }

    /// Debian's VictoriaMetrics.
    pub async fn victoria_metrics(dir: &Path) -> Result<Self> {
        let data = dir.join("victoria-metrics");
        let args = |address: SocketAddr| {
            vec![
                format!("-storageDataPath={}", data.display()),
                format!("-httpListenAddr={address}"),
                "-loggerLevel=WARN".to_owned(),
            ]
        };
        Self::start("victoria-metrics", "/usr/bin/victoria-metrics", args, "/health", dir).await
    }
}

/// Asks until there is an answer, as long as the program runs.
async fn until<T>(process: &mut Process, ask: impl AsyncFn() -> Result<T>) -> Result<T> {
    #[allow(
        clippy::disallowed_methods,
        reason = "the patience with a program that starts is real time"
    )]
    let start = Instant::now();
    loop {
        process.check()?;
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) if start.elapsed() > READY_WITHIN => {
                bail!("not ready within 30 s: {error:#}")
            }
            Err(_) => tokio::time::sleep(ASK_EVERY).await,
        }
    }
}

/// A port that was free a moment ago, for programs that cannot choose one themselves.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
