//! A link that carries so many bytes a second towards the collector, in front of a real one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is read at a time, so that the rate is even.
const PIECE_BYTES: usize = 512;

/// The link while it carries; dropping it cuts it.
pub(super) struct NarrowLink {
    pub(super) address: String,
    carried: Arc<AtomicU64>,
    carrying: JoinHandle<()>,
}

impl Drop for NarrowLink {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

impl NarrowLink {
    /// Leads to `collector`.
    pub(super) async fn to(collector: &str, bytes_per_s: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let collector = collector.to_owned();
        let carried = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&carried);
        let carrying = tokio::spawn(async move {
            let mut links = tokio::task::JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&collector).await.unwrap();
                links.spawn(carry(near, far, bytes_per_s, Arc::clone(&count)));
            }
        });
        Self { address, carried, carrying }
    }

    /// Bytes that came out at the collector's end.
    pub(super) fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }
}

async fn carry(near: TcpStream, far: TcpStream, bytes_per_s: u64, carried: Arc<AtomicU64>) {
    let ((mut near_in, mut near_out), (mut far_in, mut far_out)) =
        (near.into_split(), far.into_split());
    let up = async {
        let mut piece = [0; PIECE_BYTES];
        while let Ok(read @ 1..) = near_in.read(&mut piece).await {
            tokio::time::sleep(Duration::from_micros(read as u64 * 1_000_000 / bytes_per_s)).await;
            if far_out.write_all(&piece[..read]).await.is_err() {
                return;
            }
            carried.fetch_add(read as u64, Ordering::Relaxed);
        }
    };
    let down = copy(&mut far_in, &mut near_out);
    tokio::select! {
        () = up => {}
        _ended = down => {}
    }
}
