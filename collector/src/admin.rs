//! The admin socket `DATA/admin.sock`: commands on live state talk to the running daemon through it.
//!
//! One request and one answer per connection, each one line of JSON. The socket has mode 0600, and the peer must be root
//! or the daemon's own user.

use crate::engine::Settings;
use anyhow::{Context, bail};
use collector_domain::Role;
use serde::{Deserialize, Serialize};
use shared_model::{Clock, NodeIdentity};
use shared_runtime::Secret;
use shared_runtime::tls::{Authority, JoinToken, token_secret_digest};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

/// A request is a few names; anything longer is a mistake.
const REQUEST_MAX_BYTES: u64 = 16 << 10;
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What a command asks of the daemon.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Make a one-time join token for a node.
    TokenCreate { node: NodeIdentity, valid_secs: u64 },
    /// Make an account or change its role and password.
    UserAdd { name: String, role: Role, password_hash: String },
}

/// What the daemon answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The token, shown this once.
    Token { token: String, id: String, expires: String },
    /// Done.
    Done,
    /// Refused, with what to do.
    Error(String),
}

/// The socket's path.
pub(crate) fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.sock")
}

/// Sends one request to the running daemon and waits for its answer.
pub(crate) fn ask(data_dir: &Path, request: &Request) -> anyhow::Result<Answer> {
    let path = socket_path(data_dir);
    let mut stream = UnixStream::connect(&path).with_context(|| {
        format!("connect to {}: is the collector running with this data_dir ('wardround-collector serve')?", path.display())
    })?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).context("set the time limit of the answer")?;
    let mut line = serde_json::to_vec(request).context("write the request")?;
    line.push(b'\n');
    stream.write_all(&line).context("send the request")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).context("read the collector's answer")?;
    match serde_json::from_str(&answer).context("understand the collector's answer")? {
        Answer::Error(why) => bail!("{why}"),
        answer => Ok(answer),
    }
}

/// Answers requests until dropped.
pub(crate) struct Admin {
    /// The settings log.
    pub(crate) settings: Settings,
    /// The CA, for the pin in tokens.
    pub(crate) authority: Arc<Authority>,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Admin {
    /// Binds the socket. One left over by a killed daemon is replaced: the data folder's lock is ours already.
    pub(crate) fn bind(data_dir: &Path) -> anyhow::Result<UnixListener> {
        let path = socket_path(data_dir);
        if path.symlink_metadata().is_ok() {
            std::fs::remove_file(&path)
                .with_context(|| format!("remove the old {}", path.display()))?;
        }
        let listener =
            UnixListener::bind(&path).with_context(|| format!("listen on {}", path.display()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .with_context(|| format!("set the mode of {}", path.display()))?;
        Ok(listener)
    }

    /// Serves one connection after the other; they are short and local.
    pub(crate) async fn serve(self, listener: UnixListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let outcome =
                        tokio::time::timeout(ANSWER_WITHIN, self.connection(stream)).await;
                    if let Ok(Err(error)) = outcome {
                        tracing::warn!(error = format!("{error:#}"), "admin connection failed");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "admin socket cannot accept");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn connection(&self, mut stream: tokio::net::UnixStream) -> anyhow::Result<()> {
        let peer = stream.peer_cred().context("ask who is there")?.uid();
        let own = rustix::process::geteuid().as_raw();
        if peer != 0 && peer != own {
            bail!("user id {peer} may not use the admin socket");
        }
        let (read, mut write) = stream.split();
        let mut line = String::new();
        tokio::io::BufReader::new(read.take(REQUEST_MAX_BYTES)).read_line(&mut line).await?;
        let answer = match serde_json::from_str(&line) {
            Ok(request) => self.answer(request).unwrap_or_else(|e| Answer::Error(format!("{e:#}"))),
            Err(e) => Answer::Error(format!("the request is not understood: {e}")),
        };
        let mut bytes = serde_json::to_vec(&answer)?;
        bytes.push(b'\n');
        write.write_all(&bytes).await?;
        Ok(())
    }

    fn answer(&self, request: Request) -> anyhow::Result<Answer> {
        let now = self.clock.wall();
        match request {
            Request::TokenCreate { node, valid_secs } => {
                let token = JoinToken::generate(self.authority.pin())
                    .map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
                let expires = now.plus(Duration::from_secs(valid_secs));
                let digest = token_secret_digest(token.secret.expose());
                tracing::info!(id = token.id, %node, %expires, "join token created");
                self.settings.issue_token(&token.id, digest, node, expires, now)?;
                let text: Secret = token.reveal();
                Ok(Answer::Token {
                    token: text.expose().to_owned(),
                    id: token.id,
                    expires: expires.to_string(),
                })
            }
            Request::UserAdd { name, role, password_hash } => {
                tracing::info!(name, ?role, "account set");
                self.settings.set_account(&name, role, &password_hash, now)?;
                Ok(Answer::Done)
            }
        }
    }
}
