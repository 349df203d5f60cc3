//! `wardround.agent.v1.Enrollment`: from a one-time token to a certificate, and from an old certificate to a new one.
//!
//! A refusal is an answer, not a status, so that the agent learns the collector's time with it and can tell its operator
//! what to do. Every refusal is logged with the peer's address.

use crate::Peer;
use crate::admissions::{Admissions, Caller};
use collector_domain::AuditAction;
use proto::wire::enrollment_server::Enrollment;
use proto::wire::{self, JoinReply, JoinRequest, RefusalCode, RenewReply, RenewRequest};
use shared_model::{Clock, NodeIdentity};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// A certificate that was granted.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Who the certificate is for.
    pub identity: NodeIdentity,
    /// The certificate, DER.
    pub certificate_der: Vec<u8>,
    /// The CA, DER.
    pub authority_der: Vec<u8>,
}

/// Why a certificate was not granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotGranted {
    /// Stable code.
    pub code: RefusalCode,
    /// What was wrong and what to do.
    pub detail: String,
}

/// What a node offers with its token.
#[derive(Clone, Debug)]
pub struct JoinOffer {
    /// Which token.
    pub token_id: String,
    /// Its secret.
    pub token_secret: shared_runtime::Secret,
    /// Signing request, DER.
    pub csr_der: Vec<u8>,
    /// Identity the node asked for; `None` takes the token's.
    pub identity: Option<NodeIdentity>,
}

/// What a node offers to renew.
#[derive(Clone, Debug)]
pub struct RenewOffer {
    /// Signing request of the new key, DER.
    pub csr_der: Vec<u8>,
    /// The old certificate, DER.
    pub certificate_der: Vec<u8>,
    /// Signature by the old key.
    pub signature: Vec<u8>,
}

/// Decides on certificates. Implemented by the daemon over its CA and its settings log.
pub trait Registrar: Send + Sync + 'static {
    /// Consumes the token and grants a certificate, or refuses; a granted token is durably used up.
    fn join(&self, offer: &JoinOffer) -> Result<Granted, NotGranted>;
    /// Grants a certificate to the holder of an old one.
    fn renew(&self, offer: &RenewOffer) -> Result<Granted, NotGranted>;
}

/// The service.
pub struct EnrollmentService {
    registrar: Arc<dyn Registrar>,
    clock: Arc<dyn Clock>,
    admissions: Arc<Admissions>,
}

impl EnrollmentService {
    /// The service over a registrar.
    pub fn new(
        registrar: Arc<dyn Registrar>,
        clock: Arc<dyn Clock>,
        admissions: Arc<Admissions>,
    ) -> Self {
        Self { registrar, clock, admissions }
    }

    /// Notes in the book at the door what was decided on a certificate.
    fn book(
        &self,
        from: Option<std::net::SocketAddr>,
        action: AuditAction,
        object: &str,
        decided: &Result<Granted, NotGranted>,
    ) {
        match decided {
            Ok(granted) => {
                let caller = Caller { who: granted.identity.to_string(), from };
                self.admissions.admitted(&caller, action, object);
            }
            Err(refused) => {
                let caller = Caller::unknown(from);
                let reason = code_word(refused.code);
                self.admissions.refused(&caller, action, object, reason, &refused.detail);
            }
        }
    }

    /// Signing and syncing take milliseconds of a worker thread: not on the threads that carry the streams.
    async fn decide(
        &self,
        decide: impl FnOnce(&dyn Registrar) -> Result<Granted, NotGranted> + Send + 'static,
    ) -> Result<Result<Granted, NotGranted>, Status> {
        let registrar = Arc::clone(&self.registrar);
        tokio::task::spawn_blocking(move || decide(&*registrar)).await.map_err(|_| {
            Status::internal("the request could not be decided; see the collector's log")
        })
    }
}

#[tonic::async_trait]
impl Enrollment for EnrollmentService {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinReply>, Status> {
        let (from, address) = (peer(&request), address(&request));
        let message = request.into_inner();
        let token_id: String = message.token_id.chars().take(64).collect();
        let identity = match message.requested_identity.as_str() {
            "" => Ok(None),
            text => text.parse().map(Some),
        };
        let decided = match identity {
            Err(error) => {
                Err(NotGranted { code: RefusalCode::Identity, detail: format!("{error}") })
            }
            Ok(identity) => {
                let offer = JoinOffer {
                    token_id: message.token_id,
                    token_secret: shared_runtime::Secret::new(message.token_secret),
                    csr_der: message.csr_der.to_vec(),
                    identity,
                };
                self.decide(move |registrar| registrar.join(&offer)).await?
            }
        };
        match &decided {
            Ok(granted) => {
                tracing::info!(%address, token_id, node = %granted.identity, "node joined");
            }
            Err(refused) => {
                tracing::warn!(%address, token_id, code = ?refused.code, detail = refused.detail, "refused a join");
            }
        }
        self.book(from, AuditAction::Join, &token_id, &decided);
        let outcome = match decided {
            Ok(granted) => wire::join_reply::Outcome::Granted(granted.into()),
            Err(refused) => wire::join_reply::Outcome::Refused(refused.into()),
        };
        Ok(Response::new(JoinReply {
            wall_us: self.clock.wall().as_micros(),
            outcome: Some(outcome),
        }))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewReply>, Status> {
        let (from, address) = (peer(&request), address(&request));
        let message = request.into_inner();
        let chain = message.certificate_chain_der;
        let offer = RenewOffer {
            csr_der: message.csr_der.to_vec(),
            certificate_der: chain.first().map(|c| c.to_vec()).unwrap_or_default(),
            signature: message.signature.to_vec(),
        };
        let decided = self.decide(move |registrar| registrar.renew(&offer)).await?;
        match &decided {
            Ok(granted) => {
                tracing::info!(%address, node = %granted.identity, "certificate renewed");
            }
            Err(refused) => {
                tracing::warn!(%address, code = ?refused.code, detail = refused.detail, "refused a renewal");
            }
        }
        self.book(from, AuditAction::Renew, "certificate", &decided);
        let outcome = match decided {
            Ok(granted) => wire::renew_reply::Outcome::Granted(granted.into()),
            Err(refused) => wire::renew_reply::Outcome::Refused(refused.into()),
        };
        Ok(Response::new(RenewReply {
            wall_us: self.clock.wall().as_micros(),
            outcome: Some(outcome),
        }))
    }
}

/// The label of a refusal's count.
fn code_word(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::Unspecified => "unspecified",
        RefusalCode::TokenUnknown => "token_unknown",
        RefusalCode::TokenUsed => "token_used",
        RefusalCode::TokenExpired => "token_expired",
        RefusalCode::Identity => "identity",
        RefusalCode::SigningRequest => "signing_request",
        RefusalCode::Certificate => "certificate",
    }
}

fn peer<T>(request: &Request<T>) -> Option<std::net::SocketAddr> {
    request.extensions().get::<Peer>().map(|peer| peer.address)
}

fn address<T>(request: &Request<T>) -> String {
    request
        .extensions()
        .get::<Peer>()
        .map_or_else(|| "unknown".to_owned(), |p| p.address.to_string())
}

impl From<Granted> for wire::Granted {
    fn from(granted: Granted) -> Self {
        Self {
            identity: granted.identity.to_string(),
            certificate_chain_der: vec![granted.certificate_der.into()],
            authority_der: granted.authority_der.into(),
        }
    }
}

impl From<NotGranted> for wire::Refused {
    fn from(refused: NotGranted) -> Self {
        Self { code: refused.code.into(), detail: refused.detail }
    }
}
