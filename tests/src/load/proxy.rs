//! A TCP proxy on loopback that counts the payload of what passes: TLS records with all that is in them, without the
//! headers of TCP and IP.

use super::http::Traffic;
use anyhow::Result;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One read of a socket, bytes: the longest TLS record.
const CHUNK: usize = 17 << 10;

/// A running proxy; dropping it ends it.
pub struct Proxy {
    /// Where to connect to.
    pub address: SocketAddr,
    /// What passed: `sent` from whoever connected, `received` back.
    pub traffic: Arc<Traffic>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to `target`.
    pub async fn to(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let traffic = Arc::new(Traffic::default());
        let counted = Arc::clone(&traffic);
        let accepting = tokio::spawn(async move {
            // One agent at a time connects here; a broken connection ends only itself.
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, target, Arc::clone(&counted)));
            }
        });
        Ok(Self { address, traffic, accepting })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(client: TcpStream, target: SocketAddr, traffic: Arc<Traffic>) -> std::io::Result<()> {
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = copy(from_client, to_server, &traffic.sent);
    let down = copy(from_server, to_client, &traffic.received);
    tokio::try_join!(up, down).map(|_| ())
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    counter: &AtomicU64,
) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = from.read(&mut chunk).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        counter.fetch_add(count as u64, Ordering::Relaxed);
        to.write_all(&chunk[..count]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: an echo behind the proxy. Guarantees: bytes arrive unchanged and are counted each way.
    #[tokio::test]
    async fn bytes_are_passed_and_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            stream.write_all(&all[..3]).await.unwrap();
        });
        let proxy = Proxy::to(target).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(&[7; 40_000]).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).await.unwrap();
        assert_eq!(back, [7; 3]);
        assert_eq!(proxy.traffic.sent.load(Ordering::Relaxed), 40_000);
        assert_eq!(proxy.traffic.received.load(Ordering::Relaxed), 3);
    }
}
