//! Small servers that answer as they are told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

/// Answers every request with these bytes and closes; what was asked last is not looked at.
pub(crate) async fn raw(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

/// Answers every request with HTTP and this body.
pub(crate) async fn http(status: &str, body: &[u8]) -> SocketAddr {
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    raw([head.as_bytes(), body].concat()).await
}

/// A port at which nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A socket that reads what it is asked and answers with these bytes.
pub(crate) fn unix(path: &Path, answer: Vec<u8>) {
    let listener = UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
        }
    });
}

/// An admin socket: answers by question, with the length before each answer.
pub(crate) fn admin(dir: &Path, name: &str, answers: BTreeMap<&'static str, Vec<u8>>) -> PathBuf {
    let path = dir.join(name);
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\0") {
                match stream.read_buf(&mut request).await {
                    Ok(n) if n > 0 => {}
                    _ => break,
                }
            }
            let request: serde_json::Value =
                serde_json::from_slice(request.strip_suffix(b"\0").unwrap_or_default()).unwrap();
            let unknown = b"ERROR: (22) Invalid argument\nunknown command prefix".to_vec();
            let answer = answers.get(request["prefix"].as_str().unwrap()).unwrap_or(&unknown);
            let length = u32::try_from(answer.len()).unwrap().to_be_bytes();
            let _ = stream.write_all(&[&length[..], answer].concat()).await;
        }
    });
    path
}
