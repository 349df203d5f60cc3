//! Sessions over TDS.

use super::refusal::failure;
use super::settings::SqlServerInstance;
use crate::endpoint::{Endpoint, SslMode};
use crate::facts::row::{Cell, Row};
use crate::facts::session::{Answer, Client, Failure, FailureKind, Session};
use crate::refusal::Reason;
use shared_runtime::Secret;
use shared_runtime::telemetry::chain;
use std::time::Duration;
use tiberius::{AuthMethod, ColumnData, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

/// The longest wait for a connection: a server that needs longer to accept one is not available.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A wait for a lock fails after a second, readers take none, and this session is the one that a deadlock costs.
const PREPARE: &str = "SET LOCK_TIMEOUT 1000; SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; SET DEADLOCK_PRIORITY LOW";

const IS_SUPERUSER: &str = "SELECT IS_SRVROLEMEMBER('sysadmin')";

type Tds = tiberius::Client<Compat<TcpStream>>;

/// Opens sessions of one instance.
pub(super) struct SqlServerClient {
    endpoint: Endpoint,
    limit: Duration,
    allows_superuser: bool,
}

impl SqlServerClient {
    pub(super) fn new(settings: &SqlServerInstance) -> Self {
        Self {
            endpoint: settings.endpoint(),
            limit: settings.timeout.get() / 2,
            allows_superuser: settings.allow_superuser,
        }
    }

    async fn open(&self) -> Result<Box<dyn Session>, Failure> {
        let password = match &self.endpoint.password_file {
            Some(path) => Secret::from_file(path).map_err(|e| Failure::local(chain(&e)))?,
            None => Secret::new(String::new()),
        };
        let limit = CONNECT_TIMEOUT.min(self.limit);
        let connecting = timeout(limit, Box::pin(self.connect(&password)));
        let tds = connecting.await.map_err(|_| timed_out())??;
        let mut session = SqlServerSession { tds, limit: self.limit };
        session.rows(PREPARE).await?;
        let rows = session.rows(IS_SUPERUSER).await?;
        let is_superuser = rows.iter().any(|row| matches!(row.number(0), Ok(Some(n)) if n > 0.0));
        if is_superuser && !self.allows_superuser {
            return Err(Failure::local(
                "the login is a sysadmin: make one by the script that 'wardround-agent doctor' prints, or set \
                 allow_superuser = true",
            ));
        }
        Ok(Box::new(session))
    }

    async fn connect(&self, password: &Secret) -> Result<Tds, Failure> {
        let address = (self.endpoint.host.as_str(), self.endpoint.port);
        let tcp = TcpStream::connect(address).await.and_then(|tcp| {
            tcp.set_nodelay(true)?;
            Ok(tcp)
        });
        let tcp = tcp.map_err(|e| Failure {
            kind: FailureKind::Ended(Reason::Unreachable),
            what: e.kind().to_string(),
        })?;
        let config = config(&self.endpoint, password);
        let connecting = Box::pin(tiberius::Client::connect(config, tcp.compat_write()));
        connecting.await.map_err(|e| failure(&e))
    }
}

impl Client for SqlServerClient {
    fn open(&self) -> Answer<'_, Box<dyn Session>> {
        Box::pin(self.open())
    }
}

/// One connection; dropped in the middle of an answer it is closed.
struct SqlServerSession {
    tds: Tds,
    limit: Duration,
}

impl SqlServerSession {
    // The protocol has no limit of a statement's time that the server would keep: whoever waits too long leaves, and the server ends
    // the statement when it finds the connection closed.
    async fn rows(&mut self, sql: &str) -> Result<Vec<Row>, Failure> {
        let answer = async {
            let stream = self.tds.simple_query(sql).await?;
            stream.into_first_result().await
        };
        let rows = timeout(self.limit, answer).await.map_err(|_| timed_out())?;
        rows.map_err(|e| failure(&e))?.iter().map(row).collect()
    }
}

impl Session for SqlServerSession {
    fn query(&mut self, sql: &'static str) -> Answer<'_, Vec<Row>> {
        Box::pin(self.rows(sql))
    }
}

fn timed_out() -> Failure {
    let what = "no answer in time".to_owned();
    Failure { kind: FailureKind::Ended(Reason::TimedOut), what }
}

fn config(endpoint: &Endpoint, password: &Secret) -> Config {
    let mut config = Config::new();
    config.host(&endpoint.host);
    config.port(endpoint.port);
    config.database(&endpoint.database);
    config.application_name("wardround-agent");
    config.authentication(AuthMethod::sql_server(&endpoint.user, password.expose()));
    config.encryption(match endpoint.sslmode {
        SslMode::Disable => EncryptionLevel::Off,
        SslMode::Prefer => EncryptionLevel::On,
        SslMode::Require | SslMode::VerifyFull => EncryptionLevel::Required,
    });
    match &endpoint.ca_file {
        Some(ca_file) => config.trust_cert_ca(ca_file.display()),
        // Any certificate, as libpq's `require` has it.
        None => config.trust_cert(),
    }
    config
}

fn row(row: &tiberius::Row) -> Result<Row, Failure> {
    row.cells().map(|(_, value)| cell(value)).collect::<Result<_, _>>().map(Row)
}

/// The types that the statements ask for. Another one is an error of the statement.
fn cell(value: &ColumnData<'static>) -> Result<Cell, Failure> {
    let number = match value {
        ColumnData::U8(value) => value.map(f64::from),
        ColumnData::I16(value) => value.map(f64::from),
        ColumnData::I32(value) => value.map(f64::from),
        ColumnData::I64(value) => value.map(|value| value as f64),
        ColumnData::F32(value) => value.map(f64::from),
        ColumnData::F64(value) => *value,
        ColumnData::Bit(value) => value.map(f64::from),
        ColumnData::Numeric(value) => value.map(f64::from),
        ColumnData::String(value) => {
            return Ok(value.as_deref().map_or(Cell::Null, |text| Cell::Text(text.into())));
        }
        _ => {
            let what = "a column of another type than asked for".to_owned();
            return Err(Failure { kind: FailureKind::Statement, what });
        }
    };
    Ok(number.map_or(Cell::Null, Cell::Number))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: values of the types that the statements ask for, NULL, and a type that none asks for. Guarantees: numbers keep their
    /// value, NULL stays absent, the other type is an error.
    #[test]
    fn values_are_taken_over() {
        let text = ColumnData::String(Some("his".into()));
        let decimal =
            ColumnData::Numeric(Some(tiberius::numeric::Numeric::new_with_scale(-125, 2)));
        for (value, expected) in [
            (ColumnData::I64(Some(7)), Cell::Number(7.0)),
            (ColumnData::Bit(Some(true)), Cell::Number(1.0)),
            (decimal, Cell::Number(-1.25)),
            (text, Cell::Text("his".into())),
            (ColumnData::I32(None), Cell::Null),
            (ColumnData::String(None), Cell::Null),
        ] {
            assert_eq!(cell(&value).unwrap(), expected, "{value:?}");
        }
        assert!(cell(&ColumnData::Binary(Some(vec![1].into()))).is_err());
    }
}
