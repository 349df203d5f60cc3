//! `run`: wires the rooms together and runs until a signal.

use super::join::collector_address;
use super::{VERSION, block_on};
use crate::config::Config;
use crate::forwarder::{Forwarder, Known, Offer, Settled, Tell};
use crate::lanes::{FastLane, NetworkLane, STACK_BYTES, SlowLane, Ward};
use crate::own_metrics::{OwnMetrics, Status};
use crate::report::Reports;
use crate::{plan, renewal};
use agent_probe::Lane;
use agent_uplink::{Uplink, UplinkConfig};
use anyhow::{Context, bail};
use shared_model::{Clock, Event, EventContent};
use shared_runtime::telemetry::chain;
use shared_runtime::tls::{NodeCredentials, client_config};
use shared_runtime::{SystemClock, telemetry};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

pub(super) const HELP: &str = "\
Examples:
  wardround-agent run
  wardround-agent run --config /srv/agent.toml

Needs 'wardround-agent join' once before. While the collector cannot be reached,
readings are kept on disk and sent later.
Exit status: 0 stopped by SIGTERM or SIGINT, 1 could not start or go on, or could
not bring the spool to disk before it ended.";

/// After a signal the process ends within this time, whatever hangs: below the 2 s that operators are promised.
const STOP: Duration = Duration::from_millis(1_700);

/// How long a round under way may take to end after a signal; a round takes milliseconds. The rest of [`STOP`] is for
/// the uplink's goodbye (half a second) and for bringing the spool to disk.
const LAST_ROUND: Duration = Duration::from_millis(500);

/// Stack of the thread that talks to the collector and to databases. TLS, HTTP/2 and query plans are read there, as on a
/// main thread; untouched pages cost nothing.
const UPLINK_STACK_BYTES: usize = 2 << 20;

pub(super) fn run(config: &Config) -> anyhow::Result<()> {
    telemetry::init(&config.log.level, config.log.format)?;
    block_on(supervise(config.clone()))
}

/// Runs the agent on a thread of its own. This thread only waits, takes no lock and touches no file, so that it answers
/// a signal also while a disk hangs.
async fn supervise(config: Config) -> anyhow::Result<()> {
    // Before anything starts, so that a signal is never missed.
    let mut terminate = signal(SignalKind::terminate()).context("watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("watch for SIGINT")?;
    let (stop, stopped) = oneshot::channel::<()>();
    let (end, mut ended) = oneshot::channel();
    let work = move || drop(end.send(block_on(Box::pin(agent(config, stopped)))));
    let agent = std::thread::Builder::new().name("uplink".into()).stack_size(UPLINK_STACK_BYTES);
    agent.spawn(work).context("start the uplink's thread")?;
    let signal = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
        end = &mut ended => return end.context("the uplink's thread ended by a panic")?,
    };
    drop(stop);
    let end = tokio::time::timeout(STOP, ended).await;
    let end = end.context("the spool could not be brought to disk in time")?;
    end.context("the uplink's thread ended by a panic")??;
    tracing::info!(signal, "stopped");
    Ok(())
}

async fn agent(config: Config, stopped: oneshot::Receiver<()>) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let address = collector_address(&config)?;
    let (uplink, task) = start_uplink(&config, &address, &clock)?;
    let content = EventContent::AgentStarted { version: VERSION.into() };
    uplink.event(Event { at: clock.wall(), boot: clock.boot(), key: "".into(), content })?;
    let (stop_uplink, stop) = oneshot::channel::<()>();
    let mut sender = pin!(task.run(async move { drop(stop.await) }));
    let renewals = renewal::Renewal::new(
        address.clone(),
        config.data_dir(),
        uplink.clone(),
        Arc::clone(&clock),
    );
    let renewals = tokio::spawn(renewals.run()).abort_handle();
    let mut lanes = Lanes::start(&config, &uplink, &clock)?;
    tracing::info!(collector = %address, version = VERSION, "reading");

    tokio::select! {
        _ = stopped => {}
        () = &mut sender => bail!("the uplink ended on its own"),
        // It ends by itself only by a panic in a probe; a restart is better than a node without readings.
        _ = &mut lanes.fast_ended => bail!("the fast lane ended on its own"),
    }
    renewals.abort();
    lanes.stop().await;
    drop(stop_uplink);
    sender.await;
    Ok(())
}

fn start_uplink(
    config: &Config,
    address: &str,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<(Uplink, agent_uplink::UplinkTask)> {
    let data_dir = config.data_dir();
    let credentials = NodeCredentials::load(&data_dir)?;
    let identity = renewal::identity(&credentials)?;
    tracing::info!(node = %identity, "this node");
    let uplink = UplinkConfig {
        address: address.to_owned(),
        data_dir,
        identity,
        boot_id: agent_uplink::read_boot_id().context("read the kernel's boot id")?,
        limits: config.spool_limits(),
        agent_version: VERSION.to_owned(),
    };
    let tls = Arc::new(client_config(&credentials)?);
    Ok(agent_uplink::start(uplink, tls, Arc::clone(clock))?)
}

/// Every lane that runs.
struct Lanes {
    /// Dropped to stop the fast lane.
    stop_fast: SyncSender<()>,
    /// Ready when the fast lane has ended.
    fast_ended: oneshot::Receiver<()>,
    tasks: Vec<AbortHandle>,
    forwarder: Arc<Forwarder>,
}

impl Lanes {
    fn start(config: &Config, uplink: &Uplink, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let (offering, knowing, telling) = (uplink.clone(), uplink.clone(), uplink.clone());
        let noting = uplink.clone();
        let offer: Offer = Box::new(move |catalog, batch| {
            offering.offer(catalog, batch).map(drop).map_err(|error| chain(&error))
        });
        let settling = uplink.clone();
        let known: Known = Box::new(move || knowing.catalog());
        let settled: Settled = Box::new(move || settling.is_settled());
        let status: Status = Box::new(move || telling.status());
        let tell: Tell =
            Box::new(move |event| noting.event(event).map(drop).map_err(|error| chain(&error)));
        let forwarder = Arc::new(Forwarder::new(offer, (known, settled), tell, Arc::clone(clock)));
        let ward = Ward { forwarder: Arc::clone(&forwarder), clock: Arc::clone(clock) };

        let probes = plan::host_probes(config, None, clock);
        let is_fast = |lane| lane == Lane::Fast;
        let (fast, slow): (Vec<_>, Vec<_>) =
            probes.into_iter().partition(|planned| is_fast(planned.probe.spec().lane));
        let (mut tasks, mut reports) = (Vec::new(), Reports::default());
        for planned in slow {
            let lane = SlowLane::new(ward.clone(), &mut reports, planned);
            lane.start().context("start a probe's thread")?;
        }
        for planned in plan::network_probes(config, clock, true) {
            let lane = NetworkLane::new(ward.clone(), &mut reports, planned);
            tasks.push(tokio::spawn(lane.run()).abort_handle());
        }
        let lane = FastLane::new(ward, reports, fast, OwnMetrics::new(Some(status)));
        let (stop_fast, stop) = sync_channel(1);
        let (ended, fast_ended) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("fast".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                lane.run(&stop);
                drop(ended);
            })
            .context("start the fast lane's thread")?;
        Ok(Self { stop_fast, fast_ended, tasks, forwarder })
    }

    /// Ends every lane. What they have read by then is spooled; a slow lane that is still reading is left behind.
    async fn stop(self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        drop(self.stop_fast);
        if tokio::time::timeout(LAST_ROUND, self.fast_ended).await.is_err() {
            tracing::warn!("a probe of the fast lane is stuck and is left behind");
        }
        self.forwarder.shut();
    }
}
