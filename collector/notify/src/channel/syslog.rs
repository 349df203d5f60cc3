//! Syslog: one message of RFC 5424 per notice over UDP (RFC 5426) or TCP with octet counting (RFC 6587), for the hospital's own
//! log collection.

use super::Answer;
use super::render::{Style, cut, lines};
use crate::notice::Notice;
use shared_model::Timestamp;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};

/// What every receiver takes (RFC 5426 §3.2).
const MESSAGE_MAX_BYTES: usize = 2_048;
/// Connecting and writing to a machine of the same house.
const WITHIN: Duration = Duration::from_secs(5);
/// Facility local0, shifted as RFC 5424 has it.
const FACILITY: u8 = 16 << 3;

/// Where syslog messages go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Syslog {
    address: SocketAddr,
    is_tcp: bool,
    host: String,
}

impl Syslog {
    /// `udp://ADDRESS:PORT` or `tcp://ADDRESS:PORT`; `host` is the name of this machine in the messages.
    ///
    /// # Errors
    /// What is wrong with it, in English.
    pub fn new(url: &str, host: &str) -> Result<Self, String> {
        let (is_tcp, address) = match (url.strip_prefix("udp://"), url.strip_prefix("tcp://")) {
            (Some(address), _) => (false, address),
            (_, Some(address)) => (true, address),
            _ => return Err(format!("'{url}' does not begin with udp:// or tcp://")),
        };
        let address = address
            .parse()
            .map_err(|_| format!("'{address}' is not an address and port such as 10.0.0.9:514"))?;
        let host: String = host.chars().filter(char::is_ascii_graphic).take(255).collect();
        let host = if host.is_empty() { "-".to_owned() } else { host };
        Ok(Self { address, is_tcp, host })
    }

    pub(crate) async fn tell(&self, notices: &[&Notice], url: &str, now: Timestamp) -> Answer {
        let messages: Vec<String> = notices.iter().map(|n| self.message(n, url, now)).collect();
        let sent = tokio::time::timeout(WITHIN, self.send(&messages)).await;
        match sent {
            Ok(Ok(())) => Answer::Told { status: 0 },
            Ok(Err(e)) => {
                Answer::Unreachable { why: format!("send to {}: {e}", self.address), asked: None }
            }
            Err(_) => {
                Answer::Unreachable { why: "no connection within 5 s".to_owned(), asked: None }
            }
        }
    }

    async fn send(&self, messages: &[String]) -> std::io::Result<()> {
        if self.is_tcp {
            let mut stream = TcpStream::connect(self.address).await?;
            for message in messages {
                stream.write_all(format!("{} {message}", message.len()).as_bytes()).await?;
            }
            return stream.shutdown().await;
        }
        let any: SocketAddr = if self.address.is_ipv4() {
            SocketAddr::from(([0, 0, 0, 0], 0))
        } else {
            SocketAddr::from(([0u16; 8], 0))
        };
        let socket = UdpSocket::bind(any).await?;
        for message in messages {
            socket.send_to(message.as_bytes(), self.address).await?;
        }
        Ok(())
    }

    fn message(&self, notice: &Notice, url: &str, now: Timestamp) -> String {
        let label = |name: &str| notice.labels.get(name).map_or("-", String::as_str);
        // Emergency to notice: alert for level 1, critical, error, notice for a question; informational when it is over.
        let severity = match (notice.resolved, label("level")) {
            (true, _) => 6,
            (_, "1") => 1,
            (_, "2") => 2,
            (_, "3") => 3,
            _ => 5,
        };
        let id = notice.incident.as_deref().unwrap_or("-");
        let style = Style { details: true, markdown: false };
        let head = format!("<{}>1 {now} {} wardround - {id} - ", FACILITY + severity, self.host);
        let room = MESSAGE_MAX_BYTES.saturating_sub(head.len() + 3);
        let text = lines(&[notice], url, style, room).replace('\n', " ");
        // The mark of UTF-8, as RFC 5424 asks for.
        let mut message = format!("{head}\u{feff}{text}");
        cut(&mut message, MESSAGE_MAX_BYTES);
        message
    }
}
