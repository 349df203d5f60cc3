//! From a verified certificate to a node.

use crate::Peer;
use shared_model::{NodeIdentity, Timestamp};
use shared_runtime::tls::{identity_of, serial_of, validity_of};
use tonic::Status;

/// A node that proved who it is.
#[derive(Clone, Debug)]
pub struct KnownNode {
    /// Its identity, from the certificate alone.
    pub identity: NodeIdentity,
    /// Serial number of the certificate, lower-case hexadecimal.
    pub serial: String,
    /// Last instant at which the certificate is valid.
    pub not_after: Timestamp,
}

/// The node behind a request. Everything but `Join` and `Renew` needs one.
pub(crate) fn known_node(peer: Option<&Peer>) -> Result<KnownNode, Status> {
    let certificate = peer.and_then(|p| p.certificate.as_ref()).ok_or_else(|| {
        Status::unauthenticated(
            "this connection shows no node certificate: run 'wardround-agent join --collector HOST:PORT --token TOKEN' on the node first",
        )
    })?;
    let refused = |error: shared_runtime::tls::IdentityError| {
        Status::unauthenticated(format!(
            "the certificate is not a node's ({}): join the node again with a new token",
            shared_runtime::telemetry::chain(&error)
        ))
    };
    Ok(KnownNode {
        identity: identity_of(certificate).map_err(refused)?,
        serial: serial_of(certificate).map_err(refused)?,
        not_after: validity_of(certificate).map_err(refused)?.1,
    })
}
