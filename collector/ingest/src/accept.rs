//! The accept loop of the agents' port: TCP, TLS, HTTP/2, and the client certificate handed to the services.
//!
//! Our own rather than tonic's, so that handshakes are bounded in time and number, a refused certificate is logged with
//! its sender, and a hostile connection never stops the loop.

use axum::Router;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls_pki_types::CertificateDer;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// A TLS handshake on a hospital network takes milliseconds; a peer that needs longer only holds a place.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// Connections at once: far above the 64 nodes of the largest appliance, far below the file descriptors of a service.
const CONNECTIONS_MAX: usize = 4096;
/// Handshakes at once: each costs a quarter of a millisecond of CPU, so that this many never starve the streams.
const HANDSHAKES_MAX: usize = 64;

/// Who is on the other end of a connection; in the extensions of every request.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The certificate it proved to own, verified against our CA; `None` when it showed none.
    pub certificate: Option<CertificateDer<'static>>,
}

/// Serves `router` on `listener` until `stop` completes.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let acceptor = TlsAcceptor::from(tls);
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    let mut stop = std::pin::pin!(stop);
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
        let Ok(place) = Arc::clone(&connections).try_acquire_owned() else {
            tracing::warn!(%address, limit = CONNECTIONS_MAX, "too many connections, closed one before TLS");
            continue;
        };
        let (acceptor, handshakes) = (acceptor.clone(), Arc::clone(&handshakes));
        let router = router.clone();
        tokio::spawn(async move {
            if let Some((stream, certificate)) =
                handshake(stream, address, &acceptor, &handshakes).await
            {
                http(stream, Peer { address, certificate }, router).await;
            }
            drop(place);
        });
    }
}

type Tls = tokio_rustls::server::TlsStream<TcpStream>;

async fn handshake(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: &TlsAcceptor,
    handshakes: &Semaphore,
) -> Option<(Tls, Option<CertificateDer<'static>>)> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%address, %error, "cannot set TCP_NODELAY");
    }
    let limited = async {
        let place = handshakes.acquire().await;
        let accepted = acceptor.accept(stream).await;
        drop(place);
        accepted
    };
    match tokio::time::timeout(HANDSHAKE_WITHIN, limited).await {
        Ok(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            let certificate = session.peer_certificates().and_then(|chain| chain.first()).cloned();
            Some((stream, certificate.map(CertificateDer::into_owned)))
        }
        Ok(Err(error)) => {
            tracing::warn!(%address, %error, "refused a connection: TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::warn!(%address, "refused a connection: no TLS handshake within 5 s");
            None
        }
    }
}

async fn http(stream: Tls, peer: Peer, router: Router) {
    let address = peer.address;
    let service = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer.clone());
        request
    });
    let mut builder = Builder::new(TokioExecutor::new()).http2_only();
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(16)
        .max_header_list_size(16 << 10)
        .max_pending_accept_reset_streams(Some(20));
    let served =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await;
    if let Err(error) = served {
        tracing::debug!(%address, %error, "connection ended");
    }
}
