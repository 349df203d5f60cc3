//! `wardround.agent.v1.Session`: one long stream per agent. The service lets sessions in; [`crate::conversation`] holds
//! them.

use crate::Peer;
use crate::admissions::{Admissions, Caller};
use crate::budget::Budget;
use crate::conversation::Conversation;
use crate::heavy::Heavy;
use crate::inbound::{Inbound, SessionId};
use crate::node_limits::{Accounts, NodeLimits};
use crate::peer::known_node;
use collector_domain::AuditAction;
use proto::limits::MAX_RECONNECT_WINDOW;
use proto::wire::session_server::Session;
use proto::wire::{Down, Up};
use shared_model::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Messages down that the agent has not read yet. Acknowledgements merge, so a slow reader costs no memory.
const DOWN_QUEUE: usize = 8;
/// Handshakes a second that agents coming back may cost: a twelfth of a core.
const RECONNECTS_PER_S: usize = 300;

/// How sessions are held.
#[derive(Clone, Copy, Debug)]
pub struct SessionOptions {
    /// What each node may send.
    pub node: NodeLimits,
    /// Shortest window over which agents come back after a lost session; it grows with their number.
    pub reconnect_window: Duration,
}

/// Asks the agents to come back later: once it is sent, no new session is let in.
#[derive(Clone)]
pub struct Drain {
    begun: watch::Sender<bool>,
    budget: Budget,
}

impl Drain {
    /// Asks every open session to finish and waits until they have, at most for `limit`. Returns how many had not.
    pub async fn run(&self, limit: Duration) -> usize {
        self.begun.send_replace(true);
        let empty = async {
            while self.budget.sessions() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _in_time = tokio::time::timeout(limit, empty).await.is_ok();
        self.budget.sessions()
    }
}

/// What all sessions share.
pub(crate) struct Shared {
    pub(crate) engine: mpsc::Sender<Inbound>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) admissions: Arc<Admissions>,
    pub(crate) accounts: Accounts,
    pub(crate) budget: Budget,
    pub(crate) heavy: Heavy,
    pub(crate) reconnect_window: Duration,
    pub(crate) draining: watch::Receiver<bool>,
}

impl Shared {
    /// The window over which the agents that are connected now come back: none of them should meet more than the
    /// handshakes that the collector does at its ease.
    pub(crate) fn window(&self) -> Duration {
        reconnect_window(self.reconnect_window, self.budget.sessions())
    }
}

/// The window over which so many agents come back: none of them should meet more than the handshakes that the collector
/// does at its ease, and it is never below `shortest`.
pub fn reconnect_window(shortest: Duration, agents: usize) -> Duration {
    let spread = Duration::from_millis((agents * 1000 / RECONNECTS_PER_S) as u64);
    shortest.max(spread).min(MAX_RECONNECT_WINDOW)
}

/// The service.
pub struct SessionService {
    shared: Arc<Shared>,
    drain: Drain,
    next: AtomicU64,
}

pub(crate) type Out = mpsc::Sender<Result<Down, Status>>;

impl SessionService {
    /// The service in front of an engine that reads `engine`'s other end.
    pub fn new(
        engine: mpsc::Sender<Inbound>,
        clock: Arc<dyn Clock>,
        admissions: Arc<Admissions>,
        options: SessionOptions,
    ) -> Self {
        let (begun, budget) = (watch::Sender::new(false), Budget::default());
        let shared = Shared {
            engine,
            clock,
            admissions,
            accounts: Accounts::new(options.node),
            budget: budget.clone(),
            heavy: Heavy::default(),
            reconnect_window: options.reconnect_window,
            draining: begun.subscribe(),
        };
        Self { shared: Arc::new(shared), drain: Drain { begun, budget }, next: AtomicU64::new(1) }
    }

    /// For a planned stop.
    pub fn drain(&self) -> Drain {
        self.drain.clone()
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
        let address = peer.as_ref().map(|p| p.address);
        let admissions = &self.shared.admissions;
        let refused = |caller: &Caller, reason, status: &Status| {
            tracing::warn!(?address, reason = status.message(), "refused a session");
            let action = AuditAction::Session;
            admissions.refused(caller, action, "session", reason, status.message());
        };
        let node = known_node(peer.as_ref()).inspect_err(|status| {
            refused(&Caller::unknown(address), "no_certificate", status);
        })?;
        let caller = Caller { who: node.identity.to_string(), from: address };
        let account = self.shared.accounts.of(&node.identity);
        if let Err(wait) = account.session(self.shared.clock.boot()) {
            let status = Status::resource_exhausted(format!(
                "this node opens too many sessions: the next one in {} s",
                wait.as_secs() + 1
            ));
            refused(&caller, "session_rate", &status);
            return Err(status);
        }
        let (out, replies) = mpsc::channel(DOWN_QUEUE);
        let session = Conversation {
            id: SessionId(self.next.fetch_add(1, Ordering::Relaxed)),
            shared: Arc::clone(&self.shared),
            node,
            caller,
            account,
            out,
            peer,
        };
        tokio::spawn(session.hold(request.into_inner()));
        Ok(Response::new(ReceiverStream::new(replies)))
    }
}
