//! Asking an HTTP endpoint for one document: one GET, one answer within limits, nothing kept open in between and no
//! redirection followed, so that a foreign program decides neither where the agent connects nor how much it holds.

mod target;

pub(crate) use target::Target;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use shared_runtime::Secret;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where distributions keep the authorities that the machine trusts.
const SYSTEM_CA: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
];

/// What is asked for: the text format of Prometheus; JSON is taken by whoever asks for a document.
const ACCEPT: &str = "text/plain;version=0.0.4,*/*;q=0.1";

/// An endpoint with what is needed to ask it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    target: Target,
    ca_file: Option<PathBuf>,
    bearer_token_file: Option<PathBuf>,
    max_body_bytes: usize,
    /// Made at the first use, so that a CA file that is missing at the start is read once it is there.
    tls: Option<Arc<ClientConfig>>,
}

impl Endpoint {
    /// An endpoint that answers with at most `max_body_bytes`.
    pub(crate) fn new(
        target: Target,
        ca_file: Option<PathBuf>,
        bearer_token_file: Option<PathBuf>,
        max_body_bytes: usize,
    ) -> Self {
        Self { target, ca_file, bearer_token_file, max_body_bytes, tls: None }
    }

    /// Where it is, for messages.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Its answer's body, or why there is none as a lower-case fragment. The caller bounds the time. Cancel-safe: a cut call
    /// leaves nothing behind.
    pub(crate) async fn get(&mut self) -> Result<Bytes, String> {
        let request = self.request()?;
        let (host, port) = (self.target.host(), self.target.port());
        let tcp = TcpStream::connect((host, port));
        let tcp = tcp.await.map_err(|e| format!("connect to {host}:{port}: {e}"))?;
        if !self.target.is_tls() {
            return exchange(tcp, request, self.max_body_bytes).await;
        }
        let tls = match &self.tls {
            Some(tls) => Arc::clone(tls),
            None => Arc::clone(self.tls.insert(client_tls(self.ca_file.as_deref())?)),
        };
        let stream = TlsConnector::from(tls).connect(self.target.server_name()?, tcp).await;
        let stream = stream.map_err(|e| format!("TLS with {}: {e}", self.target.host()))?;
        exchange(stream, request, self.max_body_bytes).await
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, String> {
        let mut request = Request::get(self.target.path())
            .header(header::HOST, self.target.authority())
            .header(header::USER_AGENT, concat!("wardround/", env!("CARGO_PKG_VERSION")))
            .header(header::ACCEPT, ACCEPT);
        if let Some(path) = &self.bearer_token_file {
            let token = Secret::from_file(path).map_err(|e| e.to_string())?;
            let value = header::HeaderValue::from_str(&format!("Bearer {}", token.expose()));
            let mut value = value
                .map_err(|_| format!("{} holds what cannot be sent as a token", path.display()))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        request.body(Empty::new()).map_err(|e| format!("make the request: {e}"))
    }
}

async fn exchange<S>(
    stream: S,
    request: Request<Empty<Bytes>>,
    max_body_bytes: usize,
) -> Result<Bytes, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|e| format!("speak HTTP: {e}"))?;
    let talk = async move {
        let response = sender.send_request(request).await.map_err(|e| format!("ask: {e}"))?;
        let (parts, body) = response.into_parts();
        if parts.status != StatusCode::OK {
            return Err(format!("answered HTTP {}", parts.status));
        }
        let body = Limited::new(body, max_body_bytes).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|error| {
            match error.downcast_ref::<http_body_util::LengthLimitError>() {
                Some(_) => format!("answered with more than {max_body_bytes} bytes"),
                None => format!("the answer broke off: {error}"),
            }
        })
    };
    // The connection is driven beside the talk and ends with it, so that nothing outlives a round.
    tokio::pin!(talk);
    tokio::pin!(connection);
    tokio::select! {
        answer = &mut talk => answer,
        ended = &mut connection => match ended {
            // Closed by the other side after its answer, which is still to be read.
            Ok(()) => talk.await,
            Err(e) => Err(format!("the connection broke: {e}")),
        }
    }
}

fn client_tls(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let system = || SYSTEM_CA.into_iter().map(Path::new).find(|path| path.is_file());
    let ca_file = ca_file.or_else(system).ok_or(
        "no list of trusted authorities on this machine: install ca-certificates or name one with ca_file",
    )?;
    let pem = std::fs::read(ca_file).map_err(|e| format!("read {}: {e}", ca_file.display()))?;
    let mut roots = RootCertStore::empty();
    // A machine's list may hold an authority that this library does not take; the others count.
    let (added, _) = roots
        .add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    if added == 0 {
        return Err(format!("{} holds no certificate in PEM", ca_file.display()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        // Exporters are other people's, and some know only TLS 1.2.
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("prepare TLS: {e}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
