//! One session while it lasts.
//!
//! It validates what comes and hands it to the engine within the collector's memory budget; it acknowledges what the
//! engine made durable. It owns no state that outlives it. Every wait in it has a limit, so that an agent that says
//! nothing, says it slowly or does not listen only ends its own session.

mod ending;
mod messages;

use crate::Peer;
use crate::admissions::Caller;
use crate::inbound::{Acks, Inbound, News, Open, Opened, SessionId};
use crate::node_limits::Account;
use crate::peer::KnownNode;
use crate::session::{Out, Shared};
use crate::validate::Validator;
use collector_domain::AuditAction;
use ending::{Ending, invalid, refused, stopping};
use proto::wire::{self, Down, Up};
use proto::{ClockReading, Hello, PROTOCOL, Welcome, down, ranges_to_wire};
use shared_model::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Status, Streaming};

/// An agent that connects knows at once what to say.
const HELLO_WITHIN: Duration = Duration::from_secs(5);
/// A sign of life at least this often, so that silence is known within [the contract's 10 s](shared_model).
const HEARTBEAT: Duration = Duration::from_secs(1);
/// No whole message for this long: the peer is gone, half open, or sends byte by byte.
const SILENT_MAX: Duration = Duration::from_secs(30);
/// An agent that does not read what it is told for this long is not worth its place.
const READS_WITHIN: Duration = Duration::from_secs(10);
/// The certificate's end is looked at this often, since the wall clock may be set while a session is open.
const VALIDITY_EVERY: Duration = Duration::from_secs(1);

/// One session.
pub(crate) struct Conversation {
    pub(crate) id: SessionId,
    pub(crate) shared: Arc<Shared>,
    pub(crate) node: KnownNode,
    pub(crate) caller: Caller,
    pub(crate) account: Account,
    pub(crate) out: Out,
    /// Held so that the connection counts as used.
    pub(crate) peer: Option<Peer>,
}

/// What wakes a session.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and most are messages")]
enum Event {
    News(News),
    Credit,
    Drain,
    Due,
    Throttled,
    Up(Result<Option<Up>, Status>),
    Silent,
}

/// What one session knows while it talks.
struct Talk {
    validator: Validator,
    acks: Arc<Acks>,
    /// Whole messages must come until then.
    silent_at: Instant,
    /// Nothing is read before.
    read_from: Instant,
    /// Codes of refused records that were logged already.
    logged: BTreeSet<&'static str>,
}

impl Conversation {
    /// Holds the session to its end and tells why it ended.
    pub(crate) async fn hold(self, mut up: Streaming<Up>) {
        let ended = self.run(&mut up).await;
        let (node, from) = (&self.node.identity, &self.caller.from);
        match ended {
            Ok(why) => tracing::info!(%node, ?from, why, "session ended"),
            Err(ending) if ending.is_loss() => {
                let why = ending.status.message();
                tracing::info!(%node, ?from, why, "session ended");
            }
            Err(ending) => {
                let Ending { reason, status, opened } = ending;
                let admissions = &self.shared.admissions;
                let (action, object) = (AuditAction::Session, "session");
                let detail = status.message().to_owned();
                if opened {
                    tracing::warn!(%node, ?from, reason = detail, "session broken off");
                    admissions.ended(&self.caller, action, object, reason, &detail);
                } else {
                    tracing::warn!(%node, ?from, reason = detail, "session refused");
                    admissions.refused(&self.caller, action, object, reason, &detail);
                }
                // The agent may be gone already; then nobody is left to tell.
                let _told = timeout(READS_WITHIN, self.out.send(Err(status))).await.is_ok();
            }
        }
        drop(self.peer);
    }

    async fn run(&self, up: &mut Streaming<Up>) -> Result<&'static str, Ending> {
        if *self.shared.draining.borrow() {
            return Err(Ending::new("stopping", stopping()));
        }
        let hello = self.hello(up).await?;
        let acks = Arc::new(Acks::default());
        let opened = self.open(&hello, &acks).await?;
        let _counted = self.shared.budget.count();
        // Before what is granted is said, so that no change of it is missed.
        let credit = self.shared.budget.changes();
        let ended = self.opened(up, &hello, opened, acks, credit).await;
        let planned = matches!(ended, Ok("the agent stopped"));
        let session = self.id;
        drop(self.shared.engine.send(Inbound::Close { session, planned }).await);
        ended.map_err(Ending::of_open)
    }

    async fn opened(
        &self,
        up: &mut Streaming<Up>,
        hello: &Hello,
        opened: Opened,
        acks: Arc<Acks>,
        credit: watch::Receiver<bool>,
    ) -> Result<&'static str, Ending> {
        let limits = self.shared.accounts.limits();
        let validator = Validator::new(opened.catalog.clone(), self.account.clone(), limits);
        let validator = validator.map_err(|status| Ending::new("memory", status))?;
        let known = hello.catalog.map(|c| (c.generation, c.digest));
        let bytes = if known.is_some() { validator.known_bytes() } else { 0 };
        let need_catalog = !self.shared.heavy.run(bytes, || validator.knows(known)).await;
        self.send(down(wire::Welcome::from(&self.welcome(&opened, need_catalog)))).await?;
        self.shared.admissions.admitted(&self.caller, AuditAction::Session, "session");
        tracing::info!(node = %self.node.identity, agent = hello.agent_version, session = self.id.0, "session open");
        let now = Instant::now();
        let logged = BTreeSet::new();
        // What an earlier session of this node owes is paid in this one.
        let read_from = now + self.account.owes(self.shared.clock.boot());
        let silent_at = read_from + SILENT_MAX;
        let talk = Talk { validator, acks, silent_at, read_from, logged };
        self.converse(up, talk, credit).await
    }

    async fn hello(&self, up: &mut Streaming<Up>) -> Result<Hello, Ending> {
        let first = timeout(HELLO_WITHIN, up.message())
            .await
            .map_err(|_| Ending::new("no_hello", Status::deadline_exceeded("no Hello within 5 s")))?
            .map_err(Ending::of_stream)?;
        let Some(Up { message: Some(wire::up::Message::Hello(hello)) }) = first else {
            let text = "the first message of a session must be Hello";
            return Err(Ending::new("no_hello", Status::failed_precondition(text)));
        };
        let hello = Hello::try_from(hello).map_err(|e| Ending::new("malformed", invalid(&e)))?;
        if hello.identity != self.node.identity {
            let text = format!(
                "the certificate is for {} but the agent says it is {}: a node writes only its own data; join this node again under its own name",
                self.node.identity, hello.identity
            );
            return Err(Ending::new("foreign_identity", Status::permission_denied(text)));
        }
        if !hello.protocol.contains(&PROTOCOL) {
            let text = format!(
                "the agent speaks protocol {} to {}, this collector speaks {PROTOCOL}: upgrade the older of the two",
                hello.protocol.start(),
                hello.protocol.end()
            );
            return Err(Ending::new("protocol", Status::failed_precondition(text)));
        }
        self.valid()?;
        Ok(hello)
    }

    async fn open(&self, hello: &Hello, acks: &Arc<Acks>) -> Result<Opened, Ending> {
        let (reply, answer) = oneshot::channel();
        let offset = self.wall().as_micros().saturating_sub(hello.clock.wall.as_micros());
        let address = self.caller.from.map(|address| address.ip().to_string());
        self.tell(Inbound::Open(Box::new(Open {
            session: self.id,
            node: self.node.identity.clone(),
            serial: self.node.serial.clone(),
            stream: hello.stream,
            session_no: hello.session_no,
            run: hello.run_id.unwrap_or(hello.boot_id),
            address: address.unwrap_or_else(|| "unknown".to_owned()),
            agent_version: hello.agent_version.clone(),
            clock_offset_us: offset,
            acks: Arc::clone(acks),
            reply,
        })))
        .await?;
        let answer = answer.await.map_err(|_| Ending::new("stopping", stopping()))?;
        answer.map_err(|refusal| refused(&refusal))
    }

    fn welcome(&self, opened: &Opened, need_catalog: bool) -> Welcome {
        Welcome {
            protocol: PROTOCOL,
            features: Vec::new(),
            session_epoch: opened.epoch,
            acked: opened.acked.clone(),
            need_catalog,
            credit: self.shared.budget.credit(),
            heartbeat: HEARTBEAT,
            reconnect_window: self.shared.window(),
            clock: self.clocks(),
        }
    }

    fn clocks(&self) -> ClockReading {
        ClockReading { wall: self.wall(), boot: self.shared.clock.boot(), synced: false }
    }

    fn wall(&self) -> Timestamp {
        self.shared.clock.wall()
    }

    async fn converse(
        &self,
        up: &mut Streaming<Up>,
        mut talk: Talk,
        mut credit: watch::Receiver<bool>,
    ) -> Result<&'static str, Ending> {
        let mut draining = self.shared.draining.clone();
        let mut drained = false;
        let mut validity = tokio::time::interval(VALIDITY_EVERY);
        loop {
            let throttled = Instant::now() < talk.read_from;
            let event = tokio::select! {
                news = talk.acks.next() => match news {
                    Ok(news) => Event::News(news),
                    Err(refusal) => return Err(self.dismiss(&refusal).await),
                },
                Ok(()) = credit.changed() => Event::Credit,
                true = begun(&mut draining), if !drained => Event::Drain,
                _ = validity.tick() => Event::Due,
                () = sleep_until(talk.read_from), if throttled => Event::Throttled,
                () = sleep_until(talk.silent_at) => Event::Silent,
                message = up.message(), if !throttled => Event::Up(message),
            };
            match event {
                Event::News(news) => self.report(news, &mut talk).await?,
                Event::Credit => {
                    let credit = self.shared.budget.credit();
                    self.send(down(credit.ack(Vec::new()))).await?;
                }
                Event::Drain => {
                    drained = true;
                    self.send(down(self.drain())).await?;
                }
                Event::Due => self.valid()?,
                // A message of a kind this build does not know: later versions may send it.
                Event::Throttled | Event::Up(Ok(Some(Up { message: None }))) => {}
                Event::Silent => {
                    let status = Status::deadline_exceeded("no whole message for 30 s");
                    return Err(Ending::new("silent", status));
                }
                Event::Up(Ok(Some(Up { message: Some(message) }))) => {
                    if matches!(message, wire::up::Message::Goodbye(_)) {
                        return Ok("the agent stopped");
                    }
                    self.take(message, &mut talk).await?;
                    // From now on: what the collector needed to take it is not the node's silence.
                    talk.silent_at = talk.read_from.max(Instant::now()) + SILENT_MAX;
                }
                Event::Up(Ok(None)) => return Ok("the stream ended"),
                Event::Up(Err(status)) if ending::is_lost(&status) => {
                    tracing::debug!(node = %self.node.identity, %status, "stream broke");
                    return Ok("the connection was lost");
                }
                Event::Up(Err(status)) => return Err(Ending::of_stream(status)),
            }
        }
    }

    fn drain(&self) -> wire::Drain {
        let window = self.shared.window().as_millis();
        let reconnect_window_ms = u32::try_from(window).unwrap_or(u32::MAX);
        wire::Drain { reconnect_window_ms, reason: "the collector stops".to_owned() }
    }

    /// Tells the agent what the engine ordered, and how the session ends.
    async fn dismiss(&self, refusal: &crate::Refusal) -> Ending {
        if *refusal == crate::Refusal::Revoked {
            let reason = "this node was revoked".to_owned();
            // The status says the same where this does not get through.
            drop(self.send(down(wire::Revoked { reason })).await);
        }
        refused(refusal)
    }

    /// A certificate ends its streams when it ends: it was verified only in the handshake.
    fn valid(&self) -> Result<(), Ending> {
        if self.wall() < self.node.not_after {
            return Ok(());
        }
        let text = format!(
            "the node's certificate expired at {}: the agent renews it by itself as long as it can reach this port; else join the node again",
            self.node.not_after
        );
        Err(Ending::new("expired", Status::unauthenticated(text)))
    }

    async fn report(&self, news: News, talk: &mut Talk) -> Result<(), Ending> {
        for record in news.refused {
            self.nack(record, talk).await?;
        }
        if news.durable.max().is_none() {
            return Ok(());
        }
        let durable = ranges_to_wire(&news.durable);
        self.send(down(self.shared.budget.credit().ack(durable))).await
    }

    async fn tell(&self, inbound: Inbound) -> Result<(), Ending> {
        let told = self.shared.engine.send(inbound).await;
        told.map_err(|_| Ending::new("stopping", stopping()))
    }

    async fn send(&self, message: Down) -> Result<(), Ending> {
        match timeout(READS_WITHIN, self.out.send(Ok(message))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ending::gone()),
            Err(_) => {
                let text = "the agent did not read for 10 s what it was told";
                Err(Ending::new("not_reading", Status::deadline_exceeded(text)))
            }
        }
    }
}

/// Ready when something has begun; `false` when it never will.
async fn begun(what: &mut watch::Receiver<bool>) -> bool {
    what.wait_for(|begun| *begun).await.is_ok()
}
