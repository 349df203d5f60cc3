//! The admin socket of a daemon.
//!
//! The question is one JSON object ended by a zero byte, the answer its length in network order and then the text
//! (ceph `src/common/admin_socket.cc`):
//!
//! ```text
//! > {"prefix":"status","format":"json"}\0
//! < 00 00 00 d6 {"cluster_fsid":"154ac1da-…
//! ```
//!
//! A question that the daemon does not know is answered with words instead of JSON.

use crate::document::framed;
use serde::de::DeserializeOwned;
use std::io;
use std::path::Path;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

/// Longest answer, bytes. The counters of an OSD are some 13 KiB.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Why a daemon did not answer.
#[derive(Debug)]
pub(super) enum SocketError {
    /// The socket is there and nobody listens: the daemon died.
    Refused,
    /// The agent may not ask: its user is not in the group `ceph`.
    Denied,
    /// The socket is gone.
    Gone,
    /// Asked, but there is no usable answer.
    Failed(String),
}

/// Asks one question. The caller bounds the time.
pub(super) async fn ask<T: DeserializeOwned>(
    path: &Path,
    question: &str,
) -> Result<T, SocketError> {
    let asked = async {
        let mut stream = UnixStream::connect(path).await?;
        let text = format!("{{\"prefix\":\"{question}\",\"format\":\"json\"}}\0");
        stream.write_all(text.as_bytes()).await?;
        framed(&mut stream, MAX_ANSWER_BYTES).await
    };
    let bytes = asked.await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => SocketError::Refused,
        io::ErrorKind::PermissionDenied => SocketError::Denied,
        io::ErrorKind::NotFound => SocketError::Gone,
        _ => SocketError::Failed(error.to_string()),
    })?;
    serde_json::from_slice(&bytes).map_err(|error| SocketError::Failed(error.to_string()))
}
