//! The uplink's handle: where the daemon hands over its rounds.

use crate::link::chain;
use crate::outage::Outage;
use crate::spool::{BatchRecord, OfferError, Spool, SpoolError, SpoolLimits};
use crate::sync::Order;
use crate::window;
use proto::{BodyEncoder, ClockReading, wire};
use rustls::ClientConfig;
use shared_model::{
    Batch, BootTime, Catalog, Clock, Event, EventContent, NodeIdentity, Seq, Timestamp,
};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// What the uplink needs to know.
#[derive(Clone, Debug)]
pub struct UplinkConfig {
    /// The collector as `host:port`.
    pub address: String,
    /// The agent's data folder; the spool is in `spool` under it.
    pub data_dir: PathBuf,
    /// Who this node is, as its certificate says.
    pub identity: NodeIdentity,
    /// The kernel's boot id, see [`crate::read_boot_id`].
    pub boot_id: [u8; 16],
    /// What the spool may take.
    pub limits: SpoolLimits,
    /// Version of the agent's program.
    pub agent_version: String,
}

/// How the uplink is doing.
#[derive(Clone, PartialEq, Debug)]
pub struct UplinkStatus {
    /// A session is open.
    pub connected: bool,
    /// Size of the spool, bytes.
    pub spool_bytes: u64,
    /// The number the next record gets.
    pub next_seq: Seq,
    /// Records that are not confirmed.
    pub unacked: u64,
    /// Why the spool is not on its disk; `None` while all is well.
    pub degraded: Option<String>,
    /// Why there is no session, or why the last one ended.
    pub last_failure: Option<String>,
}

/// The handle. Cloning shares it.
#[derive(Clone)]
pub struct Uplink(pub(crate) Arc<Shared>);

/// What the handle and the task share.
pub(crate) struct Shared {
    pub(crate) config: UplinkConfig,
    pub(crate) clock: Arc<dyn Clock>,
    /// Rung when there is something new to send.
    pub(crate) bell: Notify,
    /// Told when there is something new to bring to disk.
    pub(crate) syncs: SyncSender<Order>,
    /// What is to be brought to disk must not wait for more.
    pub(crate) urgent: AtomicBool,
    /// The TLS configuration; a change makes the session move to a connection with it.
    pub(crate) tls: watch::Sender<Arc<ClientConfig>>,
    /// Random bytes of this start of the program.
    pub(crate) run_id: [u8; 16],
    state: Mutex<State>,
    synced: AtomicBool,
}

pub(crate) struct State {
    pub(crate) spool: Spool,
    encoder: BodyEncoder,
    /// The latest catalog message that adds to the generation before it.
    pub(crate) delta: Option<wire::Catalog>,
    /// The reconnect window the collector announced last.
    pub(crate) announced: Option<Duration>,
    pub(crate) connected: bool,
    /// Sessions tried since the start.
    pub(crate) sessions: u64,
    pub(crate) last_failure: Option<String>,
    pub(crate) outage: Outage,
    /// Since when the spool has not been on its disk.
    degraded_since: Option<BootTime>,
}

impl Uplink {
    /// Takes a round: the definitions that are new with it, if any, and its readings. Encodes, writes to the spool and
    /// wakes the sender. Never waits for the network; waits for the disk's confirmation only when the catalog changes,
    /// which must be there before the batches that need it, or when the disk is full.
    ///
    /// `catalog` is a delta on the current generation, or a whole catalog (base 0) that extends the current one, or, while
    /// [`Self::is_settled`], takes its place.
    ///
    /// # Errors
    /// [`OfferError`]: this batch is lost. A batch that the spool could not take is declared lost as soon as the spool can
    /// be written again; one that breaks the contract never gets a number.
    pub fn offer(&self, catalog: Option<&Catalog>, batch: &Batch) -> Result<Seq, OfferError> {
        let mut state = self.0.lock();
        let State { spool, encoder, delta, connected, .. } = &mut *state;
        // What the collector has confirmed is on its disk; a round it has not confirmed by the next one is synced here.
        let is_due = !*connected || spool.needs_sync();
        if let Some(catalog) = catalog
            && let Some(message) = spool.extend_catalog(catalog)?
        {
            *delta = Some(message);
        }
        let known = spool.catalog().generation;
        if batch.generation > known {
            return Err(OfferError::Generation { generation: batch.generation, known });
        }
        let body = encoder.encode(batch)?;
        let times = batch.blocks.iter().flat_map(|block| block.times.iter().copied());
        let first = times.clone().min().unwrap_or(self.0.clock.wall());
        let last = times.max().unwrap_or(first);
        let seq = spool.push(BatchRecord { generation: batch.generation, first, last, body })?;
        self.0.tell_health(&mut state);
        drop(state);
        self.0.bell.notify_one();
        if is_due {
            self.0.order_sync();
        }
        Ok(seq)
    }

    /// Takes an event, and has it brought to disk at once instead of with the next second. Never waits for disk or network.
    ///
    /// # Errors
    /// [`SpoolError`]: the event is lost.
    pub fn event(&self, event: Event) -> Result<Seq, SpoolError> {
        let mut state = self.0.lock();
        let seq = state.spool.push_event(event)?;
        self.0.tell_health(&mut state);
        drop(state);
        self.0.bell.notify_one();
        self.0.urgent.store(true, Ordering::Release);
        // A full place means that an order waits already; whoever takes it sees that it is urgent.
        let _waits_already = self.0.syncs.try_send(Order::Sync).is_err();
        Ok(seq)
    }

    /// Whether the collector has confirmed all that was ever offered, or its loss is declared and confirmed.
    pub fn is_settled(&self) -> bool {
        self.0.lock().spool.is_settled()
    }

    /// The full catalog of the spool, from which a restarted agent goes on numbering its series and sets.
    pub fn catalog(&self) -> Catalog {
        self.0.lock().spool.catalog().clone()
    }

    /// Takes a new TLS configuration, after a renewal. An open session finishes what is on the way and moves to a
    /// connection with it, since the collector ends it when the old certificate does.
    pub fn set_tls(&self, tls: Arc<ClientConfig>) {
        self.0.tls.send_replace(tls);
    }

    /// Whether the kernel calls the wall clock synchronised; told to the collector with every clock reading. False
    /// until it is set.
    pub fn set_clock_synced(&self, synced: bool) {
        self.0.synced.store(synced, Ordering::Relaxed);
    }

    /// How the uplink is doing.
    pub fn status(&self) -> UplinkStatus {
        let state = self.0.lock();
        UplinkStatus {
            connected: state.connected,
            spool_bytes: state.spool.bytes(),
            next_seq: state.spool.next(),
            unacked: state.spool.spooled().count(),
            degraded: state.spool.degraded().map(str::to_owned),
            last_failure: state.last_failure.clone(),
        }
    }
}

impl Shared {
    pub(crate) fn new(
        config: UplinkConfig,
        spool: Spool,
        tls: Arc<ClientConfig>,
        clock: Arc<dyn Clock>,
        syncs: SyncSender<Order>,
    ) -> Result<Self, SpoolError> {
        let encoder = BodyEncoder::new().map_err(SpoolError::Encoder)?;
        let announced = window::read(&config.data_dir);
        let mut run_id = [0; 16];
        // Without randomness a clone of this data folder is not told from this node; it works all the same.
        let _random = getrandom::fill(&mut run_id).is_ok();
        let state = State {
            spool,
            encoder,
            delta: None,
            announced,
            connected: false,
            sessions: 0,
            last_failure: None,
            outage: Outage::default(),
            degraded_since: None,
        };
        let synced = AtomicBool::new(false);
        let (bell, urgent) = (Notify::new(), AtomicBool::new(false));
        let (tls, state) = (watch::Sender::new(tls), Mutex::new(state));
        Ok(Self { config, clock, bell, syncs, urgent, tls, run_id, state, synced })
    }

    /// Has the spool brought to disk soon.
    pub(crate) fn order_sync(&self) {
        // A full place means that an order waits already.
        let _waits_already = self.syncs.try_send(Order::Sync).is_err();
    }

    /// Has the spool brought to disk soon if anything in it is on no disk yet: when no round comes that would look.
    pub(crate) fn sync_if_needed(&self) {
        if self.lock().spool.needs_sync() {
            self.order_sync();
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells when the disk stops taking the spool, and when it does so again.
    pub(crate) fn tell_health(&self, state: &mut State) {
        let (at, boot) = (self.clock.wall(), self.clock.boot());
        let content = match (state.spool.degraded(), state.degraded_since) {
            (Some(reason), None) => {
                let reason = reason.into();
                state.degraded_since = Some(boot);
                EventContent::SpoolDegraded { reason }
            }
            (None, Some(since)) => {
                state.degraded_since = None;
                EventContent::SpoolRestored { degraded: boot.since(since) }
            }
            _ => return,
        };
        let told = state.spool.push_event(Event { at, boot, key: "spool".into(), content });
        if let Err(error) = told {
            tracing::error!(error = chain(&error), "the spool's health could not be told");
        }
    }

    /// The node's clocks now.
    pub(crate) fn reading(&self) -> ClockReading {
        let synced = self.synced.load(Ordering::Relaxed);
        let wall: Timestamp = self.clock.wall();
        ClockReading { wall, boot: self.clock.boot(), synced }
    }
}
