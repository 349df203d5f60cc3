//! A receiver of notifications that answers as it is told and remembers everything.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Message {
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// How to answer one message.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A status with further header lines.
    Status(u16, &'static str),
    /// Half of `200 OK`, then `kill -9` of a process, then the rest: it has taken the message, and the sender dies before
    /// it knows.
    KillMidway(u32),
    /// Never.
    Hang,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Message>>,
    script: Mutex<VecDeque<Answer>>,
    /// What it says when it takes a message; `ok` when it is empty.
    words: Mutex<String>,
    /// Connections that are never answered.
    hung: Mutex<Vec<TcpStream>>,
}

/// The receiver; it listens until the tests end.
pub struct Sink {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Sink {
    /// Listens on loopback.
    pub fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// Listens on a socket that was bound before.
    pub fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.unwrap(), Arc::clone(&own));
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { address, shared }
    }

    /// Answers the next messages like this; all others with 200.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.script.lock().unwrap().extend(answers);
    }

    /// Says this to every message that it takes, as a chat robot does.
    pub fn says(&self, words: &str) {
        words.clone_into(&mut self.shared.words.lock().unwrap());
    }

    /// Everything so far, in order.
    pub fn received(&self) -> Vec<Message> {
        self.shared.received.lock().unwrap().clone()
    }

    /// Messages so far as `key` and `transition`.
    pub fn told(&self) -> Vec<(String, String)> {
        self.received().iter().map(|m| (m.key(), m.event())).collect()
    }

    /// Waits for a message of this transition about an incident of this cause; which it was, counted from 0.
    pub fn wait_for(&self, cause: &str, event: &str) -> usize {
        crate::wait::until(&format!("{event} of {cause}"), Duration::from_secs(60), || {
            let is_it = |m: &Message| m.label("alertname") == cause && m.event() == event;
            self.received().iter().position(is_it)
        })
    }
}

impl Message {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn key(&self) -> String {
        self.headers.get("idempotency-key").cloned().unwrap_or_default()
    }

    pub fn event(&self) -> String {
        self.json()["commonAnnotations"]["event"].as_str().unwrap_or_default().to_owned()
    }

    pub fn label(&self, name: &str) -> String {
        self.json()["commonLabels"][name].as_str().unwrap_or_default().to_owned()
    }
}

impl Shared {
    /// Answers one request and closes.
    fn serve(&self, mut stream: TcpStream) {
        let Some(message) = read(&stream) else { return };
        let answer = {
            // The place in the script is that of the message: both locks are held.
            let mut received = self.received.lock().unwrap();
            received.push(message);
            self.script.lock().unwrap().pop_front()
        };
        // The sender may be gone by now; that is what some scenarios are about.
        let mut say = |text: &str| drop(stream.write_all(text.as_bytes()));
        match answer.unwrap_or(Answer::Status(200, "")) {
            Answer::Status(status, more) => {
                let words = self.words.lock().unwrap().clone();
                let words = if words.is_empty() { "ok".to_owned() } else { words };
                say(&format!(
                    "HTTP/1.1 {status} x\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n{words}",
                    words.len()
                ));
            }
            Answer::KillMidway(pid) => {
                say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no");
                crate::bedside::kill(pid);
                say("k");
            }
            Answer::Hang => self.hung.lock().unwrap().push(stream),
        }
    }
}

/// One request; `None` when the sender went away.
fn read(stream: &TcpStream) -> Option<Message> {
    let mut reader = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Message { headers, body })
}
