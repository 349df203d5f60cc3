//! Sessions over the vendor's client library, each in a thread of its own: the library's calls wait.
//!
//! The engine knows no session that may only read: that is the account's part, and every statement is a SELECT outside a transaction.
//! A session that is dropped ends once its statement has, which the library cuts after the time that a statement may take. A few such
//! threads are left behind at most, for servers that never answer again.

use super::refusal::failure;
use super::settings::OracleInstance;
use crate::facts::row::{Cell, Row};
use crate::facts::session::{Answer, Client, Failure, FailureKind, Session};
use crate::refusal::Reason;
use oracle::{Connection, Connector};
use shared_runtime::Secret;
use shared_runtime::telemetry::chain;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;

/// Seconds for a connection: a server that needs longer to accept one is not available.
const CONNECT_TIMEOUT_S: u32 = 1;

/// Sessions of one instance at most, those included that wait for a server that hangs.
const SESSIONS_MAX: usize = 4;

/// The views of a round have some hundred rows.
const FETCH_ROWS: u32 = 500;

type Question = (&'static str, oneshot::Sender<Result<Vec<Row>, Failure>>);

/// Opens sessions of one instance.
pub(super) struct OracleClient {
    settings: OracleInstance,
    /// Counts the sessions that were opened and have not ended.
    alive: Arc<()>,
}

impl OracleClient {
    pub(super) fn new(settings: &OracleInstance) -> Self {
        Self { settings: settings.clone(), alive: Arc::new(()) }
    }

    async fn open(&self) -> Result<Box<dyn Session>, Failure> {
        let password = match &self.settings.password_file {
            Some(path) => Secret::from_file(path).map_err(|e| Failure::local(chain(&e)))?,
            None => Secret::new(String::new()),
        };
        // The client itself is one of them.
        if Arc::strong_count(&self.alive) > SESSIONS_MAX {
            let what = format!("{SESSIONS_MAX} sessions still wait for an answer");
            return Err(Failure { kind: FailureKind::Ended(Reason::TimedOut), what });
        }
        let (ready, opened) = oneshot::channel();
        // A probe asks one question at a time.
        let (questions, inbox) = mpsc::sync_channel(1);
        let settings = self.settings.clone();
        let alive = Arc::clone(&self.alive);
        let serving = std::thread::Builder::new().name("oracle".to_owned()).spawn(move || {
            serve(&settings, &password, ready, &inbox);
            drop(alive);
        });
        serving.map_err(|e| Failure::local(format!("no thread for the session: {e}")))?;
        opened.await.map_err(|_| gone())??;
        Ok(Box::new(OracleSession { questions }))
    }
}

impl Client for OracleClient {
    fn open(&self) -> Answer<'_, Box<dyn Session>> {
        Box::pin(self.open())
    }
}

/// The way to a session's thread.
struct OracleSession {
    questions: mpsc::SyncSender<Question>,
}

impl Session for OracleSession {
    fn query(&mut self, sql: &'static str) -> Answer<'_, Vec<Row>> {
        let (outbox, answer) = oneshot::channel();
        let asked = self.questions.try_send((sql, outbox)).map_err(|_| gone());
        Box::pin(async move {
            asked?;
            answer.await.map_err(|_| gone())?
        })
    }
}

fn gone() -> Failure {
    let what = "the session ended".to_owned();
    Failure { kind: FailureKind::Ended(Reason::Other), what }
}

/// Connects, says so, and answers questions until nobody asks any more.
fn serve(
    settings: &OracleInstance,
    password: &Secret,
    ready: oneshot::Sender<Result<(), Failure>>,
    inbox: &mpsc::Receiver<Question>,
) {
    let connection = match connect(settings, password) {
        Ok(connection) => connection,
        Err(failure) => {
            drop(ready.send(Err(failure)));
            return;
        }
    };
    if ready.send(Ok(())).is_err() {
        return;
    }
    while let Ok((sql, outbox)) = inbox.recv() {
        // Whoever asked may have given up; the session is good all the same.
        drop(outbox.send(rows(&connection, sql).map_err(|e| failure(&e))));
    }
}

fn connect(settings: &OracleInstance, password: &Secret) -> Result<Connection, Failure> {
    let limit: Duration = settings.timeout.get() / 2;
    let opened = Connector::new(&settings.user, password.expose(), descriptor(settings)).connect();
    let connection = opened.map_err(|e| failure(&e))?;
    connection.set_call_timeout(Some(limit)).map_err(|e| failure(&e))?;
    let dba = "SELECT COUNT(*) FROM session_roles WHERE role = 'DBA'";
    let is_superuser = rows(&connection, dba).map_err(|e| failure(&e))?.iter().any(is_above_zero);
    if is_superuser && !settings.allow_superuser {
        return Err(Failure::local(
            "the account has the role DBA: make one by the script that 'wardround-agent doctor' prints, or set \
             allow_superuser = true",
        ));
    }
    Ok(connection)
}

fn is_above_zero(row: &Row) -> bool {
    row.number(0).is_ok_and(|count| count.is_some_and(|count| count > 0.0))
}

/// Where it is, as the library reads it. The configuration admits no bracket in any of these.
fn descriptor(settings: &OracleInstance) -> String {
    let OracleInstance { host, port, service, tls, .. } = settings;
    let protocol = if *tls { "TCPS" } else { "TCP" };
    format!(
        "(DESCRIPTION=(CONNECT_TIMEOUT={CONNECT_TIMEOUT_S})(TRANSPORT_CONNECT_TIMEOUT={CONNECT_TIMEOUT_S})(RETRY_COUNT=0)\
         (ADDRESS=(PROTOCOL={protocol})(HOST={host})(PORT={port}))(CONNECT_DATA=(SERVICE_NAME={service})))"
    )
}

/// The rows as text: the library writes numbers out without loss and without regard to a language.
fn rows(connection: &Connection, sql: &str) -> oracle::Result<Vec<Row>> {
    let mut statement = connection.statement(sql).fetch_array_size(FETCH_ROWS).build()?;
    let mut found = Vec::new();
    for row in statement.query(&[])? {
        let row = row?;
        let cells = row.sql_values().iter().map(|value| {
            let text: Option<String> = value.get()?;
            Ok(text.map_or(Cell::Null, |text| Cell::Text(text.into())))
        });
        found.push(Row(cells.collect::<oracle::Result<_>>()?));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a node without the vendor's client library, which this machine is. Guarantees: the failure is the node's own, and says
    /// what to install; it says nothing about the server.
    #[tokio::test]
    async fn without_its_library_it_says_so() {
        let settings: OracleInstance = toml::from_str("service = \"his\"").unwrap();
        let failure = OracleClient::new(&settings).open().await.err().unwrap();
        assert_eq!(failure.kind, FailureKind::Local, "{failure:?}");
        assert!(failure.what.contains("Instant Client"), "{failure:?}");
    }

    /// Scenario: both protocols. Guarantees: the descriptor names host, port and service, and is closed.
    #[test]
    fn descriptors_are_whole() {
        for (text, protocol) in [("", "TCP"), ("tls = true", "TCPS")] {
            let text = format!("host = \"db1\"\nservice = \"his.local\"\n{text}");
            let found = descriptor(&toml::from_str(&text).unwrap());
            let address = format!("(ADDRESS=(PROTOCOL={protocol})(HOST=db1)(PORT=1521))");
            assert!(
                found.contains(&address) && found.contains("(SERVICE_NAME=his.local)"),
                "{found}"
            );
            assert_eq!(found.matches('(').count(), found.matches(')').count());
        }
    }
}
