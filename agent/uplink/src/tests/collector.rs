//! A collector as small as the contract allows: it keeps what it gets in memory, knows duplicates by number, and can be
//! told to misbehave.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use proto::wire::enrollment_server::{Enrollment, EnrollmentServer};
use proto::wire::session_server::{self, SessionServer};
use proto::wire::up::Message as Up;
use proto::{
    BodyDecoder, ClockReading, Credit, Hello, Welcome, apply_catalog, catalog_digest,
    decode_catalog, down, event_from_wire, gap_from_wire, ranges_to_wire, wire,
};
use shared_model::{Batch, Catalog, Clock, Event, Gap, Lane, Seq, SeqRange, SeqSet};
use shared_runtime::SystemClock;
use shared_runtime::tls::{Authority, server_config};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tower::{Service, service_fn};

/// Long enough for a loaded machine; a wait that takes it fails the test.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the collector has seen, and how it is to behave.
#[derive(Default)]
pub(super) struct State {
    pub(super) hellos: Vec<Hello>,
    pub(super) catalog: Catalog,
    pub(super) catalogs: Vec<Catalog>,
    /// First copy of each batch, in order of numbers.
    pub(super) batches: BTreeMap<Seq, (Lane, Batch)>,
    /// Numbers of batches in order of arrival, duplicates included.
    pub(super) arrivals: Vec<Seq>,
    pub(super) gaps: BTreeMap<Seq, Gap>,
    pub(super) events: BTreeMap<Seq, Event>,
    pub(super) settled: SeqSet,
    pub(super) heartbeats: Vec<wire::Heartbeat>,
    pub(super) goodbyes: usize,
    /// Sessions that were welcomed.
    pub(super) sessions: u64,
    /// Answers to the next records instead of taking them.
    pub(super) nacks: VecDeque<wire::NackCode>,
    /// The connection is cut when so many more records have come; the last is stored but not acknowledged.
    pub(super) cut_after: Option<usize>,
    /// Heartbeats are not answered.
    pub(super) mute: bool,
    pub(super) heartbeat: Duration,
    /// How much backfill may be on the way.
    pub(super) credit: Credit,
    /// The reconnect window that is announced.
    pub(super) window: Duration,
    /// Nothing is acknowledged while this is set; the numbers wait here.
    pub(super) withheld: Option<SeqSet>,
    /// Answers to Join and Renew.
    pub(super) enrollment: Option<wire::RefusalCode>,
    pub(super) wall_offset_us: i64,
    pub(super) joins: Vec<wire::JoinRequest>,
    pub(super) renewals: Vec<wire::RenewRequest>,
}

/// The collector while it runs; dropping it closes every connection.
pub(super) struct Collector {
    pub(super) state: Arc<watch::Sender<State>>,
    pub(super) authority: Arc<Authority>,
    pub(super) address: String,
    orders: watch::Sender<Option<wire::Down>>,
    accepting: JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Collector {
    /// Listens on a port of the system's choice.
    pub(super) async fn start(authority: Arc<Authority>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State { heartbeat: Duration::from_millis(100), ..State::default() };
        Self::serve(authority, listener, Arc::new(watch::Sender::new(state)))
    }

    /// Listens on a given port, with the memory of an earlier one.
    pub(super) fn serve(
        authority: Arc<Authority>,
        listener: TcpListener,
        state: Arc<watch::Sender<State>>,
    ) -> Self {
        let now = SystemClock.wall();
        let (issued, key) = authority.issue_server(&[], now, 1).unwrap();
        let tls =
            server_config(&issued.certificate_pem, &key, authority.certificate_pem()).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let orders = watch::Sender::new(None);
        let service = Double {
            state: Arc::clone(&state),
            authority: Arc::clone(&authority),
            orders: orders.clone(),
        };
        let accepting = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(tls)), service));
        Self { state, authority, address, orders, accepting }
    }

    /// Waits until the state is as wanted.
    pub(super) async fn wait(&self, what: &str, mut wanted: impl FnMut(&State) -> bool) {
        let mut seen = self.state.subscribe();
        let waited =
            timeout(PATIENCE, seen.wait_for(|state| wanted(state))).await.map(|r| r.is_ok());
        assert_eq!(waited, Ok(true), "waited in vain for: {what}");
    }

    /// Sends a message down every session.
    pub(super) fn order(&self, message: wire::Down) {
        self.orders.send_replace(Some(message));
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, service: Double) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        let (tls, service) = (tls.clone(), service.clone());
        connections.spawn(async move {
            let Ok(stream) = tls.accept(tcp).await else { return };
            // Each connection has its own switch, so that cutting one leaves the next alone.
            let cut = Arc::new(tokio::sync::Notify::new());
            let sessions =
                SessionServer::new(Connection { double: service.clone(), cut: Arc::clone(&cut) });
            let enrollments = EnrollmentServer::new(service.clone());
            let route = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let (mut sessions, mut enrollments) = (sessions.clone(), enrollments.clone());
                async move {
                    match request.uri().path().starts_with("/wardround.agent.v1.Enrollment/") {
                        true => enrollments.call(request).await,
                        false => sessions.call(request).await,
                    }
                }
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            let serving =
                builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(route));
            tokio::select! {
                _closed = serving => {}
                () = cut.notified() => {}
            }
        });
    }
}

#[derive(Clone)]
struct Double {
    state: Arc<watch::Sender<State>>,
    authority: Arc<Authority>,
    orders: watch::Sender<Option<wire::Down>>,
}

#[derive(Clone)]
struct Connection {
    double: Double,
    cut: Arc<tokio::sync::Notify>,
}

type Answers = Pin<Box<dyn tokio_stream::Stream<Item = Result<wire::Down, Status>> + Send>>;

#[tonic::async_trait]
impl session_server::Session for Connection {
    type StreamStream = Answers;

    async fn stream(
        &self,
        request: Request<Streaming<wire::Up>>,
    ) -> Result<Response<Answers>, Status> {
        let mut up = request.into_inner();
        let (answers, receiver) = mpsc::channel(64);
        let this = self.clone();
        tokio::spawn(async move {
            let mut orders = this.double.orders.subscribe();
            let mut decoder = BodyDecoder::new().unwrap();
            loop {
                tokio::select! {
                    message = up.message() => {
                        let Ok(Some(wire::Up { message: Some(message) })) = message else { return };
                        for answer in this.take(message, &mut decoder) {
                            let _sent = answers.send(Ok(answer)).await;
                        }
                    }
                    Ok(()) = orders.changed() => {
                        let order = orders.borrow_and_update().clone();
                        if let Some(order) = order {
                            let _sent = answers.send(Ok(order)).await;
                        }
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

impl Connection {
    fn take(&self, message: Up, decoder: &mut BodyDecoder) -> Vec<wire::Down> {
        let mut answers = Vec::new();
        self.double.state.send_modify(|state| match message {
            Up::Hello(hello) => answers.push(down(welcome(state, Hello::try_from(hello).unwrap()))),
            Up::Catalog(message) => {
                let catalog = decode_catalog(&message).unwrap();
                apply_catalog(&mut state.catalog, catalog.clone()).unwrap();
                state.catalogs.push(catalog);
            }
            Up::Batch(message) => {
                let (seq, lane, batch) = message.decode(decoder).unwrap();
                assert!(batch.generation <= state.catalog.generation, "a batch before its catalog");
                state.arrivals.push(seq);
                if let Some(code) = state.nacks.pop_front() {
                    answers.push(nack(seq, code));
                    return;
                }
                if !state.settled.contains(seq) {
                    state.batches.insert(seq, (lane, batch));
                }
                answers.extend(self.keep(state, seq));
            }
            Up::Gap(message) => {
                let (seq, gap) = gap_from_wire(&message).unwrap();
                state.settled.insert_range(gap.lost);
                state.gaps.insert(seq, gap);
                answers.extend(self.keep(state, seq));
            }
            Up::Event(message) => {
                let (seq, event) = event_from_wire(&message).unwrap();
                if !state.settled.contains(seq) {
                    state.events.insert(seq, event);
                }
                answers.extend(self.keep(state, seq));
            }
            Up::Heartbeat(beat) => {
                let received_us = SystemClock.wall().as_micros();
                if !state.mute {
                    let clock = Some(clock().into());
                    answers.push(down(wire::HeartbeatReply {
                        number: beat.number,
                        received_us,
                        clock,
                    }));
                }
                state.heartbeats.push(beat);
            }
            Up::Goodbye(_) => state.goodbyes += 1,
        });
        answers
    }

    /// Notes a record as stored; the acknowledgement is lost when the connection is to be cut here.
    fn keep(&self, state: &mut State, seq: Seq) -> Option<wire::Down> {
        state.settled.insert(seq);
        match &mut state.cut_after {
            Some(0) => {
                state.cut_after = None;
                self.cut.notify_one();
                None
            }
            left => {
                if let Some(left) = left {
                    *left -= 1;
                }
                if let Some(withheld) = &mut state.withheld {
                    withheld.insert(seq);
                    return None;
                }
                let durable = [SeqRange { from: seq, to: seq }].into_iter().collect();
                Some(down(state.credit.ack(ranges_to_wire(&durable))))
            }
        }
    }
}

fn welcome(state: &mut State, hello: Hello) -> wire::Welcome {
    let known = (!state.catalog.series.is_empty()).then(|| catalog_digest(&state.catalog));
    let need_catalog = hello.catalog.map(|c| c.digest) != known;
    state.hellos.push(hello);
    state.sessions += 1;
    wire::Welcome::from(&Welcome {
        protocol: 1,
        features: vec![],
        session_epoch: 1,
        acked: state.settled.clone(),
        need_catalog,
        credit: state.credit,
        heartbeat: state.heartbeat,
        reconnect_window: state.window,
        clock: clock(),
    })
}

fn nack(seq: Seq, code: wire::NackCode) -> wire::Down {
    let detail = "as the test asked".into();
    down(wire::Nack { seq: seq.0, code: code.into(), retry_after_ms: 0, detail })
}

fn clock() -> ClockReading {
    ClockReading { wall: SystemClock.wall(), boot: SystemClock.boot(), synced: true }
}

#[tonic::async_trait]
impl Enrollment for Double {
    async fn join(
        &self,
        request: Request<wire::JoinRequest>,
    ) -> Result<Response<wire::JoinReply>, Status> {
        use wire::join_reply::Outcome;
        let request = request.into_inner();
        let answer = self.grant(&request.csr_der, &request.requested_identity);
        self.state.send_modify(|state| state.joins.push(request));
        let outcome = Some(match answer {
            Ok(granted) => Outcome::Granted(granted),
            Err(refused) => Outcome::Refused(refused),
        });
        Ok(Response::new(wire::JoinReply { wall_us: self.wall_us(), outcome }))
    }

    async fn renew(
        &self,
        request: Request<wire::RenewRequest>,
    ) -> Result<Response<wire::RenewReply>, Status> {
        use wire::renew_reply::Outcome;
        let request = request.into_inner();
        let old = shared_runtime::tls::verify_renewal(
            &request.certificate_chain_der[0],
            self.authority.certificate_pem(),
            &proto::renewal_message(&request.csr_der),
            &request.signature,
            SystemClock.wall(),
        );
        let identity = old.map_err(|e| Status::permission_denied(e.to_string()))?.identity;
        let answer = self.grant(&request.csr_der, &identity.to_string());
        self.state.send_modify(|state| state.renewals.push(request));
        let outcome = Some(match answer {
            Ok(granted) => Outcome::Granted(granted),
            Err(refused) => Outcome::Refused(refused),
        });
        Ok(Response::new(wire::RenewReply { wall_us: self.wall_us(), outcome }))
    }
}

impl Double {
    fn wall_us(&self) -> i64 {
        SystemClock.wall().as_micros() + self.state.borrow().wall_offset_us
    }

    fn grant(&self, csr_der: &[u8], identity: &str) -> Result<wire::Granted, wire::Refused> {
        if let Some(code) = self.state.borrow().enrollment {
            return Err(wire::Refused { code: code.into(), detail: "as the test asked".into() });
        }
        let node = identity.parse().unwrap();
        let issued = self
            .authority
            .issue_node(csr_der, &node, SystemClock.wall(), Duration::from_secs(30 * 86_400))
            .unwrap();
        Ok(wire::Granted {
            identity: identity.to_owned(),
            certificate_chain_der: vec![issued.certificate_der.into()],
            authority_der: self.authority.certificate_der().into(),
        })
    }
}
