//! One simulated node: a session over mutual TLS with the protocol of a real agent, which sends one batch per simulated
//! second as fast as the collector acknowledges.

use super::replay::Replay;
use anyhow::{Context, Result, anyhow, bail, ensure};
use hyper_util::rt::TokioIo;
use proto::limits::MAX_MESSAGE_BYTES;
use proto::wire::session_client::SessionClient;
use proto::wire::{self, down::Message as Down};
use proto::{
    BodyEncoder, CatalogVersion, ClockReading, Hello, PROTOCOL, StreamId, Welcome,
    ranges_from_wire, up,
};
use rustls_pki_types::ServerName;
use shared_model::{
    Batch, Block, BootTime, Catalog, Clock, Lane, NodeIdentity, Seq, SeqSet, SeriesDef, SeriesSet,
    Timestamp, Unit,
};
use shared_runtime::SystemClock;
use shared_runtime::tls::{COLLECTOR_NAME, NodeCredentials, client_config};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

/// Batches on the way at a time: enough to keep the collector busy, few enough that its queues stay short.
const IN_FLIGHT_MAX: u64 = 8;
/// Messages that wait for the connection.
const QUEUE: usize = 4;
/// The only set of the catalog.
const SET: u32 = 1;
/// The only generation of the catalog.
const GENERATION: u32 = 1;

/// What a node needs to run.
#[derive(Clone)]
pub struct Plan {
    /// Where the collector listens for agents.
    pub collector: SocketAddr,
    /// What to send.
    pub replay: Arc<Replay>,
    /// The node's time in round 0; round n is n seconds later.
    pub start: Timestamp,
    /// Where every node notes how long each of its rounds took from when it was wanted until it was acknowledged.
    pub acknowledged: Arc<Mutex<Vec<Duration>>>,
}

impl Plan {
    /// With nothing acknowledged yet.
    pub fn new(collector: SocketAddr, replay: Arc<Replay>, start: Timestamp) -> Self {
        Self { collector, replay, start, acknowledged: Arc::default() }
    }
}

/// What wakes a session.
enum Event {
    Down(Box<Option<wire::Down>>),
    Goal,
    Beat,
    Room(bool),
    Over,
}

/// A node with an open session.
pub struct Node {
    index: usize,
    plan: Plan,
    up: mpsc::Sender<wire::Up>,
    down: Streaming<wire::Down>,
    encoder: BodyEncoder,
    heartbeat: Duration,
    beats: u64,
    sent: u64,
    acked: SeqSet,
    /// Rounds that are not acknowledged, with when each was wanted.
    waiting: VecDeque<(Seq, BootTime)>,
}

impl Node {
    /// Connects, says who it is and sends its catalog.
    pub async fn connect(
        index: usize,
        plan: Plan,
        identity: &NodeIdentity,
        credentials: &NodeCredentials,
    ) -> Result<Self> {
        let catalog = catalog(&plan.replay);
        let hello = hello(index, identity, &catalog);
        let (up_sender, up_receiver) = mpsc::channel(QUEUE);
        up_sender.send(up(wire::Hello::from(&hello))).await?;
        let channel = channel(plan.collector, credentials).await?;
        let mut client = SessionClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let mut down = client.stream(ReceiverStream::new(up_receiver)).await?.into_inner();
        let first = down.message().await?.and_then(|d| d.message);
        let Some(Down::Welcome(welcome)) = first else { bail!("no welcome but {first:?}") };
        let welcome = Welcome::try_from(welcome)?;
        ensure!(welcome.need_catalog, "the collector claims to know a catalog that it never saw");
        up_sender.send(up(proto::encode_catalog(&catalog)?)).await?;
        Ok(Self {
            index,
            plan,
            up: up_sender,
            down,
            encoder: BodyEncoder::new()?,
            heartbeat: welcome.heartbeat,
            beats: 0,
            sent: 0,
            acked: SeqSet::default(),
            waiting: VecDeque::new(),
        })
    }

    /// Sends up to whatever number of rounds `goal` says and tells `reached` each time when all of them are acknowledged.
    /// Ends when `goal` is dropped.
    pub async fn run(mut self, mut goal: watch::Receiver<u64>, reached: mpsc::Sender<Result<u64>>) {
        let outcome = self.talk(&mut goal, &reached).await;
        if let Err(error) = outcome {
            let error = error.context(format!("simulated node {}", self.index));
            // Nobody listens any more when the run is over.
            drop(reached.send(Err(error)).await);
        }
    }

    async fn talk(
        &mut self,
        goal: &mut watch::Receiver<u64>,
        reached: &mpsc::Sender<Result<u64>>,
    ) -> Result<()> {
        let mut beats = tokio::time::interval(self.heartbeat);
        let mut told = 0;
        let mut due = 0;
        loop {
            let wanted = *goal.borrow_and_update();
            while due < wanted {
                due += 1;
                self.waiting.push_back((Seq(due), SystemClock.boot()));
            }
            let acked = self.acked.count();
            if acked == wanted && told < wanted {
                told = wanted;
                reached.send(Ok(wanted)).await?;
            }
            let more = self.sent < wanted && self.sent - acked < IN_FLIGHT_MAX;
            let event = tokio::select! {
                biased;
                message = self.down.message() => Event::Down(Box::new(message?)),
                changed = goal.changed() => if changed.is_ok() { Event::Goal } else { Event::Over },
                _ = beats.tick() => Event::Beat,
                room = self.up.reserve(), if more => Event::Room(room.is_ok()),
            };
            match event {
                Event::Down(message) => self.hear(*message)?,
                Event::Goal => {}
                Event::Beat => self.beat().await?,
                Event::Room(true) => {
                    let batch = self.batch()?;
                    self.up.send(batch).await?;
                }
                Event::Room(false) => bail!("the connection was lost"),
                Event::Over => {
                    let goodbye = wire::Goodbye { reason: "stop".into() };
                    return Ok(self.up.send(up(goodbye)).await?);
                }
            }
        }
    }

    fn hear(&mut self, message: Option<wire::Down>) -> Result<()> {
        match message.and_then(|m| m.message) {
            Some(Down::Ack(ack)) => {
                let durable = ranges_from_wire("Ack.durable", &ack.durable)?;
                durable.ranges().iter().for_each(|range| self.acked.insert_range(*range));
                self.note_acknowledged();
                Ok(())
            }
            Some(Down::HeartbeatReply(_)) => Ok(()),
            other => Err(anyhow!("the collector answered {other:?}")),
        }
    }

    fn note_acknowledged(&mut self) {
        let now = SystemClock.boot();
        let mut acknowledged =
            self.plan.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((_, begun)) = self.waiting.pop_front_if(|(seq, _)| self.acked.contains(*seq))
        {
            acknowledged.push(now.since(begun));
        }
    }

    async fn beat(&mut self) -> Result<()> {
        self.beats += 1;
        let beat = wire::Heartbeat {
            number: self.beats,
            clock: Some(reading().into()),
            next_seq: self.sent + 1,
            spool_bytes: 0,
            clock_offset_us: Some(0),
            clock_round_trip_us: Some(0),
        };
        Ok(self.up.send(up(beat)).await?)
    }

    fn batch(&mut self) -> Result<wire::Up> {
        let Plan { replay, start, .. } = &self.plan;
        let round = usize::try_from(self.sent)?;
        let values = (0..replay.lines.len())
            .map(|line| Some(replay.value(line, self.index, round)))
            .collect();
        let times = vec![start.plus(Duration::from_secs(self.sent))];
        let batch =
            Batch { generation: GENERATION, blocks: vec![Block { set: SET, times, values }] };
        let body = self.encoder.encode(&batch)?;
        self.sent += 1;
        Ok(up(wire::Batch::new(Seq(self.sent), Lane::Live, GENERATION, &body)))
    }
}

async fn channel(address: SocketAddr, credentials: &NodeCredentials) -> Result<Channel> {
    let tls = tokio_rustls::TlsConnector::from(Arc::new(client_config(credentials)?));
    let tcp = TcpStream::connect(address).await.with_context(|| address.to_string())?;
    tcp.set_nodelay(true)?;
    let stream = TokioIo::new(tls.connect(ServerName::try_from(COLLECTOR_NAME)?, tcp).await?);
    let mut once = Some(stream);
    let connector = tower::service_fn(move |_| {
        let stream = once.take().ok_or(std::io::ErrorKind::NotConnected);
        std::future::ready(stream.map_err(std::io::Error::from))
    });
    // The scheme only tells the channel not to add TLS of its own.
    Ok(Endpoint::from_static("http://collector.wardround.internal")
        .connect_with_connector(connector)
        .await?)
}

fn hello(index: usize, identity: &NodeIdentity, catalog: &Catalog) -> Hello {
    let clock = reading();
    let mut stream = [0; 16];
    stream[..8].copy_from_slice(&(index as u64).to_le_bytes());
    stream[8..].copy_from_slice(&clock.wall.as_micros().to_le_bytes());
    Hello {
        protocol: PROTOCOL..=PROTOCOL,
        features: Vec::new(),
        stream: StreamId(stream),
        boot_id: [7; 16],
        run_id: None,
        session_no: 1,
        identity: identity.clone(),
        catalog: Some(CatalogVersion {
            generation: GENERATION,
            digest: proto::catalog_digest(catalog),
        }),
        spooled: SeqSet::default(),
        next_seq: Seq(1),
        clock,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn reading() -> ClockReading {
    ClockReading { wall: SystemClock.wall(), boot: SystemClock.boot(), synced: true }
}

fn catalog(replay: &Replay) -> Catalog {
    let references: Vec<u32> = (1..).take(replay.lines.len()).collect();
    let series = replay.lines.iter().zip(&references).map(|(line, &reference)| SeriesDef {
        reference,
        name: line.name.as_str().into(),
        kind: line.kind,
        unit: Unit::None,
        labels: line.labels.iter().map(|(n, v)| (n.as_str().into(), v.as_str().into())).collect(),
    });
    Catalog {
        generation: GENERATION,
        base: 0,
        series: series.collect(),
        sets: vec![SeriesSet { id: SET, job: "node".into(), instance: "".into(), references }],
    }
}
