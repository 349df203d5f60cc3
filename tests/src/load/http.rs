//! One kept-alive HTTP/1.1 connection whose bytes are counted as they pass the socket.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Longest answer that is taken, bytes: far above a scrape or a page of incidents.
const BODY_MAX: usize = 16 << 20;
/// For one request; a server that indexes new series under load takes seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Bytes that passed a socket.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Towards us.
    pub received: AtomicU64,
    /// From us.
    pub sent: AtomicU64,
}

impl Traffic {
    /// Both ways.
    pub fn total(&self) -> u64 {
        self.received.load(Ordering::Relaxed) + self.sent.load(Ordering::Relaxed)
    }
}

/// The connection.
pub struct Http {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    /// What passed the socket so far, headers and encryption included.
    pub traffic: Arc<Traffic>,
}

impl Http {
    /// Connects without encryption.
    pub async fn plain(address: SocketAddr) -> Result<Self> {
        let (stream, traffic) = connect(address).await?;
        Self::over(stream, address, traffic).await
    }

    /// Connects with TLS, trusting only the authority in `ca_pem`.
    pub async fn tls(address: SocketAddr, ca_pem: &[u8]) -> Result<Self> {
        let (stream, traffic) = connect(address).await?;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem).context("the collector's authority")?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::IpAddress(address.ip().into());
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.context("TLS with the collector")?;
        Self::over(stream, address, traffic).await
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        address: SocketAddr,
        traffic: Arc<Traffic>,
    ) -> Result<Self> {
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // An error of the connection shows in the request that meets it.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, host: address.to_string(), traffic })
    }

    /// Sends a request; the body of an answer of 200 to 299.
    pub async fn call(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Bytes> {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into()))?;
        let exchange = async {
            self.sender.ready().await?;
            let answer = self.sender.send_request(request).await?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), BODY_MAX).collect().await;
            Ok::<_, anyhow::Error>((status, body.map_err(anyhow::Error::from_boxed)?.to_bytes()))
        };
        let answer = tokio::time::timeout(ANSWER_WITHIN, exchange).await;
        let (status, body): (StatusCode, Bytes) = answer
            .with_context(|| format!("{path}: no answer within {} s", ANSWER_WITHIN.as_secs()))?
            .with_context(|| format!("{}{path}", self.host))?;
        if !status.is_success() {
            bail!("{}{path}: {status}: {}", self.host, String::from_utf8_lossy(&body).trim());
        }
        Ok(body)
    }

    /// Whether the server has closed the connection.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// GET without further headers.
    pub async fn get(&mut self, path: &str) -> Result<Bytes> {
        self.call(Method::GET, path, &[], Bytes::new()).await
    }
}

async fn connect(address: SocketAddr) -> Result<(Counted<TcpStream>, Arc<Traffic>)> {
    let stream = TcpStream::connect(address).await.with_context(|| address.to_string())?;
    stream.set_nodelay(true)?;
    let traffic = Arc::new(Traffic::default());
    Ok((Counted { stream, traffic: Arc::clone(&traffic) }, traffic))
}

/// A stream that counts.
struct Counted<S> {
    stream: S,
    traffic: Arc<Traffic>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let count = buf.filled().len() - before;
        self.traffic.received.fetch_add(count as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.traffic.sent.fetch_add(count as u64, Ordering::Relaxed);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
