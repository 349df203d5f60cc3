//! The accept loop: TLS, connection caps, header limits and an orderly end.

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tower::ServiceExt;

/// Connections at once: a control room of browsers with six each, Grafana and scrapers, far below the file descriptor limit.
const CONNECTIONS_MAX: usize = 512;

/// Connections at once from one address: a proxy or a control room behind one address still fits.
const CONNECTIONS_PER_PEER_MAX: usize = 128;

/// A handshake takes two round trips; slower ones are somebody holding connections open.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// From the first to the last byte of the headers, and how long an HTTP/1.1 connection may idle.
const HEADERS: Duration = Duration::from_secs(5);

/// Request line and headers together: sessions use under 1 KiB, queries in URLs up to 8 KiB.
const HEADERS_MAX_BYTES: usize = 16 * 1_024;

/// Number of headers; browsers send about 20.
const HEADERS_MAX: usize = 64;

/// Streams of one HTTP/2 connection at once; browsers ask for about ten things at a time.
const STREAMS_MAX: u32 = 64;

/// A ping finds dead HTTP/2 peers.
const PING: Duration = Duration::from_secs(20);

/// How long requests under way may take after the end was asked for.
const DRAIN: Duration = Duration::from_secs(10);

/// A pause after `accept` failed: out of file descriptors does not pass by trying faster.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The address a request came from, in its extensions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer(pub IpAddr);

/// Wakes when the server stops, in a request's extensions: a stream ends then, since it would not by itself.
#[derive(Clone, Debug)]
pub struct Stopping(pub watch::Receiver<()>);

/// Serves `router` on `listener` until `shutdown` resolves, then lets requests under way finish for at most 10 s.
///
/// `tls` should offer ALPN `h2` and `http/1.1`; its certificate resolver may change certificates while this runs.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    shutdown: impl Future<Output = ()> + Send,
) {
    let acceptor = TlsAcceptor::from(tls);
    let slots = Arc::new(Slots::default());
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
            // Ended connections are collected as they end, so that the set stays as small as the cap.
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, from)) => {
                let peer = from.ip().to_canonical();
                let Some(slot) = Slots::take(&slots, peer) else {
                    tracing::warn!(%peer, "connection refused: too many");
                    continue;
                };
                let serving =
                    connection(stream, peer, acceptor.clone(), router.clone(), stopped.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    stop.send_replace(());
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!(left = connections.len(), "connections cut at shutdown");
        connections.shutdown().await;
    }
}

async fn connection(
    stream: TcpStream,
    peer: IpAddr,
    acceptor: TlsAcceptor,
    router: Router,
    mut stopped: watch::Receiver<()>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "no TCP_NODELAY");
    }
    let handshake = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream));
    let tls = tokio::select! {
        _ = stopped.changed() => return,
        done = handshake => match done {
            Ok(Ok(tls)) => tls,
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "handshake failed"),
            Err(_) => return tracing::debug!(%peer, "handshake timed out"),
        },
    };
    let stopping = Stopping(stopped.clone());
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(stopping.clone());
        router.clone().oneshot(request)
    });
    let builder = http_builder();
    let mut serving = pin!(builder.serve_connection(TokioIo::new(tls), service));
    let ended = tokio::select! {
        ended = &mut serving => ended,
        _ = stopped.changed() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

fn http_builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADERS_MAX_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADERS_MAX_BYTES as u32)
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}

/// Connections by peer address.
#[derive(Default)]
struct Slots(Mutex<BTreeMap<IpAddr, usize>>);

/// One connection's place; given back when dropped.
struct Slot {
    slots: Arc<Slots>,
    peer: IpAddr,
}

impl Slots {
    fn take(slots: &Arc<Self>, peer: IpAddr) -> Option<Slot> {
        let mut taken = slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= CONNECTIONS_MAX {
            return None;
        }
        let mine = taken.entry(peer).or_default();
        if *mine >= CONNECTIONS_PER_PEER_MAX {
            return None;
        }
        *mine += 1;
        Some(Slot { slots: Arc::clone(slots), peer })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = taken.get_mut(&self.peer) {
            *mine = mine.saturating_sub(1);
            if *mine == 0 {
                taken.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: connections up to both caps and one beyond. Guarantees: the caps hold exactly, and an ended connection
    /// frees its place.
    #[test]
    fn caps_hold() {
        let slots = Arc::new(Slots::default());
        let peer = |n: u8| IpAddr::from([10, 0, 0, n]);
        let take = |n| Slots::take(&slots, peer(n));
        let mut held: Vec<Slot> = (0..CONNECTIONS_PER_PEER_MAX).filter_map(|_| take(1)).collect();
        assert_eq!(held.len(), CONNECTIONS_PER_PEER_MAX);
        assert!(take(1).is_none());
        for n in 2..=4 {
            held.extend((0..CONNECTIONS_PER_PEER_MAX).filter_map(|_| take(n)));
        }
        assert_eq!(held.len(), CONNECTIONS_MAX);
        assert!(take(9).is_none());
        held.pop();
        assert!(take(9).is_some());
        drop(held);
        assert!(slots.0.lock().unwrap().is_empty());
    }
}
