//! One connection that is kept open, in a task of its own.
//!
//! A connection of the driver that is dropped in the middle of an answer goes on reading it in a task that nobody can end. So no
//! connection is ever dropped while the server owes it an answer: its task waits for that, and the probe waits for the task, each
//! round as long as it may. A few such tasks are left behind at most, for servers that never answer again.

use super::refusal::{complaint, reason};
use super::row::Row;
use crate::endpoint::{Endpoint, SslMode};
use crate::refusal::Reason;
use agent_probe::ProbeError;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, Opts, OptsBuilder, SslOpts};
use shared_runtime::Secret;
use shared_runtime::telemetry::chain;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The longest wait for a connection: a server that needs longer to accept one is not available.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Idle time after which the kernel asks whether the other end is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Sessions of one instance at most, those included that wait for a server that hangs.
const SESSIONS_MAX: usize = 4;

/// Which kind of server it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flavor {
    MariaDb,
    Mysql,
}

type Answer = Result<Vec<Row>, Error>;

/// The way to a session's task.
#[derive(Debug)]
pub(super) struct Session {
    questions: mpsc::Sender<(Arc<str>, oneshot::Sender<Answer>)>,
    pub(super) flavor: Flavor,
}

/// Why there is no session.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// The node's own side is at fault (password or CA file), which says nothing about the server.
    Local(ProbeError),
    /// The server refused or did not answer.
    Refused(Reason, ProbeError),
}

impl Session {
    /// The rows of a statement. A session that has ended is an error like any that ends it.
    pub(super) async fn query(&self, sql: impl Into<Arc<str>>) -> Answer {
        let gone = || Error::Driver(DriverError::ConnectionClosed);
        let (outbox, answer) = oneshot::channel();
        self.questions.send((sql.into(), outbox)).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// Opens a session whose transactions are read-only and whose statements end after half of `timeout`, so that the server gives up
/// before the runner does. `alive` counts the sessions of the instance.
pub(super) async fn open(
    endpoint: &Endpoint,
    timeout: Duration,
    allows_superuser: bool,
    alive: &Arc<()>,
) -> Result<Session, ConnectError> {
    let local = |text: String| ConnectError::Local(ProbeError::Query { what: text });
    let password = match &endpoint.password_file {
        Some(path) => Some(Secret::from_file(path).map_err(|e| local(chain(&e)))?),
        None => None,
    };
    // The driver takes the process' provider of TLS, and there is none by itself where another driver brings a second one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let limit = CONNECT_TIMEOUT.min(timeout / 2);
    let timed_out = || {
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        ConnectError::Refused(Reason::TimedOut, ProbeError::TimedOut { millis })
    };
    // The handle of the probe is one of them.
    if Arc::strong_count(alive) > SESSIONS_MAX {
        return Err(timed_out());
    }
    let (ready, opened) = oneshot::channel();
    let (questions, inbox) = mpsc::channel(1);
    let task = serve(options(endpoint, password.as_ref()), endpoint.sslmode, timeout, ready, inbox);
    let alive = Arc::clone(alive);
    tokio::spawn(async move {
        task.await;
        drop(alive);
    });
    match tokio::time::timeout(limit, opened).await {
        Ok(Ok(Ok((_, true)))) if !allows_superuser => Err(local(
            "the account has SUPER: make one by the script that 'wardround-agent doctor' prints, or set \
             allow_superuser = true"
                .to_owned(),
        )),
        Ok(Ok(Ok((flavor, _)))) => Ok(Session { questions, flavor }),
        Ok(Ok(Err(error))) => {
            Err(ConnectError::Refused(reason(&error), complaint("connect", &error)))
        }
        Ok(Err(_)) => {
            let what = "connect: the session ended".into();
            Err(ConnectError::Refused(Reason::Other, ProbeError::Query { what }))
        }
        Err(_) => Err(timed_out()),
    }
}

/// Connects, says so, and answers questions until nobody asks any more or the connection is lost.
async fn serve(
    (plain, encrypted): (Opts, Option<Opts>),
    sslmode: SslMode,
    timeout: Duration,
    ready: oneshot::Sender<Result<(Flavor, bool), Error>>,
    mut inbox: mpsc::Receiver<(Arc<str>, oneshot::Sender<Answer>)>,
) {
    let opened = match encrypted {
        None => Conn::new(plain).await,
        Some(encrypted) => match Conn::new(encrypted).await {
            Err(Error::Driver(DriverError::NoClientSslFlagFromServer))
                if sslmode == SslMode::Prefer =>
            {
                Conn::new(plain).await
            }
            opened => opened,
        },
    };
    let prepared = match opened {
        Ok(mut connection) => {
            prepare(&mut connection, timeout).await.map(|flavor| (connection, flavor))
        }
        Err(error) => Err(error),
    };
    let mut connection = match prepared {
        Ok((connection, flavor)) => {
            if ready.send(Ok(flavor)).is_err() {
                drop(connection.disconnect().await);
                return;
            }
            connection
        }
        Err(error) => {
            drop(ready.send(Err(error)));
            return;
        }
    };
    while let Some((sql, outbox)) = inbox.recv().await {
        let answer = connection.query(&*sql).await;
        let is_lost = answer.as_ref().is_err_and(super::refusal::ends_session);
        // Whoever asked may have given up; the session is good all the same.
        drop(outbox.send(answer));
        if is_lost {
            return;
        }
    }
    drop(connection.disconnect().await);
}

/// Sets the session's limits and finds out what kind of server it is, and whether the account could change everything.
async fn prepare(connection: &mut Conn, timeout: Duration) -> Result<(Flavor, bool), Error> {
    let version: Option<String> = connection.query_first("SELECT VERSION()").await?;
    let is_mariadb = version.unwrap_or_default().contains("MariaDB");
    let limit = timeout / 2;
    let time = if is_mariadb {
        format!("max_statement_time = {}", limit.as_secs_f64())
    } else {
        format!("max_execution_time = {}", limit.as_millis())
    };
    // All names and values of parameters in one text; MySQL allows 1 KiB by default.
    let rest = "lock_wait_timeout = 1, group_concat_max_len = 1048576";
    connection.query_drop(format!("SET SESSION {time}, {rest}")).await?;
    connection.query_drop("SET SESSION TRANSACTION READ ONLY").await?;
    // An account sees its own rights alone there.
    let asked =
        "SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'SUPER'";
    let is_superuser = connection.query_first::<u64, _>(asked).await?.unwrap_or(0) > 0;
    Ok((if is_mariadb { Flavor::MariaDb } else { Flavor::Mysql }, is_superuser))
}

fn options(endpoint: &Endpoint, password: Option<&Secret>) -> (Opts, Option<Opts>) {
    let mut builder = OptsBuilder::default()
        .user(Some(&endpoint.user))
        .pass(password.map(Secret::expose))
        .db_name(Some(&endpoint.database))
        // The driver would move from loopback to the socket by itself, where the account is another one.
        .prefer_socket(false)
        .tcp_keepalive(Some(KEEPALIVE));
    builder = if endpoint.host.starts_with('/') {
        builder.socket(Some(&endpoint.host))
    } else {
        builder.ip_or_hostname(&endpoint.host).tcp_port(endpoint.port)
    };
    let tls = match (endpoint.sslmode, &endpoint.ca_file) {
        (SslMode::Disable, _) => None,
        // Any certificate, as libpq's `require` has it.
        (SslMode::Prefer | SslMode::Require, _) => Some(
            SslOpts::default()
                .with_danger_accept_invalid_certs(true)
                .with_danger_skip_domain_validation(true),
        ),
        (SslMode::VerifyFull, ca_file) => {
            let roots = ca_file.iter().cloned().map(Into::into).collect();
            Some(SslOpts::default().with_root_certs(roots).with_disable_built_in_roots(true))
        }
    };
    // A socket never leaves the machine.
    let tls = tls.filter(|_| !endpoint.host.starts_with('/'));
    let encrypted = tls.map(|tls| builder.clone().ssl_opts(Some(tls)).into());
    (builder.into(), encrypted)
}
