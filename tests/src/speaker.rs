//! A session spoken by hand, over real TLS: what an agent would say, and what it never would.

use crate::wait;
use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use prost::Message;
use proto::wire::{self, down::Message as Down};
use proto::{ClockReading, Hello, PROTOCOL, StreamId, Welcome, up};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use shared_model::{Clock, NodeIdentity, Seq, SeqSet};
use shared_runtime::SystemClock;
use shared_runtime::tls::COLLECTOR_NAME;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Status, Streaming};

/// Messages on their way to the connection.
const QUEUE: usize = 16;
/// What the collector may send before it is read.
const WINDOW_BYTES: u32 = 16 << 10;
/// For an answer; a loaded machine takes its time, and a test that waits this long fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// One end of a session.
pub struct Speaker {
    up: mpsc::Sender<Bytes>,
    down: Streaming<Bytes>,
}

/// A node's name in the collectors of these tests.
pub fn identity(node: &str) -> NodeIdentity {
    NodeIdentity::new("provider", "hospital", "appliance", node).unwrap()
}

/// The Hello of a node with the given stream and run.
pub fn hello(identity: &NodeIdentity, stream: [u8; 16], run: [u8; 16]) -> Hello {
    let clock = ClockReading { wall: SystemClock.wall(), boot: SystemClock.boot(), synced: true };
    Hello {
        protocol: PROTOCOL..=PROTOCOL,
        features: Vec::new(),
        stream: StreamId(stream),
        boot_id: [2; 16],
        run_id: Some(run),
        session_no: 1,
        identity: identity.clone(),
        catalog: None,
        spooled: SeqSet::default(),
        next_seq: Seq(1),
        clock,
        agent_version: "test".to_owned(),
    }
}

/// TCP from a loopback address of its own, so that limits per address meet only this test.
pub async fn tcp(agents: &str, from: IpAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(agents.parse().unwrap()).await
}

/// TLS over that.
pub async fn tls(
    agents: &str,
    from: IpAddr,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(COLLECTOR_NAME).unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, tcp(agents, from).await?).await
}

/// HTTP/2 over that, one connection.
pub async fn channel(
    agents: &str,
    from: IpAddr,
    config: &Arc<ClientConfig>,
) -> Result<Channel, Status> {
    let stream = tls(agents, from, config).await.map_err(|e| Status::unavailable(e.to_string()))?;
    let mut once = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = once.take().ok_or(std::io::ErrorKind::NotConnected);
        std::future::ready(stream.map_err(std::io::Error::from))
    });
    // Little is on the way to one that does not read.
    let endpoint =
        Endpoint::from_static("http://collector").initial_stream_window_size(WINDOW_BYTES);
    let channel = endpoint.connect_with_connector(connector).await;
    channel.map_err(|e| Status::unavailable(format!("{e:?}")))
}

impl Speaker {
    /// Opens the stream and says nothing.
    pub async fn open(
        agents: &str,
        from: IpAddr,
        config: &Arc<ClientConfig>,
    ) -> Result<Self, Status> {
        let (up, messages) = mpsc::channel(QUEUE);
        let mut grpc = tonic::client::Grpc::new(channel(agents, from, config).await?);
        grpc.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
        let path = PathAndQuery::from_static("/wardround.agent.v1.Session/Stream");
        let request = tonic::Request::new(ReceiverStream::new(messages));
        let answer = grpc.streaming(request, path, Raw).await?;
        Ok(Self { up, down: answer.into_inner() })
    }

    /// Opens the stream, says Hello and waits for the answer to it.
    pub async fn meet(
        agents: &str,
        from: IpAddr,
        config: &Arc<ClientConfig>,
        hello: &Hello,
    ) -> Result<(Self, Welcome), Status> {
        let mut speaker = Self::open(agents, from, config).await?;
        speaker.say(wire::Hello::from(hello)).await;
        match speaker.hear().await? {
            Some(Down::Welcome(welcome)) => Ok((speaker, Welcome::try_from(welcome).unwrap())),
            other => panic!("no welcome but {other:?}"),
        }
    }

    /// Says something that an agent may say.
    pub async fn say(&self, message: impl Into<wire::up::Message>) {
        self.say_bytes(up(message).encode_to_vec().into()).await;
    }

    /// Says any bytes as a message. Whether anybody listens is told by [`Self::hear`].
    pub async fn say_bytes(&self, bytes: Bytes) {
        drop(self.up.send(bytes).await);
    }

    /// What the collector says next, `None` at an orderly end.
    pub async fn hear(&mut self) -> Result<Option<Down>, Status> {
        let heard = tokio::time::timeout(PATIENCE, self.down.message()).await;
        let heard = heard.expect("the collector says something")?;
        Ok(heard.map(|bytes| wire::Down::decode(bytes).unwrap().message.unwrap()))
    }

    /// What the collector says next that is neither an acknowledgement nor about clocks.
    pub async fn hear_more(&mut self) -> Result<Option<Down>, Status> {
        loop {
            match self.hear().await? {
                Some(Down::Ack(_) | Down::HeartbeatReply(_)) => {}
                other => return Ok(other),
            }
        }
    }

    /// The status that ends the session.
    pub async fn end(&mut self) -> Status {
        loop {
            match self.hear().await {
                Ok(Some(_)) => {}
                Ok(None) => return Status::ok("the stream ended"),
                Err(status) => return status,
            }
        }
    }
}

/// Runs a test's conversation.
pub fn block_on<T>(conversation: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(conversation)
}

/// Waits until a collector's log says something.
pub fn logged(collector: &crate::lone::Collector, words: &str) {
    wait::until(words, PATIENCE, || collector.log().contains(words).then_some(()));
}

/// Messages as the bytes they are.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
