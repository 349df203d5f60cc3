//! A question to MySQL or MariaDB about a core business service.

use super::refusal::{complaint, ends_session};
use super::row::number;
use super::session::{ConnectError, Session, open};
use crate::core_service::{Answer, CoreService, Question, Unanswered};
use crate::endpoint::Endpoint;
use mysql_async::{Error, Row, Value};
use shared_model::Clock;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// The question, with its session.
pub(crate) struct MysqlQuestion {
    service: String,
    /// As a table of two rows at most: only one statement that yields rows can stand there, and a huge result ends.
    statement: Arc<str>,
    endpoint: Endpoint,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    session: Option<Session>,
    /// Counts the sessions that were opened and have not ended.
    alive: Arc<()>,
}

impl Question for MysqlQuestion {
    fn ask(&mut self) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(self.ask())
    }

    fn leave(&mut self) {
        self.session = None;
    }
}

impl MysqlQuestion {
    /// One that connects when it is asked.
    pub(crate) fn new(settings: &CoreService, clock: Arc<dyn Clock>) -> Self {
        let statement = format!("SELECT q.* FROM (\n{}\n) AS q LIMIT 2", settings.question());
        Self {
            service: settings.name.clone(),
            statement: statement.into(),
            endpoint: settings.endpoint(),
            timeout: settings.timeout.get(),
            clock,
            session: None,
            alive: Arc::new(()),
        }
    }

    async fn ask(&mut self) -> Answer {
        let session =
            match self.session.take() {
                Some(session) => session,
                // What an account may do beyond its question is its hospital's to decide.
                None => open(&self.endpoint, self.timeout, true, &self.alive).await.map_err(
                    |error| match error {
                        ConnectError::Local(error) => Unanswered::Local(error),
                        ConnectError::Refused(..) => Unanswered::Refused,
                    },
                )?,
            };
        let begun = self.clock.boot();
        let rows = session.query(Arc::clone(&self.statement)).await;
        let latency = self.clock.boot().since(begun);
        if !rows.as_ref().is_err_and(ends_session) {
            self.session = Some(session);
        }
        let value = self.value(&rows.map_err(|e| self.unanswered(&e))?)?;
        Ok((value, latency))
    }

    fn value(&self, rows: &[Row]) -> Result<Option<f64>, Unanswered> {
        let faulty = |what| Unanswered::faulty(&self.service, what);
        match rows {
            [row] if row.len() != 1 => Err(faulty("must yield one column of a numeric type")),
            [row] if matches!(row.as_ref(0), Some(Value::NULL)) => Ok(None),
            [row] => match number(row, 0) {
                Some(value) => Ok(Some(value)),
                None => Err(faulty("not a number")),
            },
            [] => Err(faulty("no row")),
            _ => Err(faulty("more than one row")),
        }
    }

    fn unanswered(&self, error: &Error) -> Unanswered {
        if ends_session(error) {
            Unanswered::Lost
        } else {
            let service = &self.service;
            Unanswered::Faulty(complaint(&format!("query of core_service {service}"), error))
        }
    }
}
