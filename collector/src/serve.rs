//! `serve`: wires the rooms together and runs until a signal.

use crate::admin::{Admin, STAGING};
use crate::archive::ClosedArchive;
use crate::audit::AuditTrail;
use crate::checkpoints::Checkpoints;
use crate::config::Config;
use crate::desk::CollectorDesk;
use crate::engine::{self, CollectorRegistrar, Command, Settings};
use crate::notifier::Notifier;
use anyhow::{Context, anyhow};
use collector_api::{Caller, Desk};
use collector_domain::Auditor;
use collector_ingest::{
    Admissions, Drain, EnrollmentService, NodeLimits, Peer, Port, Registrar, SessionOptions,
    SessionService,
};
use collector_store::backup::Cut;
use shared_model::Clock;
use shared_runtime::SystemClock;
use shared_runtime::tls::{Authority, api_server_config, server_config};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Records between sessions and the engine: half a second of 10 000 agents, and at most some 64 MiB since a record's
/// body is bounded. A full queue makes the sessions wait, and through them the agents, whose spools hold the data.
const INBOUND_QUEUE: usize = 4096;
/// Acts are few; a person whose act waits behind this many others is told to try again by the API's own limits.
const COMMAND_QUEUE: usize = 64;
/// The collector's own certificate; made anew at every start.
const SERVER_CERTIFICATE_DAYS: u32 = 397;
/// How long open HTTP requests may take to end after a signal.
const DRAIN: Duration = Duration::from_secs(10);
/// How long the agents may take to finish what is on the way; what they have not by then they send again.
const AGENTS_LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// Runs the collector.
pub(crate) fn run(config: &Config) -> anyhow::Result<()> {
    let level = config.log.level.as_deref().unwrap_or("info");
    shared_runtime::telemetry::init(level, config.log.format)?;
    let data = config.data_dir();
    DirBuilder::new().recursive(true).mode(0o700).create(&data).with_context(|| {
        format!("make the data folder {}: name another with data_dir", data.display())
    })?;
    Cut::discard(&data.join(STAGING)).context("remove what an interrupted backup left")?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start the network threads")?;
    let (trail, audit_thread) = AuditTrail::start(&data.join("audit"), Arc::clone(&clock))?;
    let settings = Settings::open(&data.join("settings"), &config.settings_key())?;
    let engine = engine::open(config, settings.clone(), Arc::clone(&clock), boot_id()?)?;
    let pack = collector_standards::Pack::builtin().context("the built-in pack")?;
    let (archive, archive_thread) =
        ClosedArchive::start(&data.join("ledger"), &data.join("closed"), pack.rules())?;
    let (inbound, from_sessions) = mpsc::channel(INBOUND_QUEUE);
    let (commands, from_people) = mpsc::channel(COMMAND_QUEUE);
    let desk = CollectorDesk {
        hospital: config.hospital(),
        identity: config.identity.clone(),
        published: engine.published(),
        commands: commands.clone(),
        settings: settings.clone(),
        series: engine.series(),
        rules: pack.rules().into(),
        clock: Arc::clone(&clock),
        audit: Arc::clone(&trail),
        archive: Arc::clone(&archive),
        admissions: None,
        checkpoints: Checkpoints {
            identity: config.identity.clone(),
            commands: commands.clone(),
            settings: settings.clone(),
            clock: Arc::clone(&clock),
            dir: data.join("checkpoints"),
        },
        ledger: data.join("ledger"),
    };
    let engine = std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || run_engine(engine, from_sessions, from_people))
        .context("start the engine's thread")?;
    let served = runtime.block_on(serve(config, clock, settings, desk, inbound, commands.clone()));
    // The engine writes its state last, after the ports are closed. It may have stopped by itself already.
    drop(runtime.block_on(commands.send(Command::Stop)));
    runtime.block_on(trail.stop());
    archive.stop();
    runtime.shutdown_timeout(DRAIN);
    let audited = audit_thread.join().map_err(|_| anyhow!("the audit log's thread panicked"))?;
    archive_thread.join().map_err(|_| anyhow!("the archive's thread panicked"))?;
    let ended = engine.join().map_err(|_| anyhow!("the engine panicked; see the log"))?;
    ended.context("the engine stopped")?;
    audited.context("the audit log stopped")?;
    served
}

fn run_engine(
    engine: engine::Engine,
    inbound: mpsc::Receiver<collector_ingest::Inbound>,
    commands: mpsc::Receiver<Command>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .context("start the engine's runtime")?;
    runtime.block_on(engine.run(inbound, commands)).inspect_err(|error| {
        tracing::error!(error = format!("{error:#}"), "the engine stopped");
    })
}

async fn serve(
    config: &Config,
    clock: Arc<dyn Clock>,
    settings: Settings,
    mut desk: CollectorDesk,
    inbound: mpsc::Sender<collector_ingest::Inbound>,
    commands: mpsc::Sender<Command>,
) -> anyhow::Result<()> {
    // Before anyone is told that it listens, so that whoever ends it then ends it in order.
    let mut signals = Signals::watch()?;
    let data = config.data_dir();
    let trail = Arc::clone(&desk.audit);
    let auditor: Arc<dyn Auditor> = Arc::clone(&trail) as _;
    let (authority, agents_tls, api_tls) = certificates(config, &data, &*clock)?;
    let agents = bind("agents.listen", config.agents.listen).await?;
    let people = bind("api.listen", config.api.listen).await?;
    let listener = Admin::bind(&data)?;
    let queue = inbound.downgrade();
    let listening = (agents.local_addr()?, people.local_addr()?);
    write_ports(&data, listening)?;

    let notifier = Arc::new(Notifier::open(config, listening.1.port(), Arc::clone(&clock))?);
    let admissions = Arc::new(Admissions::new(Arc::clone(&auditor), Arc::clone(&clock)));
    desk.admissions = Some(Arc::clone(&admissions));
    let registrar: Arc<dyn Registrar> = Arc::new(CollectorRegistrar {
        settings: settings.clone(),
        authority: Arc::clone(&authority),
        clock: Arc::clone(&clock),
        certificate_life: config.agents.certificate_life.get(),
    });
    let enrollment = EnrollmentService::new(registrar, Arc::clone(&clock), Arc::clone(&admissions));
    let published = desk.published.clone();
    let checkpoints = desk.checkpoints.clone();
    let desk: Arc<dyn Desk> = Arc::new(desk);
    let (mut port, drain) =
        agents_port(config, agents, agents_tls, enrollment, inbound, admissions, &clock);
    port.router = port.router.merge(operations_centres(&desk, &clock).await?);
    let router =
        collector_api::router(desk, Arc::clone(&clock), &collector_api::Options::default())
            .context("prepare the API")?;
    let (stop, stopped) = watch::channel(false);
    let agents = tokio::spawn(collector_ingest::serve(port, until(stopped.clone())));
    let people = tokio::spawn(collector_api::serve(
        people,
        Arc::new(api_tls),
        router,
        until(stopped.clone()),
    ));
    let told = tokio::spawn(Arc::clone(&notifier).run(
        published.clone(),
        commands.clone(),
        stopped.clone(),
    ));
    let signed = tokio::spawn(checkpoints.clone().run(stopped));
    let admin = Admin {
        settings,
        authority,
        published,
        notifier,
        inbound: queue,
        auditor,
        trail: Arc::clone(&trail),
        commands: commands.clone(),
        checkpoints,
        data: data.clone(),
        clock,
    }
    .serve(listener);
    let admin = tokio::spawn(admin);
    tracing::info!(agents = %listening.0, people = %listening.1, data = %data.display(), "collector is running");

    let why = signals.received(&commands, &trail).await;
    tracing::info!(why, "stopping");
    stop.send_replace(true);
    admin.abort();
    leave(&drain).await;
    // A notification on its way is finished and its fate noted; one that is cut off is sent again under the same key.
    ended([("agents", agents), ("api", people), ("notifications", told), ("checkpoints", signed)])
        .await;
    Ok(())
}

/// Resolves when the services are to stop.
async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which ends the service as well.
    drop(stopped.wait_for(|stop| *stop).await);
}

/// The authority, and what the agents' and the people's port show of it.
fn certificates(
    config: &Config,
    data: &Path,
    clock: &dyn Clock,
) -> anyhow::Result<(Arc<Authority>, rustls::ServerConfig, rustls::ServerConfig)> {
    let authority =
        Arc::new(Authority::open(data, clock.wall()).context("open the certificate authority")?);
    let (issued, key) = authority
        .issue_server(&config.api.names, clock.wall(), SERVER_CERTIFICATE_DAYS)
        .context("issue the collector's certificate")?;
    let ca = authority.certificate_pem();
    let agents_tls = server_config(&issued.certificate_pem, &key, ca)?;
    let api_tls = api_server_config(&issued.certificate_pem, &key, ca)?;
    Ok((authority, agents_tls, api_tls))
}

/// The services of operations centres, which stand beside the agents' on one port.
async fn operations_centres(
    desk: &Arc<dyn Desk>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<axum::Router> {
    collector_api::noc_router(Arc::clone(desk), Arc::clone(clock), |extensions| {
        let Peer { address, certificate, .. } = extensions.get::<Peer>()?.clone();
        Some(Caller { address, certificate })
    })
    .await
    .context("prepare the services of operations centres")
}

/// Waits for services to end, but not for ever.
async fn ended<const N: usize>(services: [(&'static str, tokio::task::JoinHandle<()>); N]) {
    for (name, service) in services {
        if tokio::time::timeout(DRAIN, service).await.is_err() {
            tracing::warn!(name, "a service did not end within 10 s");
        }
    }
}

/// The agents' port, and the way to ask its sessions to end.
fn agents_port(
    config: &Config,
    listener: TcpListener,
    tls: rustls::ServerConfig,
    enrollment: EnrollmentService,
    engine: mpsc::Sender<collector_ingest::Inbound>,
    admissions: Arc<Admissions>,
    clock: &Arc<dyn Clock>,
) -> (Port, Drain) {
    let agents = &config.agents;
    let node =
        NodeLimits { series_max: agents.series_max, samples_per_second: agents.samples_per_second };
    let options = SessionOptions { node, reconnect_window: agents.reconnect_window.get() };
    let clock = Arc::clone(clock);
    let sessions =
        SessionService::new(engine, Arc::clone(&clock), Arc::clone(&admissions), options);
    let drain = sessions.drain();
    let port = Port {
        listener,
        tls: Arc::new(tls),
        router: collector_ingest::router(enrollment, sessions),
        admissions,
        clock,
        connections_per_address: agents.connections_per_address,
    };
    (port, drain)
}

/// Lets the agents finish: they know then that the collector comes back, and nothing they sent is sent twice.
async fn leave(drain: &Drain) {
    let left = drain.run(AGENTS_LEAVE_WITHIN).await;
    if left > 0 {
        tracing::warn!(sessions = left, "agents that had not finished send the rest again");
    }
}

async fn bind(key: &str, address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("listen on {address}: is another collector running? choose another with {key}")
    })
}

/// Where this run listens, for scripts that let the system choose a port by writing 0.
fn write_ports(
    data: &Path,
    (agents, people): (std::net::SocketAddr, std::net::SocketAddr),
) -> anyhow::Result<()> {
    let text = format!("agents={agents}\napi={people}\n");
    shared_runtime::replace_file(&data.join("listening"), text.as_bytes(), 0o644)
        .context("write the ports in use")
}

/// The signals that end it.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From here on they wait to be received.
    fn watch() -> anyhow::Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).context("watch for SIGINT")?;
        let terminate = signal(SignalKind::terminate()).context("watch for SIGTERM")?;
        Ok(Self { interrupt, terminate })
    }

    /// Why to stop, once there is a reason.
    async fn received(
        &mut self,
        commands: &mpsc::Sender<Command>,
        trail: &AuditTrail,
    ) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupted",
            _ = self.terminate.recv() => "terminated",
            () = commands.closed() => "the engine stopped",
            () = trail.closed() => "the audit log stopped",
        }
    }
}

fn boot_id() -> anyhow::Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    Ok(std::fs::read_to_string(path).with_context(|| format!("read {path}"))?.trim().to_owned())
}
