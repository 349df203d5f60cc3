//! The accept loop of the agents' port: TCP, TLS, HTTP/2, and the client certificate handed to the services.
//!
//! Our own rather than tonic's, so that handshakes and idle connections are bounded in time and number, a refused
//! certificate is told with its sender, and a hostile connection never stops the loop.

use crate::addresses::{Addresses, Full, Place};
use crate::admissions::{Admissions, Caller};
use axum::Router;
use axum::extract::Request;
use collector_domain::AuditAction;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls_pki_types::CertificateDer;
use shared_model::Clock;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// A TLS handshake on a hospital network takes milliseconds; a peer that needs longer only holds a place.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// From the handshake to the first call: an agent makes it at once.
const CALL_WITHIN: Duration = Duration::from_secs(10);
/// A connection without a call for this long is closed; its owner opens another one when it needs it.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Connections at once: far above the 64 nodes of the largest appliance, far below the file descriptors of a service.
const CONNECTIONS_MAX: usize = 4096;
/// Handshakes at once. One that is slow costs memory only; CPU is bounded by the rates per address.
const HANDSHAKES_MAX: usize = 512;

/// Who is on the other end of a connection; in the extensions of every request.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The certificate it proved to own, verified against our CA; `None` when it showed none.
    pub certificate: Option<CertificateDer<'static>>,
    /// Held by every call under way.
    calls: Arc<Calls>,
}

/// Whether a call was ever made; how many are under way is how often it is held.
#[derive(Debug, Default)]
struct Calls {
    ever: AtomicBool,
}

/// The agents' port.
pub struct Port {
    /// Where it listens.
    pub listener: TcpListener,
    /// TLS with the check of client certificates.
    pub tls: Arc<rustls::ServerConfig>,
    /// The services.
    pub router: Router,
    /// Who was let in and who was not.
    pub admissions: Arc<Admissions>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Connections that one source address may hold.
    pub connections_per_address: usize,
}

/// Serves the port until `stop` completes.
pub async fn serve(port: Port, stop: impl Future<Output = ()>) {
    let Port { listener, tls, router, admissions, clock, connections_per_address } = port;
    let door = Door {
        acceptor: TlsAcceptor::from(tls),
        handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
        admissions,
    };
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let addresses = Addresses::new(connections_per_address);
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: waiting lets connections end, spinning would not.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(one) = Arc::clone(&connections).try_acquire_owned() else {
            let detail = format!("{CONNECTIONS_MAX} connections are open");
            door.closed(address, "connections", &detail);
            continue;
        };
        let place = match addresses.place(address.ip(), clock.boot()) {
            Ok(place) => place,
            Err(full) => {
                let (reason, detail) = match full {
                    Full::Connections(most) => (
                        "connections_per_address",
                        format!(
                            "{most} connections of this address are open: raise agents.connections_per_address if that many nodes are behind it"
                        ),
                    ),
                    Full::Rate => {
                        ("connection_rate", "too many connections in a short time".to_owned())
                    }
                };
                door.closed(address, reason, &detail);
                continue;
            }
        };
        let (door, router) = (door.clone(), router.clone());
        tokio::spawn(async move {
            if let Some((stream, certificate)) = door.handshake(stream, address, &place).await {
                let peer = Peer { address, certificate, calls: Arc::default() };
                door.http(stream, peer, router).await;
            }
            drop((one, place));
        });
    }
}

type Tls = tokio_rustls::server::TlsStream<TcpStream>;

#[derive(Clone)]
struct Door {
    acceptor: TlsAcceptor,
    handshakes: Arc<Semaphore>,
    admissions: Arc<Admissions>,
}

impl Door {
    /// Notes a connection that was closed before TLS, which costs nothing.
    fn closed(&self, address: SocketAddr, reason: &'static str, detail: &str) {
        tracing::debug!(%address, detail, "closed a connection before TLS");
        self.refused(address, reason, detail);
    }

    fn refused(&self, address: SocketAddr, reason: &'static str, detail: &str) {
        // The port changes with every connection: without it repeated refusals are one record.
        let caller = Caller::unknown(Some(address));
        self.admissions.refused(&caller, AuditAction::Connect, "agents' port", reason, detail);
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        place: &Place,
    ) -> Option<(Tls, Option<CertificateDer<'static>>)> {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%address, %error, "cannot set TCP_NODELAY");
        }
        let limited = async {
            let of_address = place.handshakes.acquire().await;
            let of_all = self.handshakes.acquire().await;
            let accepted = self.acceptor.accept(stream).await;
            drop((of_address, of_all));
            accepted
        };
        match tokio::time::timeout(HANDSHAKE_WITHIN, limited).await {
            Ok(Ok(stream)) => {
                let (_, session) = stream.get_ref();
                let certificate = session.peer_certificates().and_then(|chain| chain.first());
                let certificate = certificate.cloned().map(CertificateDer::into_owned);
                Some((stream, certificate))
            }
            Ok(Err(error)) => {
                tracing::warn!(%address, %error, "refused a connection: TLS handshake failed");
                self.refused(address, "handshake", &format!("the TLS handshake failed: {error}"));
                None
            }
            Err(_) => {
                tracing::warn!(%address, "refused a connection: no TLS handshake within 5 s");
                self.refused(address, "handshake_timeout", "no TLS handshake within 5 s");
                None
            }
        }
    }

    async fn http(&self, stream: Tls, peer: Peer, router: Router) {
        let address = peer.address;
        let calls = Arc::clone(&peer.calls);
        let service = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
            peer.calls.ever.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(peer.clone());
            request
        });
        // The service holds it once, and this function.
        let idle = Arc::strong_count(&calls);
        let mut builder = Builder::new(TokioExecutor::new()).http2_only();
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(10))
            .max_concurrent_streams(16)
            .max_header_list_size(16 << 10)
            .max_pending_accept_reset_streams(Some(20));
        let io = TokioIo::new(stream);
        let mut connection = pin!(builder.serve_connection(io, TowerToHyperService::new(service)));
        let never_called = async {
            tokio::time::sleep(CALL_WITHIN).await;
            if calls.ever.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        let mut never_called = pin!(never_called);
        let mut unused = pin!(unused(&calls, idle));
        let mut closing = false;
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                () = &mut never_called => {
                    tracing::warn!(%address, "closed a connection: no call within 10 s");
                    self.refused(address, "no_call", "no call within 10 s of the TLS handshake");
                    return;
                }
                () = &mut unused, if !closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%address, %error, "connection ended");
        }
    }
}

/// Ready when no call was under way for as long as a connection may be idle.
async fn unused(calls: &Arc<Calls>, idle: usize) {
    let mut quiet = 0;
    while quiet < 3 {
        tokio::time::sleep(IDLE_MAX / 3).await;
        quiet = if Arc::strong_count(calls) > idle { 0 } else { quiet + 1 };
    }
}
