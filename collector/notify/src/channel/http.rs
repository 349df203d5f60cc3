//! One POST, one answer, nothing kept open. Notifications are rare, so a fresh connection per message costs nothing and leaves
//! nothing half-open.

use super::{Answer, ChannelError, Target};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Of an answer's body: enough to say why, and a bound on what a receiver can make us hold.
const ANSWER_MAX_BYTES: usize = 8 << 10;
/// Of what a receiver said, in a trace.
const WORDS_MAX_CHARS: usize = 120;
/// Where distributions keep the authorities that the machine trusts.
const SYSTEM_CA: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
];

/// The machine's own list of authorities.
pub fn system_ca() -> Option<&'static Path> {
    SYSTEM_CA.into_iter().map(Path::new).find(|path| path.is_file())
}

/// Where messages are posted to, and how.
pub(crate) struct Poster {
    target: Target,
    tls: Option<Arc<ClientConfig>>,
    timeout: Duration,
}

/// What was answered.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// At most [`ANSWER_MAX_BYTES`]; empty when it broke off.
    pub(crate) body: Vec<u8>,
}

impl Poster {
    /// `ca_file` is a PEM file of authorities; without it the machine's own are trusted. `timeout` bounds connecting, the TLS
    /// handshake and the answer together.
    pub(crate) fn new(
        target: Target,
        ca_file: Option<&Path>,
        timeout: Duration,
    ) -> Result<Self, ChannelError> {
        let tls = match (target.is_tls(), ca_file) {
            (false, _) => None,
            (true, Some(path)) => Some(client_tls(path)?),
            (true, None) => Some(client_tls(system_ca().ok_or(ChannelError::NoSystemCa)?)?),
        };
        Ok(Self { target, tls, timeout })
    }

    /// Posts one message. `query` is added to the target's own; `timeout` shortens the poster's own.
    pub(crate) async fn post(
        &self,
        query: &str,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
        timeout: Option<Duration>,
    ) -> Result<Reply, Answer> {
        let unreachable = |why: String| Answer::Unreachable { why, asked: None };
        let limit = timeout.unwrap_or(self.timeout).min(self.timeout);
        let request = self.request(query, headers, body).map_err(unreachable)?;
        match tokio::time::timeout(limit, self.exchange(request)).await {
            Ok(reply) => reply.map_err(unreachable),
            Err(_) => Err(unreachable(format!("no answer within {} s", limit.as_secs_f64()))),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, String> {
        let (host, port) = (self.target.host(), self.target.port());
        let tcp = TcpStream::connect((host, port))
            .await
            .map_err(|e| format!("connect to {host}:{port}: {e}"))?;
        match &self.tls {
            None => exchange(tcp, request).await,
            Some(tls) => {
                let name = self.target.server_name()?;
                let stream = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await;
                exchange(stream.map_err(|e| format!("TLS with {host}: {e}"))?, request).await
            }
        }
    }

    fn request(
        &self,
        query: &str,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, String> {
        let path = self.target.path();
        let join = match (query.is_empty(), path.contains('?')) {
            (true, _) => "",
            (false, true) => "&",
            (false, false) => "?",
        };
        let mut request = Request::post(format!("{path}{join}{query}"))
            .header(header::HOST, self.target.authority())
            .header(header::USER_AGENT, concat!("wardround/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            let value = HeaderValue::from_str(value)
                .map_err(|_| format!("the header {name} has a value that HTTP does not carry"))?;
            request = request.header(*name, value);
        }
        request.body(Full::new(Bytes::from(body))).map_err(|e| format!("make the request: {e}"))
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Reply, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|e| format!("speak HTTP: {e}"))?;
    let talk = async move {
        let response = sender.send_request(request).await.map_err(|e| format!("send: {e}"))?;
        let (parts, body) = response.into_parts();
        // The status decides; a body that breaks off or is too long only says less.
        let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await;
        let body = body.map(|b| b.to_bytes().to_vec()).unwrap_or_default();
        Ok(Reply { status: parts.status, headers: parts.headers, body })
    };
    // The connection is driven beside the talk and ends with it, so nothing outlives a message.
    tokio::pin!(talk);
    tokio::pin!(connection);
    tokio::select! {
        reply = &mut talk => reply,
        ended = &mut connection => match ended {
            // Closed by the receiver after its answer: what it said is still to be read.
            Ok(()) => talk.await,
            Err(e) => Err(format!("the connection broke: {e}")),
        }
    }
}

impl Reply {
    /// What the status means: 2xx taken; 429 and whatever names a time to come back, patience; 408, 425 and 5xx may pass; the
    /// rest, redirections too, is refused.
    pub(crate) fn answer(&self) -> Answer {
        answer(self.status, &self.headers, &words(&self.body))
    }
}

fn answer(status: StatusCode, headers: &HeaderMap, words: &str) -> Answer {
    let number = status.as_u16();
    let why = match words {
        "" => format!("HTTP {status}"),
        words => format!("HTTP {status}: {words}"),
    };
    let asked = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    // A date instead of seconds is rare; our own wait serves then.
    let asked = asked.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    match number {
        200..=299 => Answer::Told { status: number },
        429 => Answer::Unreachable { why, asked },
        503 if asked.is_some() => Answer::Unreachable { why, asked },
        408 | 425 | 500..=599 => Answer::Failed { why },
        300..=399 => {
            Answer::Refused { status: number, why: format!("{why}; redirections are not followed") }
        }
        _ => Answer::Refused { status: number, why },
    }
}

/// What a receiver said, as one short printable line.
pub(crate) fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(WORDS_MAX_CHARS).collect::<String>().trim().to_owned()
}

fn client_tls(ca_file: &Path) -> Result<Arc<ClientConfig>, ChannelError> {
    let read = |source| ChannelError::Read { path: ca_file.to_owned(), source };
    let pem = std::fs::read(ca_file).map_err(read)?;
    let mut roots = RootCertStore::empty();
    // A machine's list may hold an authority that this library does not take; the others count.
    let (added, _) = roots
        .add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    if added == 0 {
        return Err(ChannelError::NoCertificate(ca_file.to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        // Receivers are other people's, and some know only TLS 1.2.
        .with_safe_default_protocol_versions()
        .map_err(ChannelError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every class of status, with and without Retry-After. Guarantees: taken, refused, may pass, or patience as the
    /// receiver asked.
    #[test]
    fn statuses_mean_what_they_say() {
        let kind = |status: u16, after: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(after) = after {
                headers.insert(header::RETRY_AFTER, after.parse().unwrap());
            }
            match answer(StatusCode::from_u16(status).unwrap(), &headers, "x") {
                Answer::Told { .. } => "told".to_owned(),
                Answer::Refused { .. } => "refused".to_owned(),
                Answer::Failed { .. } => "failed".to_owned(),
                Answer::Unreachable { asked, .. } => {
                    format!("wait {:?}", asked.map(|a| a.as_secs()))
                }
            }
        };
        for (status, after, expected) in [
            (200, None, "told"),
            (204, None, "told"),
            (302, None, "refused"),
            (400, None, "refused"),
            (401, None, "refused"),
            (404, Some("5"), "refused"),
            (408, None, "failed"),
            (429, None, "wait None"),
            (429, Some("7"), "wait Some(7)"),
            (429, Some("Wed, 25 Nov 2026 10:00:00 GMT"), "wait None"),
            (500, None, "failed"),
            (503, None, "failed"),
            (503, Some("30"), "wait Some(30)"),
        ] {
            assert_eq!(kind(status, after), expected, "{status} {after:?}");
        }
    }

    /// Scenario: what a receiver says holds control characters, no UTF-8, or much text. Guarantees: one short printable line.
    #[test]
    fn what_receivers_say_is_cut() {
        assert_eq!(words(b" no\nsuch\x1b[31m hook "), "no such [31m hook");
        assert_eq!(words(&[0xff; 4_000]).chars().count(), WORDS_MAX_CHARS);
    }
}
