//! The gate before every call of an operations centre: who is calling, whether that is still allowed, and how many at once.

use super::places::{Place, Places};
use crate::Desk;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use collector_domain::{AuditAction, AuditEvent, AuditOutcome, Auditor, Role};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use rustls_pki_types::CertificateDer;
use shared_model::{AccountIdentity, Clock, Timestamp};
use shared_runtime::telemetry::chain;
use shared_runtime::tls::{account_of, serial_of, validity_of};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tonic::{Code, Status};

/// Calls of one client at once, watches among them: one per screen of a control room, and some to spare.
const CALLS_PER_CLIENT_MAX: usize = 16;
/// How often an open stream is held against its certificate's end.
const EXPIRY_CHECK: Duration = Duration::from_secs(1);

/// The other end of a connection, as the accept loop knows it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Its address.
    pub address: SocketAddr,
    /// The certificate it proved to own, verified against our CA.
    pub certificate: Option<CertificateDer<'static>>,
}

/// How the accept loop's own knowledge of a peer is found among a request's extensions.
pub(super) type FindCaller = Arc<dyn Fn(&http::Extensions) -> Option<Caller> + Send + Sync>;

/// A client that was let in; in the extensions of its request.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// The account it acts for.
    pub(super) account: String,
    pub(super) role: Role,
    pub(super) address: SocketAddr,
}

/// What the gate needs.
pub(super) struct Gate {
    pub(super) desk: Arc<dyn Desk>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) auditor: Arc<dyn Auditor>,
    pub(super) find_caller: FindCaller,
    pub(super) places: Arc<Places>,
}

/// A client's certificate, read once per call.
struct Pass {
    identity: AccountIdentity,
    serial: String,
    not_after: Timestamp,
}

/// Lets a call through with a [`Client`] in its extensions, and ends its answer when the client is let in no more.
pub(super) async fn admit(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let Some(caller) = (gate.find_caller)(request.extensions()) else {
        return Status::internal("the connection is not known").into_http();
    };
    let from = caller.address;
    let pass = match pass(&caller) {
        Ok(pass) => pass,
        Err(status) => return gate.refuse("unknown", from, &path, status),
    };
    let who = pass.identity.to_string();
    let role = match gate.role(&pass) {
        Ok(role) => role,
        Err(status) => return gate.refuse(&who, from, &path, status),
    };
    let Some(place) = Places::take(&gate.places, &pass.serial, CALLS_PER_CLIENT_MAX) else {
        let status = Status::resource_exhausted(format!(
            "this certificate has {CALLS_PER_CLIENT_MAX} calls open already: end one first"
        ));
        return gate.refuse(&who, from, &path, status);
    };
    gate.note(&who, from, &path, AuditOutcome::Done, "");
    let account = pass.identity.account().to_owned();
    request.extensions_mut().insert(Client { account, role, address: from });
    let changed = gate.desk.access_changes();
    let response = next.run(request).await;
    if response.headers().contains_key("grpc-status") {
        // Refused by the service: head and trailers in one. A body around it, even an empty one, would be a broken answer.
        return response;
    }
    response.map(|body| guarded(body, Access { gate, pass, changed, from, path }, place))
}

impl Gate {
    /// The role that the client has now.
    fn role(&self, pass: &Pass) -> Result<Role, Status> {
        if self.clock.wall() > pass.not_after {
            return Err(Status::unauthenticated(format!(
                "the certificate expired at {}: make a new one with 'wardround-collector client create'",
                pass.not_after
            )));
        }
        self.desk.client(&pass.identity, &pass.serial).map_err(|why| {
            Status::permission_denied(format!(
                "{why}: see 'wardround-collector client list' and 'user list'"
            ))
        })
    }

    fn refuse(&self, who: &str, from: SocketAddr, path: &str, status: Status) -> Response {
        self.note(who, from, path, AuditOutcome::Refused, status.message());
        status.into_http()
    }

    fn note(&self, who: &str, from: SocketAddr, path: &str, outcome: AuditOutcome, detail: &str) {
        self.auditor.note(AuditEvent {
            at: self.clock.wall(),
            who: who.to_owned(),
            from: Some(from.to_string()),
            action: AuditAction::Call,
            object: path.to_owned(),
            outcome,
            detail: detail.to_owned(),
        });
    }
}

/// What the certificate of a connection says; an error when there is none or it is not an account's.
fn pass(caller: &Caller) -> Result<Pass, Status> {
    let certificate = caller.certificate.as_ref().ok_or_else(|| {
        Status::unauthenticated(
            "this connection shows no client certificate: make one with 'wardround-collector client create --account NAME -o DIR'",
        )
    })?;
    let refused = |error: shared_runtime::tls::IdentityError| {
        Status::permission_denied(format!(
            "the certificate is not an account's ({}): make one with 'wardround-collector client create --account NAME -o DIR'",
            chain(&error)
        ))
    };
    let (_, not_after) = validity_of(certificate).map_err(refused)?;
    Ok(Pass {
        identity: account_of(certificate).map_err(refused)?,
        serial: serial_of(certificate).map_err(refused)?,
        not_after,
    })
}

/// The right of one open call to go on.
struct Access {
    gate: Arc<Gate>,
    pass: Pass,
    changed: watch::Receiver<()>,
    from: SocketAddr,
    path: String,
}

impl Access {
    /// Waits until the client is let in no more; why. May be dropped and called again.
    async fn lost(&mut self) -> Status {
        loop {
            self.changed.borrow_and_update();
            if let Err(status) = self.gate.role(&self.pass) {
                return status;
            }
            tokio::select! {
                changed = self.changed.changed() => if changed.is_err() {
                    return Status::unavailable("the collector is stopping");
                },
                () = tokio::time::sleep(EXPIRY_CHECK) => {}
            }
        }
    }

    fn note_end(&self, status: &Status) {
        let who = self.pass.identity.to_string();
        self.gate.note(&who, self.from, &self.path, AuditOutcome::Ended, status.message());
    }
}

/// The answer's body for as long as access lasts; then one last frame that says why it ended. Before each frame access is
/// checked, so that nothing is handed out after a revocation.
fn guarded(body: Body, access: Access, place: Place) -> Body {
    let frames = stream::unfold(Some((body, access, place)), |open| async move {
        let (mut body, mut access, place) = open?;
        tokio::select! {
            biased;
            status = access.lost() => {
                access.note_end(&status);
                let trailers = trailers(&status);
                Some((Ok(Frame::<Bytes>::trailers(trailers)), None))
            }
            frame = body.frame() => Some((frame?, Some((body, access, place)))),
        }
    });
    Body::new(StreamBody::new(frames))
}

/// A status as the trailers of an answer whose head is out already.
fn trailers(status: &Status) -> http::HeaderMap {
    let mut trailers = http::HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        trailers.insert("grpc-status", http::HeaderValue::from(Code::Unknown as u16));
    }
    trailers
}
