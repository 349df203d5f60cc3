//! `wardround.agent.v1.Session`: one long stream per agent.
//!
//! A session validates what comes and hands it to the engine through a bounded queue; it acknowledges what the engine
//! made durable. It owns no state that outlives it.

use crate::inbound::{Acks, Inbound, Open, Opened, Refusal, SessionId};
use crate::peer::{KnownNode, known_node};
use crate::{Peer, validate::Validator};
use bytes::Bytes;
use prost::Message as _;
use proto::wire::session_server::Session;
use proto::wire::{self, Down, NackCode, Up};
use proto::{
    ClockReading, Hello, PROTOCOL, Welcome, clock_from_wire, down, event_from_wire, gap_from_wire,
    ranges_to_wire,
};
use shared_model::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// An agent that connects knows at once what to say.
const HELLO_WITHIN: Duration = Duration::from_secs(5);
/// Messages down that the agent has not read yet. Acknowledgements merge, so a slow reader costs no memory.
const DOWN_QUEUE: usize = 8;
/// A sign of life at least this often, so that silence is known within [the contract's 10 s](shared_model).
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Nothing at all for this long: the peer is gone or half open.
const SILENT_MAX: Duration = Duration::from_secs(30);
/// Window over which agents come back after a lost session; enough for an appliance of 64 nodes.
pub const RECONNECT_WINDOW: Duration = Duration::from_secs(1);

/// The service.
pub struct SessionService {
    engine: mpsc::Sender<Inbound>,
    clock: Arc<dyn Clock>,
    next: AtomicU64,
}

type Out = mpsc::Sender<Result<Down, Status>>;

impl SessionService {
    /// The service in front of an engine that reads `engine`'s other end.
    pub fn new(engine: mpsc::Sender<Inbound>, clock: Arc<dyn Clock>) -> Self {
        Self { engine, clock, next: AtomicU64::new(1) }
    }
}

#[tonic::async_trait]
impl Session for SessionService {
    type StreamStream = ReceiverStream<Result<Down, Status>>;

    async fn stream(
        &self,
        request: Request<Streaming<Up>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let address = peer.as_ref().map_or_else(|| "unknown".to_owned(), |p| p.address.to_string());
        let node = known_node(peer.as_ref()).inspect_err(|status| {
            tracing::warn!(address, reason = status.message(), "refused a session");
        })?;
        let (out, replies) = mpsc::channel(DOWN_QUEUE);
        let session = Conversation {
            id: SessionId(self.next.fetch_add(1, Ordering::Relaxed)),
            engine: self.engine.clone(),
            clock: Arc::clone(&self.clock),
            node,
            out,
        };
        let up = request.into_inner();
        tokio::spawn(async move {
            let (node, out) = (session.node.identity.clone(), session.out.clone());
            match session.run(up).await {
                Ok(why) => tracing::info!(%node, address, why, "session ended"),
                Err(status) => {
                    tracing::warn!(%node, address, reason = status.message(), "session refused or broken off");
                    // The agent may be gone already; then nobody is left to tell.
                    drop(out.send(Err(status)).await);
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(replies)))
    }
}

/// One session while it lasts.
struct Conversation {
    id: SessionId,
    engine: mpsc::Sender<Inbound>,
    clock: Arc<dyn Clock>,
    node: KnownNode,
    out: Out,
}

impl Conversation {
    async fn run(self, mut up: Streaming<Up>) -> Result<&'static str, Status> {
        let hello = self.hello(&mut up).await?;
        let acks = Arc::new(Acks::default());
        let opened = self.open(&hello, &acks).await?;
        let mut validator = Validator::new(opened.catalog.clone())?;
        let known = hello.catalog.map(|c| (c.generation, c.digest));
        let need_catalog = validator.version() != known;
        self.send(down(wire::Welcome::from(&self.welcome(&opened, need_catalog)))).await?;
        tracing::info!(node = %self.node.identity, agent = hello.agent_version, session = self.id.0, "session open");
        let ended = self.converse(&mut up, &acks, &mut validator).await;
        let planned = matches!(ended, Ok("the agent stopped"));
        self.tell(Inbound::Close { session: self.id, planned }).await?;
        ended
    }

    async fn hello(&self, up: &mut Streaming<Up>) -> Result<Hello, Status> {
        let first = tokio::time::timeout(HELLO_WITHIN, up.message())
            .await
            .map_err(|_| Status::deadline_exceeded("no Hello within 5 s"))??;
        let Some(Up { message: Some(wire::up::Message::Hello(hello)) }) = first else {
            return Err(Status::failed_precondition(
                "the first message of a session must be Hello",
            ));
        };
        let hello = Hello::try_from(hello).map_err(invalid)?;
        if hello.identity != self.node.identity {
            return Err(Status::permission_denied(format!(
                "the certificate is for {} but the agent says it is {}: a node writes only its own data; join this node again under its own name",
                self.node.identity, hello.identity
            )));
        }
        if !hello.protocol.contains(&PROTOCOL) {
            return Err(Status::failed_precondition(format!(
                "the agent speaks protocol {} to {}, this collector speaks {PROTOCOL}: upgrade the older of the two",
                hello.protocol.start(),
                hello.protocol.end()
            )));
        }
        Ok(hello)
    }

    async fn open(&self, hello: &Hello, acks: &Arc<Acks>) -> Result<Opened, Status> {
        let (reply, answer) = oneshot::channel();
        let offset = self.clock.wall().as_micros().saturating_sub(hello.clock.wall.as_micros());
        self.tell(Inbound::Open(Box::new(Open {
            session: self.id,
            node: self.node.identity.clone(),
            serial: self.node.serial.clone(),
            stream: hello.stream,
            session_no: hello.session_no,
            agent_version: hello.agent_version.clone(),
            clock_offset_us: offset,
            acks: Arc::clone(acks),
            reply,
        })))
        .await?;
        answer.await.map_err(|_| stopping())?.map_err(|refusal| refused(&refusal))
    }

    fn welcome(&self, opened: &Opened, need_catalog: bool) -> Welcome {
        Welcome {
            protocol: PROTOCOL,
            features: Vec::new(),
            session_epoch: opened.epoch,
            acked: opened.acked.clone(),
            need_catalog,
            credit_bytes: 0,
            credit_batches: 0,
            heartbeat: HEARTBEAT,
            reconnect_window: RECONNECT_WINDOW,
            clock: self.clocks(),
        }
    }

    fn clocks(&self) -> ClockReading {
        ClockReading { wall: self.clock.wall(), boot: self.clock.boot(), synced: false }
    }

    async fn converse(
        &self,
        up: &mut Streaming<Up>,
        acks: &Acks,
        validator: &mut Validator,
    ) -> Result<&'static str, Status> {
        loop {
            let message = tokio::select! {
                news = acks.next() => {
                    let durable = news.map_err(|refusal| refused(&refusal))?;
                    let durable = ranges_to_wire(&durable);
                    self.send(down(wire::Ack { durable, credit_bytes: 0, credit_batches: 0 })).await?;
                    continue;
                }
                message = tokio::time::timeout(SILENT_MAX, up.message()) => message,
            };
            let message =
                message.map_err(|_| Status::deadline_exceeded("nothing heard for 30 s"))?;
            let message = match message {
                Ok(Some(Up { message: Some(message) })) => message,
                // A message of a kind this build does not know: later versions may send it.
                Ok(Some(Up { message: None })) => continue,
                Ok(None) => return Ok("the stream ended"),
                Err(status) => {
                    tracing::debug!(node = %self.node.identity, %status, "stream broke");
                    return Ok("the connection was lost");
                }
            };
            if matches!(message, wire::up::Message::Goodbye(_)) {
                return Ok("the agent stopped");
            }
            self.take(message, validator).await?;
        }
    }

    async fn take(
        &self,
        message: wire::up::Message,
        validator: &mut Validator,
    ) -> Result<(), Status> {
        let session = self.id;
        match message {
            wire::up::Message::Batch(batch) => match validator.batch(&batch) {
                Ok((seq, lane, decoded)) => {
                    let wire::Batch { raw_len, crc32c, zbody: body, .. } = batch;
                    self.tell(Inbound::Batch {
                        session,
                        seq,
                        lane,
                        raw_len,
                        crc32c,
                        body,
                        batch: decoded,
                    })
                    .await
                }
                Err(nack) => self.nack(batch.seq, nack.0, nack.1).await,
            },
            wire::up::Message::Catalog(message) => {
                validator.catalog(&message).map_err(invalid)?;
                let wire = Bytes::from(message.encode_to_vec());
                self.tell(Inbound::Catalog { session, wire }).await
            }
            wire::up::Message::Gap(gap) => {
                let (seq, gap) = gap_from_wire(&gap).map_err(invalid)?;
                self.tell(Inbound::Gap { session, seq, gap }).await
            }
            wire::up::Message::Event(message) => match event_from_wire(&message) {
                Ok((seq, event)) => self.tell(Inbound::Event { session, seq, event }).await,
                Err(error) => {
                    let why = shared_runtime::telemetry::chain(&error);
                    self.nack(message.seq, NackCode::Invalid, why).await
                }
            },
            wire::up::Message::Heartbeat(beat) => {
                let received_us = self.clock.wall().as_micros();
                clock_from_wire("Heartbeat.clock", beat.clock.as_ref()).map_err(invalid)?;
                self.tell(Inbound::Heartbeat { session, clock_offset_us: beat.clock_offset_us })
                    .await?;
                let clock = Some(self.clocks().into());
                self.send(down(wire::HeartbeatReply { number: beat.number, received_us, clock }))
                    .await
            }
            wire::up::Message::Hello(_) => {
                Err(Status::failed_precondition("Hello came twice in one session"))
            }
            wire::up::Message::Goodbye(_) => Ok(()),
        }
    }

    async fn nack(&self, seq: u64, code: NackCode, detail: String) -> Result<(), Status> {
        tracing::warn!(node = %self.node.identity, seq, ?code, detail, "refused a record");
        self.send(down(wire::Nack { seq, code: code.into(), retry_after_ms: 0, detail })).await
    }

    async fn tell(&self, inbound: Inbound) -> Result<(), Status> {
        self.engine.send(inbound).await.map_err(|_| stopping())
    }

    async fn send(&self, message: Down) -> Result<(), Status> {
        self.out.send(Ok(message)).await.map_err(|_| Status::cancelled("the agent stopped reading"))
    }
}

fn invalid(error: impl std::error::Error + 'static) -> Status {
    Status::invalid_argument(shared_runtime::telemetry::chain(&error))
}

fn stopping() -> Status {
    Status::unavailable("the collector is stopping")
}

fn refused(refusal: &Refusal) -> Status {
    match refusal {
        Refusal::Revoked => Status::permission_denied(
            "this node was revoked: ask for a new token and join it again if that was a mistake",
        ),
        Refusal::Duplicate => Status::already_exists(
            "another installation with this identity is connected: if this machine is a clone, join it under its own name",
        ),
        Refusal::Superseded => Status::aborted("a newer session of the same agent took over"),
        Refusal::Unavailable => stopping(),
    }
}
