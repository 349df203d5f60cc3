//! Getting and renewing the node's certificate.

use crate::host::host_facts;
use crate::link::{LinkError, call_failure, connect};
use proto::limits::{MAX_CHAIN, MAX_DER_BYTES, MAX_MESSAGE_BYTES};
use proto::wire::enrollment_client::EnrollmentClient;
use proto::{renewal_message, wire};
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use shared_model::{Clock, NodeIdentity, Timestamp};
use shared_runtime::tls::{
    IdentityError, JoinToken, NodeCredentials, NodeKey, NodeKeyError, TlsError, client_config,
    identity_of, pinned_client_config, spki_pin, validity_of,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tonic::{Response, Status};

/// For the answer; the collector writes the use of the token to disk before it gives one.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What a node has after joining or renewing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    /// Who it is.
    pub identity: NodeIdentity,
    /// Last instant at which its certificate is valid.
    pub not_after: Timestamp,
    /// Collector's wall clock minus the node's, microseconds; wrong by at most the time the call took.
    pub clock_offset_us: i64,
}

/// Why there is no certificate; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The collector's authority is not the one in the token.
    #[error(
        "the authority of the collector at {address} does not match the token: possible interception, or the token of another collector; do not go on before it is clear which"
    )]
    Pin {
        /// The address.
        address: String,
    },
    /// The collector could not be reached or asked.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The token is not known, was used, or is too old.
    #[error(
        "the token {problem}: ask for a new one, which 'wardround-collector token create' prints on the collector{clock}"
    )]
    Token {
        /// What is wrong with it.
        problem: &'static str,
        /// A hint when the clocks differ, else empty.
        clock: String,
    },
    /// The collector refused for another reason.
    #[error("the collector refused: {detail}")]
    Refused {
        /// Its words.
        detail: String,
    },
    /// The answer is not what was asked for.
    #[error("the collector's answer is not usable: {problem}")]
    Answer {
        /// What is wrong with it.
        problem: String,
    },
    /// The key or its files failed.
    #[error(transparent)]
    Key(#[from] NodeKeyError),
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Joins the node: makes a key, proves the token to the collector whose authority the token pins, and stores key,
/// certificate and authority in `data_dir` (created when missing). Nothing is stored on failure.
pub async fn join(
    address: &str,
    token: &JoinToken,
    requested: Option<&NodeIdentity>,
    data_dir: &Path,
    agent_version: &str,
    clock: &dyn Clock,
) -> Result<Joined, EnrollError> {
    let key = NodeKey::generate()?;
    let request = wire::JoinRequest {
        token_id: token.id.clone(),
        token_secret: token.secret.expose().to_owned(),
        csr_der: key.request_der()?.into(),
        requested_identity: requested.map(ToString::to_string).unwrap_or_default(),
        host: Some(host_facts()),
        wall_us: clock.wall().as_micros(),
        agent_version: agent_version.to_owned(),
    };
    let pinned = pinned_client_config(token.pin)?;
    let connected = client(address, pinned).await;
    let mut client = connected.map_err(|error| match error {
        LinkError::Authority { address, .. } => EnrollError::Pin { address },
        other => EnrollError::Link(other),
    })?;
    let reply = answer(address, client.join(request)).await?;
    let offset_us = reply.wall_us.saturating_sub(clock.wall().as_micros());
    let granted = match reply.outcome {
        Some(wire::join_reply::Outcome::Granted(granted)) => granted,
        Some(wire::join_reply::Outcome::Refused(refused)) => {
            return Err(refusal(&refused, offset_us));
        }
        None => return Err(unusable("it is empty")),
    };
    if spki_pin(&CertificateDer::from(granted.authority_der.to_vec())) != Some(token.pin) {
        return Err(EnrollError::Pin { address: address.to_owned() });
    }
    std::fs::create_dir_all(data_dir).map_err(|source| {
        NodeKeyError::Write(shared_runtime::FileError { path: data_dir.to_owned(), source })
    })?;
    store(&granted, &key, data_dir, offset_us)
}

/// Renews the certificate of a joined node, even an expired one: makes a new key and proves the old one.
pub async fn renew(
    address: &str,
    data_dir: &Path,
    agent_version: &str,
    clock: &dyn Clock,
) -> Result<Joined, EnrollError> {
    let old = NodeCredentials::load(data_dir)?;
    let authority = first_certificate(&old.ca_pem, "ca.crt")?;
    let pin =
        spki_pin(&authority).ok_or_else(|| unusable("ca.crt in the data folder is damaged"))?;
    let chain = CertificateDer::pem_slice_iter(old.certificate_pem.as_bytes());
    let chain: Result<Vec<_>, _> = chain.collect();
    let chain = chain.map_err(|e| unusable(format!("node.crt in the data folder: {e}")))?;
    let key = NodeKey::generate()?;
    let csr_der = key.request_der()?;
    let signature = NodeKey::from_pem(&old.key_pem)?.sign(&renewal_message(&csr_der))?;
    let request = wire::RenewRequest {
        csr_der: csr_der.into(),
        certificate_chain_der: chain.iter().map(|c| c.to_vec().into()).collect(),
        signature: signature.into(),
        wall_us: clock.wall().as_micros(),
        agent_version: agent_version.to_owned(),
    };
    // Without the old certificate in the handshake: it may have expired, and the call proves it by itself.
    let mut client = client(address, pinned_client_config(pin)?).await?;
    let reply = answer(address, client.renew(request)).await?;
    let offset_us = reply.wall_us.saturating_sub(clock.wall().as_micros());
    let granted = match reply.outcome {
        Some(wire::renew_reply::Outcome::Granted(granted)) => granted,
        Some(wire::renew_reply::Outcome::Refused(refused)) => {
            return Err(refusal(&refused, offset_us));
        }
        None => return Err(unusable("it is empty")),
    };
    if granted.authority_der != *authority {
        return Err(unusable("it comes with another authority"));
    }
    store(&granted, &key, data_dir, offset_us)
}

async fn client(
    address: &str,
    tls: ClientConfig,
) -> Result<EnrollmentClient<tonic::transport::Channel>, LinkError> {
    let channel = connect(address, Arc::new(tls)).await?;
    Ok(EnrollmentClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES))
}

async fn answer<T>(
    address: &str,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, LinkError> {
    let answered = timeout(ANSWER_TIMEOUT, call).await.map_err(|_| LinkError::Timeout {
        address: address.to_owned(),
        step: "the answer",
        limit: ANSWER_TIMEOUT,
    })?;
    answered.map(Response::into_inner).map_err(|status| call_failure(address, &status))
}

fn refusal(refused: &wire::Refused, offset_us: i64) -> EnrollError {
    use wire::RefusalCode as Code;
    let seconds = offset_us / 1_000_000;
    let clock = match seconds {
        -60..=60 => String::new(),
        s => format!(
            " (this node's clock is {} s {} the collector's)",
            s.abs(),
            if s > 0 { "behind" } else { "ahead of" }
        ),
    };
    match refused.code() {
        Code::TokenUnknown => {
            EnrollError::Token { problem: "is not known to this collector", clock }
        }
        Code::TokenUsed => EnrollError::Token { problem: "was used before", clock },
        Code::TokenExpired => EnrollError::Token { problem: "has expired", clock },
        Code::Identity | Code::SigningRequest | Code::Certificate | Code::Unspecified => {
            EnrollError::Refused { detail: refused.detail.chars().take(400).collect() }
        }
    }
}

/// Checks what was granted and writes the files.
fn store(
    granted: &wire::Granted,
    key: &NodeKey,
    data_dir: &Path,
    clock_offset_us: i64,
) -> Result<Joined, EnrollError> {
    let chain = &granted.certificate_chain_der;
    let sizes = chain.iter().chain([&granted.authority_der]).all(|der| der.len() <= MAX_DER_BYTES);
    let leaf = chain.first().filter(|_| sizes && chain.len() <= MAX_CHAIN);
    let leaf = leaf.ok_or_else(|| unusable("it holds no certificate, or too much"))?;
    let leaf = CertificateDer::from(leaf.to_vec());
    let wrong = |e: IdentityError| unusable(e.to_string());
    let identity = identity_of(&leaf).map_err(wrong)?;
    let (_, not_after) = validity_of(&leaf).map_err(wrong)?;
    let certificate_pem: String = chain.iter().map(|der| pem(der)).collect();
    let ca_pem = pem(&granted.authority_der);
    let credentials = NodeCredentials { key_pem: key.pem(), certificate_pem, ca_pem };
    // Refuses a certificate that is not for the key just made, before anything on disk is replaced.
    client_config(&credentials)?;
    credentials.store(data_dir)?;
    Ok(Joined { identity, not_after, clock_offset_us })
}

fn first_certificate(pem: &str, what: &str) -> Result<CertificateDer<'static>, EnrollError> {
    let parsed = CertificateDer::from_pem_slice(pem.as_bytes());
    parsed.map_err(|e| unusable(format!("{what} in the data folder: {e}")))
}

fn unusable(problem: impl Into<String>) -> EnrollError {
    EnrollError::Answer { problem: problem.into() }
}

/// A certificate in PEM (RFC 7468: 64 characters a line).
fn pem(der: &[u8]) -> String {
    let base64 = data_encoding::BASE64.encode(der);
    let lines =
        base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    let body: String = lines.collect();
    format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
}
