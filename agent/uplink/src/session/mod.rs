//! One session: Hello and Welcome, then records up and confirmations down until something ends it.

mod flight;
mod heartbeat;
mod outbox;

use crate::link::{LinkError, call_failure, chain};
use crate::task::told_to_stop;
use crate::uplink::Shared;
use crate::window;
use heartbeat::Heartbeats;
use outbox::Outbox;
use proto::limits::{MAX_MESSAGE_BYTES, SETTLED_RANGES_TIGHT};
use proto::wire::down::Message as Down;
use proto::wire::session_client::SessionClient;
use proto::{
    Credit, Hello, NackAction, PROTOCOL, Welcome, nack_action, ranges_from_wire, up, wire,
};
use rustls::ClientConfig;
use shared_model::{BootTime, Seq, SeqSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

/// Messages between the session and the connection: enough to keep it busy, few enough that what is queued stays fresh.
const QUEUE: usize = 4;

/// From Hello to Welcome; the collector may have to look the stream up on disk.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);

/// A collector that is silent for three heartbeats, but at least for this long, is gone.
const SILENCE_MIN: Duration = Duration::from_secs(5);

/// Shortest and longest pause after a record was not taken.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

/// How long what is on the way may take to be confirmed before a session is left for another one; what is not by then
/// is sent again.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// How long the collector may take to close its side after the goodbye.
const FAREWELL: Duration = Duration::from_millis(300);

/// How a session ended.
pub(crate) enum Ended {
    /// The agent stops.
    Stopped,
    /// It did not come to a session.
    NoSession(LinkError),
    /// It broke.
    Lost { lived: Duration, window: Duration, error: LinkError },
    /// The collector is about to stop.
    Drained { window: Duration, reason: String },
    /// Left for a session with the node's new certificate.
    Renewed,
    /// The node's certificate was revoked.
    Revoked { reason: String },
}

/// Runs one session over a fresh connection.
pub(crate) async fn run(
    shared: &Shared,
    channel: Channel,
    renewed: &mut watch::Receiver<Arc<ClientConfig>>,
    stopped: &mut watch::Receiver<bool>,
) -> Ended {
    let opened = timeout(WELCOME_TIMEOUT, Session::open(shared, channel)).await;
    let mut session = match opened {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => return Ended::NoSession(error),
        Err(_) => {
            let address = shared.config.address.clone();
            let (step, limit) = ("the welcome", WELCOME_TIMEOUT);
            return Ended::NoSession(LinkError::Timeout { address, step, limit });
        }
    };
    let since = shared.clock.boot();
    let end = session.talk(renewed, stopped).await;
    let lived = shared.clock.boot().since(since);
    let window = session.welcome.reconnect_window;
    match end {
        End::Stopped => {
            session.farewell().await;
            Ended::Stopped
        }
        End::Drained { window, reason } => Ended::Drained { window, reason },
        End::Renewed => Ended::Renewed,
        End::Revoked { reason } => Ended::Revoked { reason },
        End::Lost(error) => Ended::Lost { lived, window, error },
    }
}

enum End {
    Stopped,
    Drained { window: Duration, reason: String },
    Renewed,
    Revoked { reason: String },
    Lost(LinkError),
}

/// What wakes a session.
enum Event {
    Down(Result<Option<wire::Down>, Status>),
    Beat,
    Resume,
    Renewed,
    Late,
    Room(bool),
    Bell,
}

struct Session<'a> {
    shared: &'a Shared,
    up: mpsc::Sender<wire::Up>,
    down: Streaming<wire::Down>,
    welcome: Welcome,
    outbox: Outbox,
    heartbeats: Heartbeats,
    heard: BootTime,
    /// When the last heartbeat was due, if one was.
    beaten: Option<BootTime>,
    /// The session is about to end so: nothing new is sent, what is on the way is waited for.
    leaving: Option<End>,
}

impl<'a> Session<'a> {
    async fn open(shared: &'a Shared, channel: Channel) -> Result<Self, LinkError> {
        let address = &shared.config.address;
        let broken = |problem: String| LinkError::Protocol { address: address.clone(), problem };
        let hello = hello(shared);
        let (up_sender, up_receiver) = mpsc::channel(QUEUE);
        let lost = || LinkError::Lost("the connection was closed".into());
        up_sender.send(up(wire::Hello::from(&hello))).await.map_err(|_| lost())?;
        let mut client = SessionClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let call = client.stream(ReceiverStream::new(up_receiver)).await;
        let mut down = call.map_err(|status| call_failure(address, &status))?.into_inner();
        let first = down.message().await.map_err(|status| call_failure(address, &status))?;
        let welcome = match first.and_then(|down| down.message) {
            Some(Down::Welcome(welcome)) => {
                Welcome::try_from(welcome).map_err(|e| broken(e.to_string()))?
            }
            Some(Down::Revoked(revoked)) => {
                let reason = format!("revoked: {}", revoked.reason);
                return Err(LinkError::Certificate { address: address.clone(), reason });
            }
            Some(_) => return Err(broken("the first message is not a welcome".into())),
            None => return Err(lost()),
        };
        if welcome.protocol != PROTOCOL {
            return Err(broken(format!("protocol {} was not offered", welcome.protocol)));
        }
        let known = hello.catalog.filter(|_| !welcome.need_catalog).map_or(0, |c| c.generation);
        let mut state = shared.lock();
        if let Err(error) = state.spool.welcome(&welcome.acked) {
            tracing::warn!(error = chain(&error), "the spool could not be freed");
        }
        state.connected = true;
        state.last_failure = None;
        let failures = state.outage.end();
        let live_from = state.spool.next();
        let fresh_from = state.spool.fresh_from(SETTLED_RANGES_TIGHT);
        drop(state);
        remember(shared, welcome.reconnect_window);
        tracing::info!(address, acked = %welcome.acked.count(), failures, "session with the collector is open");
        Ok(Self {
            shared,
            up: up_sender,
            down,
            outbox: Outbox::new(fresh_from, live_from, known, welcome.credit),
            heartbeats: Heartbeats::default(),
            heard: shared.clock.boot(),
            beaten: None,
            leaving: None,
            welcome,
        })
    }

    async fn talk(
        &mut self,
        renewed: &mut watch::Receiver<Arc<ClientConfig>>,
        stopped: &mut watch::Receiver<bool>,
    ) -> End {
        let mut beats = interval(self.welcome.heartbeat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut pause, mut late) = (pin!(sleep(Duration::ZERO)), pin!(sleep(Duration::ZERO)));
        let mut work = true;
        loop {
            let paused = self.outbox.paused(self.shared.clock.boot());
            if let Some(span) = paused.filter(|_| !work) {
                pause.as_mut().reset(Instant::now() + span);
            }
            let leaving = self.leaving.is_some();
            let event = tokio::select! {
                biased;
                () = told_to_stop(stopped) => return End::Stopped,
                message = self.down.message() => Event::Down(message),
                () = &mut late, if leaving => Event::Late,
                Ok(()) = renewed.changed(), if !leaving => Event::Renewed,
                _ = beats.tick() => Event::Beat,
                () = &mut pause, if paused.is_some() && !work => Event::Resume,
                // The room found here cannot go away: nobody else fills the queue.
                room = self.up.reserve(), if work && !leaving => Event::Room(room.is_ok()),
                () = self.shared.bell.notified(), if !work && !leaving => Event::Bell,
            };
            let outcome = match event {
                Event::Down(Ok(Some(down))) => self.hear(down).map(|more| work || more),
                Event::Down(Ok(None)) => Err(lost("the collector closed the session")),
                Event::Down(Err(status)) => {
                    Err(End::Lost(call_failure(&self.shared.config.address, &status)))
                }
                Event::Beat => {
                    // No round has come for a while that would look whether the one before is safe.
                    self.shared.sync_if_needed();
                    self.beat().map(|()| work)
                }
                Event::Room(true) => self.send_next(),
                // The connection is gone; why is told in the other direction.
                Event::Room(false) => Ok(false),
                Event::Bell => self.beat_along(&mut beats).map(|()| true),
                Event::Resume => Ok(true),
                Event::Renewed => {
                    self.leaving = Some(End::Renewed);
                    Ok(work)
                }
                Event::Late => Err(self.leave()),
            };
            work = match outcome {
                Ok(work) => work,
                Err(end) => return end,
            };
            if self.leaving.is_some() && self.outbox.is_clear() {
                return self.leave();
            }
            if self.leaving.is_some() && !leaving {
                late.as_mut().reset(Instant::now() + LEAVE_WITHIN);
            }
        }
    }

    /// How the session ends that is being left.
    fn leave(&mut self) -> End {
        self.leaving.take().unwrap_or(End::Stopped)
    }

    /// Sends the next message; `false` when there is none.
    fn send_next(&mut self) -> Result<bool, End> {
        let Ok(permit) = self.up.try_reserve() else { return Ok(true) };
        match self.outbox.next(self.shared) {
            Ok(Some(message)) => permit.send(message),
            Ok(None) => return Ok(false),
            Err(error) => return Err(lost(&chain(&error))),
        }
        Ok(true)
    }

    /// Takes a message; answers whether it may have made work.
    fn hear(&mut self, down: wire::Down) -> Result<bool, End> {
        self.heard = self.shared.clock.boot();
        match down.message {
            Some(Down::Ack(ack)) => {
                let durable = ranges_from_wire("Ack.durable", &ack.durable);
                let durable = durable.map_err(|e| self.broken(e.to_string()))?;
                self.settle(&durable);
                let now = self.shared.clock.boot();
                Ok(self.outbox.confirmed(&durable, Credit::of(&ack), now))
            }
            Some(Down::Nack(nack)) => Ok(self.refused(&nack)),
            Some(Down::HeartbeatReply(reply)) => {
                let now = self.shared.reading();
                self.heartbeats.answered(&reply, now);
                Ok(false)
            }
            Some(Down::Drain(drain)) => {
                let window = Duration::from_millis(drain.reconnect_window_ms.into());
                let window = window.min(proto::limits::MAX_RECONNECT_WINDOW);
                remember(self.shared, window);
                self.leaving = Some(End::Drained { window, reason: drain.reason });
                Ok(false)
            }
            Some(Down::Revoked(revoked)) => Err(End::Revoked { reason: revoked.reason }),
            Some(Down::Welcome(_)) => Err(self.broken("a second welcome".into())),
            // A message of a later protocol.
            None => Ok(false),
        }
    }

    fn settle(&self, durable: &SeqSet) {
        if let Err(error) = self.shared.lock().spool.ack(durable) {
            tracing::warn!(error = chain(&error), "the spool could not be freed");
        }
    }

    fn refused(&mut self, nack: &wire::Nack) -> bool {
        let seq = Seq(nack.seq);
        tracing::warn!(%seq, code = nack.code().as_str_name(), detail = nack.detail, "record not taken");
        if self.shared.lock().spool.next_unsettled(seq) != Some(seq) {
            self.outbox.forget(seq);
            return true;
        }
        let wait = Duration::from_millis(nack.retry_after_ms.into()).clamp(PAUSE.0, PAUSE.1);
        let wait = match nack_action(nack.code()) {
            NackAction::Drop if self.shared.lock().spool.refuse(seq) => {
                self.outbox.forget(seq);
                return true;
            }
            NackAction::Drop => PAUSE.1,
            NackAction::Retry => wait,
            NackAction::ResendCatalog => {
                self.outbox.resend_catalog();
                wait
            }
        };
        self.outbox.again(seq, wait, self.shared.clock.boot());
        true
    }

    /// Sends the next heartbeat together with a round: one write on the connection and one wake-up of both ends instead of
    /// two.
    fn beat_along(&mut self, beats: &mut Interval) -> Result<(), End> {
        let now = self.shared.clock.boot();
        let along = heartbeat::along(self.welcome.heartbeat, self.beaten.map(|at| now.since(at)));
        beats.reset_after(along.timer);
        if along.now { self.beat() } else { Ok(()) }
    }

    /// Sends a heartbeat, unless the connection is backed up, and notices when nobody answers any more.
    fn beat(&mut self) -> Result<(), End> {
        let now = self.shared.clock.boot();
        self.beaten = Some(now);
        let silence = now.since(self.heard);
        if silence > SILENCE_MIN.max(self.welcome.heartbeat * 3) {
            let text = format!("the collector was silent for {} s", silence.as_secs());
            return Err(lost(&text));
        }
        if let Ok(permit) = self.up.try_reserve() {
            let (next_seq, spool_bytes) = {
                let state = self.shared.lock();
                (state.spool.next(), state.spool.bytes())
            };
            let beat = self.heartbeats.next(self.shared.reading(), next_seq, spool_bytes);
            permit.send(up(beat));
        }
        Ok(())
    }

    /// Says goodbye and waits a moment for the collector to close.
    async fn farewell(self) {
        let Self { up: sender, mut down, .. } = self;
        let said = sender.try_send(up(wire::Goodbye { reason: "stop".into() }));
        drop(sender);
        if said.is_ok() {
            let closed = async { while let Ok(Some(_)) = down.message().await {} };
            let _in_time = timeout(FAREWELL, closed).await.is_ok();
        }
    }

    fn broken(&self, problem: String) -> End {
        End::Lost(LinkError::Protocol { address: self.shared.config.address.clone(), problem })
    }
}

/// Remembers the window the collector announced, off the thread that must not wait for a disk.
fn remember(shared: &Shared, window: Duration) {
    if shared.lock().announced.replace(window) != Some(window) {
        let dir = shared.config.data_dir.clone();
        drop(tokio::task::spawn_blocking(move || window::write(&dir, window)));
    }
}

fn lost(why: &str) -> End {
    End::Lost(LinkError::Lost(why.to_owned()))
}

fn hello(shared: &Shared) -> Hello {
    let clock = shared.reading();
    let mut state = shared.lock();
    state.sessions += 1;
    let spool = &state.spool;
    Hello {
        protocol: PROTOCOL..=PROTOCOL,
        features: Vec::new(),
        stream: spool.stream_id(),
        boot_id: shared.config.boot_id,
        run_id: Some(shared.run_id),
        // Larger than any of an earlier start.
        session_no: spool.starts() << 32 | state.sessions,
        identity: shared.config.identity.clone(),
        catalog: spool.catalog_version(),
        spooled: spool.spooled(),
        next_seq: spool.next(),
        clock,
        agent_version: shared.config.agent_version.clone(),
    }
}
