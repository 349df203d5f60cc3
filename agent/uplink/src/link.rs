//! One TLS connection to the collector, and what to tell people when there is none.

use hyper_util::rt::TokioIo;
use rustix::net::sockopt::set_tcp_user_timeout;
use rustls::{CertificateError, ClientConfig};
use rustls_pki_types::{ServerName, UnixTime};
use shared_runtime::tls::COLLECTOR_NAME;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tower::service_fn;

/// For name resolution and TCP; longer is no sign of life worth waiting for on a hospital's network.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// For the TLS handshake, which costs both ends a millisecond.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// What the collector's host does not confirm for this long is not sent any more. A session is left sooner; without this the
/// kernel would deliver its last words when the network is back, and the node would seem heard before it is.
const UNCONFIRMED_MAX: Duration = Duration::from_secs(10);

/// Why there is no session with the collector; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No TCP connection.
    #[error(
        "cannot reach the collector at {address}: check the address, the network and that the collector runs"
    )]
    Reach {
        /// The address.
        address: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// A step took too long.
    #[error("the collector at {address} does not answer: {step} took longer than {} s", limit.as_secs())]
    Timeout {
        /// The address.
        address: String,
        /// Which step.
        step: &'static str,
        /// How long it may take.
        limit: Duration,
    },
    /// The collector's certificate is not from the authority this node trusts.
    #[error(
        "the collector at {address} does not belong to the authority this node trusts: possible interception, or another collector's token or data folder; compare with the collector before going on"
    )]
    Authority {
        /// The address.
        address: String,
        /// What rustls said.
        #[source]
        source: rustls::Error,
    },
    /// The collector's certificate is not valid at the node's time.
    #[error(
        "the collector's certificate {problem} by this node's clock: set the clock (by how much it is off: {off_s} s if the certificate is fresh)"
    )]
    Clock {
        /// `is not valid yet` or `has expired`.
        problem: &'static str,
        /// Seconds between the node's clock and the nearest end of the certificate's validity.
        off_s: u64,
    },
    /// The collector refused the node's certificate.
    #[error(
        "certificate refused by the collector at {address} ({reason}): if it was revoked or has expired, run 'wardround-agent join' with a new token; the collector's log names the reason"
    )]
    Certificate {
        /// The address.
        address: String,
        /// The alert, or the collector's words.
        reason: String,
    },
    /// TLS failed otherwise.
    #[error("the TLS handshake with {address} failed")]
    Tls {
        /// The address.
        address: String,
        /// What failed.
        #[source]
        source: std::io::Error,
    },
    /// The connection or the call broke.
    #[error("the connection to the collector was lost: {0}")]
    Lost(String),
    /// The collector does not keep to the contract.
    #[error("the collector at {address} does not speak this agent's protocol: {problem}")]
    Protocol {
        /// The address.
        address: String,
        /// What was wrong.
        problem: String,
    },
}

/// Connects to `host:port` and makes the connection usable for calls. The name that is checked is the one every
/// collector's certificate carries, not the address.
pub(crate) async fn connect(address: &str, tls: Arc<ClientConfig>) -> Result<Channel, LinkError> {
    let late = |step, limit| LinkError::Timeout { address: address.to_owned(), step, limit };
    let tcp = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
    let tcp = tcp.map_err(|_| late("connecting", CONNECT_TIMEOUT))?.and_then(|tcp| {
        tcp.set_nodelay(true)?;
        let unconfirmed_ms = u32::try_from(UNCONFIRMED_MAX.as_millis()).unwrap_or(u32::MAX);
        set_tcp_user_timeout(&tcp, unconfirmed_ms)?;
        Ok(tcp)
    });
    let tcp = tcp.map_err(|source| LinkError::Reach { address: address.to_owned(), source })?;
    let name = ServerName::try_from(COLLECTOR_NAME).expect("a constant DNS name is valid");
    let handshake = TlsConnector::from(tls).connect(name, tcp);
    let stream = timeout(HANDSHAKE_TIMEOUT, handshake).await;
    let stream = stream.map_err(|_| late("the TLS handshake", HANDSHAKE_TIMEOUT))?;
    let stream = stream.map_err(|error| tls_failure(address, error))?;
    // The channel would connect again by itself; the connection is handed out once, so that every loss is seen here.
    let once = Arc::new(Mutex::new(Some(TokioIo::new(stream))));
    let connector = service_fn(move |_| {
        let stream = once.lock().unwrap_or_else(PoisonError::into_inner).take();
        std::future::ready(
            stream.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected)),
        )
    });
    // The scheme only tells the channel not to add TLS of its own.
    let endpoint = Endpoint::from_static("http://collector.wardround.internal");
    let channel = endpoint.connect_with_connector(connector).await;
    channel.map_err(|e| LinkError::Lost(chain(&e)))
}

/// Whether the collector at `host:port` can be reached, and proves that it belongs to the authority this node trusts. Opens
/// no session, so that a running agent keeps its own.
pub async fn reach(address: &str, tls: Arc<ClientConfig>) -> Result<(), LinkError> {
    connect(address, tls).await.map(drop)
}

/// What a failed handshake means.
fn tls_failure(address: &str, error: std::io::Error) -> LinkError {
    let address = address.to_owned();
    let Some(cause) = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) else {
        return LinkError::Tls { address, source: error };
    };
    match cause {
        rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
            time,
            not_before,
        }) => LinkError::Clock {
            problem: "is not valid yet",
            off_s: seconds_between(*time, *not_before),
        },
        rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { time, not_after }) => {
            LinkError::Clock { problem: "has expired", off_s: seconds_between(*not_after, *time) }
        }
        rustls::Error::InvalidCertificate(_) => {
            LinkError::Authority { address, source: cause.clone() }
        }
        _ => LinkError::Tls { address, source: error },
    }
}

/// What a failed call means. With TLS 1.3 a refused certificate shows only here, as an alert under a lost connection.
pub(crate) fn call_failure(address: &str, status: &Status) -> LinkError {
    let address = address.to_owned();
    let text = chain(status);
    match (status.code(), refusal_in(&text)) {
        (_, Some(alert)) => LinkError::Certificate { address, reason: alert.to_owned() },
        (Code::Unauthenticated | Code::PermissionDenied, _) => {
            LinkError::Certificate { address, reason: status.message().to_owned() }
        }
        (Code::Unimplemented | Code::InvalidArgument | Code::OutOfRange, _) => {
            LinkError::Protocol { address, problem: status.message().to_owned() }
        }
        _ => LinkError::Lost(text),
    }
}

/// Alerts by which a server refuses a client's certificate (RFC 8446 §6.2).
const REFUSALS: [&str; 9] = [
    "BadCertificate",
    "UnsupportedCertificate",
    "CertificateRevoked",
    "CertificateExpired",
    "CertificateUnknown",
    "UnknownCA",
    "AccessDenied",
    "DecryptError",
    "CertificateRequired",
];

/// The alert in an error's text, where it refuses a certificate. On the way through HTTP/2 the error is reduced to its
/// text, so its type cannot be asked.
fn refusal_in(text: &str) -> Option<&str> {
    let (_, alert) = text.split_once("received fatal alert: ")?;
    REFUSALS.into_iter().find(|name| alert.starts_with(name))
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

fn seconds_between(earlier: UnixTime, later: UnixTime) -> u64 {
    later.as_secs().saturating_sub(earlier.as_secs())
}
