//! Getting a document's bytes.

use super::Document;
use super::settings::Framing;
use shared_model::Timestamp;
use std::path::Path;
use std::time::UNIX_EPOCH;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// A document with the time at which its file was written.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) bytes: Vec<u8>,
    pub(super) written: Option<Timestamp>,
}

/// Why there is no document.
#[derive(Debug)]
pub(super) enum FetchError {
    /// The file or socket does not exist.
    Absent,
    /// It cannot be read, as a lower-case fragment.
    Failed(String),
}

/// Reads the document, at most `max_bytes` of it. The caller bounds the time.
pub(super) async fn fetch(settings: &Document) -> Result<Fetched, FetchError> {
    let limit = usize::try_from(settings.max_bytes.get()).unwrap_or(usize::MAX);
    match (&settings.path, &settings.socket) {
        (Some(path), _) => file(path, limit).await,
        (None, Some(path)) => socket(path, settings, limit).await,
        (None, None) => Err(FetchError::Failed("neither path nor socket is configured".into())),
    }
}

async fn file(path: &Path, limit: usize) -> Result<Fetched, FetchError> {
    let meta = tokio::fs::metadata(path).await.map_err(|e| failed("read", path, &e))?;
    // A pipe or a device would never end.
    if !meta.is_file() {
        return Err(FetchError::Failed(format!("{} is not a regular file", path.display())));
    }
    let since = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let written = since.map(|since| Timestamp::default().plus(since));
    let file = tokio::fs::File::open(path).await.map_err(|e| failed("read", path, &e))?;
    let bytes = to_end(file, limit).await.map_err(|e| failed("read", path, &e))?;
    Ok(Fetched { bytes, written })
}

async fn socket(path: &Path, settings: &Document, limit: usize) -> Result<Fetched, FetchError> {
    let asked = async {
        let mut stream = UnixStream::connect(path).await?;
        stream.write_all(settings.request.as_bytes()).await?;
        match settings.framing {
            Framing::End => to_end(stream, limit).await,
            Framing::Length => framed(&mut stream, limit).await,
        }
    };
    let bytes = asked.await.map_err(|e| failed("ask", path, &e))?;
    Ok(Fetched { bytes, written: None })
}

async fn to_end(from: impl AsyncRead + Unpin, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit as u64 + 1).read_to_end(&mut bytes).await?;
    if bytes.len() > limit { Err(too_long(limit)) } else { Ok(bytes) }
}

/// Reads four bytes in network order and as many as they say, at most `limit`.
pub(crate) async fn framed(
    from: &mut (impl AsyncRead + Unpin),
    limit: usize,
) -> std::io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > limit {
        return Err(too_long(limit));
    }
    // Grows with what comes, not with what was announced.
    let mut bytes = Vec::new();
    from.take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < length {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

fn too_long(limit: usize) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, format!("more than {limit} bytes"))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> FetchError {
    match error.kind() {
        std::io::ErrorKind::NotFound => FetchError::Absent,
        _ => FetchError::Failed(format!("{what} {}: {error}", path.display())),
    }
}
