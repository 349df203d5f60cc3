//! The admin socket `DATA/admin.sock`: commands on live state talk to the running daemon through it.
//!
//! One request and one answer per connection, each one line of JSON. The socket has mode 0600, and the peer must be root
//! or the daemon's own user. Each subject has a file here with its requests, its answers and what the daemon does.

mod ask;
mod backup;
mod client;
mod ledger;
mod node;
mod server;
mod status;
mod token;
mod user;
mod webhook;

pub(crate) use ask::ask;
pub(crate) use backup::{BackupCut, BackupRequest, STAGING};
pub(crate) use client::{ClientCreated, ClientLine, ClientRequest};
pub(crate) use ledger::LedgerRequest;
pub(crate) use node::{NodeLine, NodeRequest};
pub(crate) use server::Admin;
pub(crate) use status::DaemonStatus;
pub(crate) use token::{TokenCreated, TokenLine, TokenRequest};
pub(crate) use user::{UserLine, UserRequest};
pub(crate) use webhook::WebhookRequest;

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A request is a few names or a signing request; anything longer is a mistake.
const REQUEST_MAX_BYTES: u64 = 16 << 10;
/// Every request is answered from memory, with one `fdatasync`, or with one message that has its own, shorter limit.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What a command asks of the daemon.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "about", content = "request", rename_all = "snake_case")]
pub(crate) enum Request {
    /// How the daemon is; answers [`DaemonStatus`].
    Status,
    /// Join tokens.
    Token(TokenRequest),
    /// Accounts.
    User(UserRequest),
    /// Nodes.
    Node(NodeRequest),
    /// Certificates of programs that act for accounts.
    Client(ClientRequest),
    /// Backups.
    Backup(BackupRequest),
    /// Receivers of notifications.
    Webhook(WebhookRequest),
    /// The ledger.
    Ledger(LedgerRequest),
}

/// What the daemon answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// Done; each request has its own kind of result, `null` for none.
    Done(serde_json::Value),
    /// Refused, with what to do.
    Error(String),
}

/// The socket's path.
pub(crate) fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.sock")
}
