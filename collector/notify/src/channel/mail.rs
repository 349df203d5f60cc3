//! E-mail by SMTP: one mail for all that is due, Chinese first.

use super::Answer;
use super::render::{Style, lines};
use crate::notice::Notice;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use shared_runtime::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// Longest text of a mail: some thousand lines.
const TEXT_MAX_BYTES: usize = 128 << 10;

/// How mails are sent.
#[derive(Clone, Debug)]
pub struct MailOptions {
    /// Host of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub protection: Protection,
    /// PEM file of authorities; without it those of this machine.
    pub ca_file: Option<PathBuf>,
    /// Who signs in at the server, if it asks for that.
    pub credentials: Option<(String, Secret)>,
    /// The sender.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// Time for a mail.
    pub timeout: Duration,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protection {
    /// TLS from the first byte (port 465).
    Tls,
    /// STARTTLS, refused without (port 587).
    StartTls,
    /// None, for a server on this machine.
    None,
}

/// A mail server with its recipients, ready to send.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mail {
    /// Prepares sending; connects to nobody yet.
    ///
    /// # Errors
    /// What is wrong with the options, in English.
    pub fn new(options: &MailOptions) -> Result<Self, String> {
        let mailbox = |text: &String| {
            text.parse::<Mailbox>().map_err(|e| format!("'{text}' is no mailbox: {e}"))
        };
        let to = options.to.iter().map(mailbox).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err("to names nobody".to_owned());
        }
        let tls = match options.protection {
            Protection::None => Tls::None,
            protection => {
                let mut parameters = TlsParameters::builder(options.host.clone());
                if let Some(path) = &options.ca_file {
                    let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
                    let pem = std::fs::read(path).map_err(|e| named(&e))?;
                    let authority = Certificate::from_pem(&pem).map_err(|e| named(&e))?;
                    parameters = parameters
                        .certificate_store(CertificateStore::None)
                        .add_root_certificate(authority);
                }
                let parameters = parameters.build_rustls().map_err(|e| format!("TLS: {e}"))?;
                match protection {
                    Protection::Tls => Tls::Wrapper(parameters),
                    _ => Tls::Required(parameters),
                }
            }
        };
        let mut transport =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(options.host.clone())
                .port(options.port)
                .tls(tls)
                .timeout(Some(options.timeout));
        if let Some((name, password)) = &options.credentials {
            let password = password.expose().to_owned();
            transport = transport.credentials(Credentials::new(name.clone(), password));
        }
        Ok(Self { transport: transport.build(), from: mailbox(&options.from)?, to })
    }

    pub(crate) async fn tell(&self, key: &str, notices: &[&Notice], url: &str) -> Answer {
        let message = match self.message(key, notices, url) {
            Ok(message) => message,
            Err(e) => return Answer::Refused { status: 0, why: format!("make the mail: {e}") },
        };
        match self.transport.send(message).await {
            Ok(response) => Answer::Told { status: u16::from(response.code()) },
            Err(e) => {
                let why = shared_runtime::telemetry::chain(&e);
                match e.status() {
                    Some(code) if e.is_permanent() => {
                        Answer::Refused { status: u16::from(code), why }
                    }
                    Some(_) => Answer::Failed { why },
                    None => Answer::Unreachable { why, asked: None },
                }
            }
        }
    }

    fn message(
        &self,
        key: &str,
        notices: &[&Notice],
        url: &str,
    ) -> Result<Message, lettre::error::Error> {
        let first = notices.first().and_then(|n| n.annotations.get("summary"));
        let mut subject = first.cloned().unwrap_or_default();
        if notices.len() > 1 {
            subject = format!("{subject} (+{})", notices.len() - 1);
        }
        let style = Style { details: true, markdown: false };
        let mut builder: MessageBuilder = Message::builder()
            .from(self.from.clone())
            .subject(subject)
            // Mail programs show a repetition of the same message once.
            .message_id(Some(format!("<{key}@wardround>")));
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        builder.header(ContentType::TEXT_PLAIN).body(lines(notices, url, style, TEXT_MAX_BYTES))
    }
}
