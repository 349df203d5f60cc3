//! The edges: how each kind of receiver is reached. Decisions know none of this.

mod http;
mod mail;
mod render;
mod robot;
mod signature;
mod syslog;
mod target;
mod template;
mod webhook;

pub use http::system_ca;
pub use mail::{Mail, MailOptions, Protection};
pub use robot::{Robot, RobotKind, RobotOptions};
pub use signature::signature;
pub use syslog::Syslog;
pub use target::Target;
pub use template::{Gateway, Template};
pub use webhook::Webhook;

use crate::notice::Notice;
use shared_model::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

/// One receiver, ready to be told.
pub enum Channel {
    /// Alertmanager's body, one incident a message.
    Webhook(Webhook),
    /// A chat's robot.
    Robot(Robot),
    /// A mail server.
    Mail(Mail),
    /// A gateway for text messages or voice calls.
    Gateway(Gateway),
    /// A syslog collector.
    Syslog(Syslog),
}

/// What came of one try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Taken.
    Told {
        /// HTTP status, 200 to 299; SMTP's code; 0 for what has none.
        status: u16,
    },
    /// Refused for good: repeating would not help.
    Refused {
        /// HTTP status or SMTP's code.
        status: u16,
        /// What it said.
        why: String,
    },
    /// Answered with an error that may pass; concerns this message only.
    Failed {
        /// Why.
        why: String,
    },
    /// Not reached, or asked for patience: concerns every message.
    Unreachable {
        /// Why.
        why: String,
        /// How long it asks to wait.
        asked: Option<Duration>,
    },
}

/// Why a receiver cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The file of authorities cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// It holds no usable certificate.
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// The machine has no list of authorities where distributions keep it.
    #[error(
        "no list of trusted authorities on this machine: install ca-certificates or name one with ca_file"
    )]
    NoSystemCa,
    /// TLS cannot be prepared.
    #[error("prepare TLS")]
    Tls(#[source] rustls::Error),
}

/// What a message is sent with.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The idempotency key of the first notice.
    pub key: &'a str,
    /// Name of the receiver.
    pub receiver: &'a str,
    /// Where people reach this collector, without a slash at its end.
    pub url: &'a str,
    /// The wall clock, which receivers hold against their own.
    pub now: Timestamp,
    /// Shortens the channel's own time limit.
    pub timeout: Option<Duration>,
}

impl Channel {
    /// How many notices one message can carry.
    pub const fn notices_max(&self) -> usize {
        match self {
            Self::Webhook(_) => 1,
            // Whatever does not fit into its bytes is counted in the last line.
            Self::Robot(_) | Self::Gateway(_) => 200,
            Self::Mail(_) | Self::Syslog(_) => 1_000,
        }
    }

    /// Tells it all of these in one message.
    pub async fn tell(&self, envelope: Envelope<'_>, notices: &[&Notice]) -> Answer {
        let Envelope { key, receiver, url, now, timeout } = envelope;
        match self {
            Self::Webhook(webhook) => {
                let Some(notice) = notices.first() else { return Answer::Told { status: 0 } };
                webhook.tell(key, notice, (receiver, url), now, timeout).await
            }
            Self::Robot(robot) => robot.tell(notices, url, now, timeout).await,
            Self::Mail(mail) => mail.tell(key, notices, url).await,
            Self::Gateway(gateway) => gateway.tell(notices, url, timeout).await,
            Self::Syslog(syslog) => syslog.tell(notices, url, now).await,
        }
    }
}

#[cfg(test)]
mod https;
