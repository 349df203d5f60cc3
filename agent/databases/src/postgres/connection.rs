//! One connection that is kept open.

use super::refusal::{Reason, complaint};
use super::tls::{self, CertificateEnd};
use crate::endpoint::{Endpoint, SslMode};
use agent_probe::ProbeError;
use shared_model::Timestamp;
use shared_runtime::Secret;
use shared_runtime::telemetry::chain;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, Socket};

/// The name under which administrators find the agent in `pg_stat_activity`.
pub(super) const APPLICATION_NAME: &str = "wardround-agent";

/// The longest wait for a connection: a server that needs longer to accept one is not available.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest wait for a lock; the agent's statements take none that conflict with the business.
const LOCK_TIMEOUT_MS: u64 = 100;

/// A session and the task that moves its bytes.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    /// When the server's certificate ends, where the session is encrypted.
    pub(super) certificate_end: Option<Timestamp>,
    driver: JoinHandle<()>,
}

impl Connection {
    /// Ready once the server or the network has ended the session.
    pub(super) async fn ended(&mut self) {
        // However it ended, even by a panic, there is no session any more. A handle must not be asked again after that.
        if !self.driver.is_finished() {
            drop((&mut self.driver).await);
        }
    }
}

impl Drop for Connection {
    // A driver on a dead socket would otherwise wait for the kernel to give up.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// The node's own side is at fault (password or CA file), which says nothing about the server.
    Local(ProbeError),
    /// The server refused or did not answer.
    Refused(Reason, ProbeError),
}

/// Opens a session whose every transaction is read-only and whose statements end after half of `timeout`, so that the
/// server gives up before the runner does.
pub(super) async fn open(
    endpoint: &Endpoint,
    timeout: Duration,
    search_path: &str,
) -> Result<Connection, ConnectError> {
    let local = |text: String| ConnectError::Local(ProbeError::Query { what: text });
    let end = CertificateEnd::default();
    let tls = tls::connector(endpoint, &end).map_err(|e| local(chain(&e)))?;
    let password = match &endpoint.password_file {
        Some(path) => Some(Secret::from_file(path).map_err(|e| local(chain(&e)))?),
        None => None,
    };
    let config = session(endpoint, password.as_ref(), timeout, search_path);
    let limit = CONNECT_TIMEOUT.min(timeout / 2);
    let opened = match tls {
        None => tokio::time::timeout(limit, Box::pin(connect(&config, NoTls))).await,
        Some(tls) => tokio::time::timeout(limit, Box::pin(connect(&config, tls))).await,
    };
    match opened {
        Ok(Ok(mut connection)) => {
            connection.certificate_end = end.get().copied();
            Ok(connection)
        }
        Ok(Err(error)) => {
            Err(ConnectError::Refused(Reason::of(&error), complaint("connect", &error)))
        }
        Err(_) => {
            let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            Err(ConnectError::Refused(Reason::TimedOut, ProbeError::TimedOut { millis }))
        }
    }
}

async fn connect<T>(config: &Config, tls: T) -> Result<Connection, tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
    let driver = tokio::spawn(async move {
        // How a session ended is told to whoever asks it next; notices may hold literals and are dropped.
        drop(connection.await);
    });
    Ok(Connection { client, certificate_end: None, driver })
}

fn session(
    endpoint: &Endpoint,
    password: Option<&Secret>,
    timeout: Duration,
    search_path: &str,
) -> Config {
    let statement_ms = (timeout / 2).as_millis();
    let mut config = Config::new();
    config
        .host(&endpoint.host)
        .port(endpoint.port)
        .user(&endpoint.user)
        .dbname(&endpoint.database)
        .application_name(APPLICATION_NAME)
        .ssl_mode(match endpoint.sslmode {
            SslMode::Disable => tokio_postgres::config::SslMode::Disable,
            SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            SslMode::Require | SslMode::VerifyFull => tokio_postgres::config::SslMode::Require,
        })
        .tcp_user_timeout(timeout)
        // Sent with the start of the session, so that no statement ever runs without these limits.
        .options(format!(
            "-c statement_timeout={statement_ms} -c lock_timeout={LOCK_TIMEOUT_MS} \
             -c idle_in_transaction_session_timeout=10000 \
             -c default_transaction_read_only=on{search_path}"
        ));
    if let Some(password) = password {
        config.password(password.expose());
    }
    config
}
