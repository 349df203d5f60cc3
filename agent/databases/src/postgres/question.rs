//! A question to PostgreSQL about a core business service.

use super::connection::{ConnectError, Connection, open};
use super::refusal::{complaint, ends_session};
use crate::core_service::{Answer, CoreService, Question, Unanswered};
use crate::endpoint::Endpoint;
use shared_model::Clock;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Statement};

/// The question, with its session.
pub(crate) struct PostgresQuestion {
    service: String,
    query: String,
    endpoint: Endpoint,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    session: Option<(Connection, Statement)>,
}

impl Question for PostgresQuestion {
    fn ask(&mut self) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(self.ask())
    }

    fn leave(&mut self) {
        self.session = None;
    }
}

impl PostgresQuestion {
    /// One that connects when it is asked.
    pub(crate) fn new(settings: &CoreService, clock: Arc<dyn Clock>) -> Self {
        Self {
            service: settings.name.clone(),
            query: settings.question().to_owned(),
            endpoint: settings.endpoint(),
            timeout: settings.timeout.get(),
            clock,
            session: None,
        }
    }

    async fn ask(&mut self) -> Answer {
        let (connection, statement) = match self.session.take() {
            Some(session) => session,
            None => self.connect().await?,
        };
        let begun = self.clock.boot();
        let rows = connection.client.query(&statement, &[]).await.map_err(|e| self.unanswered(&e));
        let latency = self.clock.boot().since(begun);
        let rows = match rows {
            Err(Unanswered::Lost) => return Err(Unanswered::Lost),
            rows => {
                self.session = Some((connection, statement));
                rows?
            }
        };
        match rows.as_slice() {
            [row] => match row.try_get(0) {
                Ok(value) => Ok((value, latency)),
                Err(_) => Err(self.faulty("not a number")),
            },
            [] => Err(self.faulty("no row")),
            _ => Err(self.faulty("more than one row")),
        }
    }

    async fn connect(&self) -> Result<(Connection, Statement), Unanswered> {
        let opened = Box::pin(open(&self.endpoint, self.timeout, "")).await;
        let connection = opened.map_err(|error| match error {
            ConnectError::Local(error) => Unanswered::Local(error),
            ConnectError::Refused(..) => Unanswered::Refused,
        })?;
        // Preparing the bare text refuses a second statement and shows the columns; the wrapped one is what runs, so that
        // every numeric type arrives as float8 and a huge result ends after two rows.
        let client = &connection.client;
        let bare = client.prepare(&self.query).await.map_err(|e| self.unanswered(&e))?;
        let numbers =
            [Type::INT2, Type::INT4, Type::INT8, Type::FLOAT4, Type::FLOAT8, Type::NUMERIC];
        match bare.columns() {
            [column] if numbers.contains(column.type_()) => {}
            _ => return Err(self.faulty("must yield one column of a numeric type")),
        }
        let wrapped =
            format!("SELECT q.value::float8 FROM (\n{}\n) AS q(value) LIMIT 2", self.query);
        let statement = client.prepare(&wrapped).await.map_err(|e| self.unanswered(&e))?;
        Ok((connection, statement))
    }

    fn unanswered(&self, error: &Error) -> Unanswered {
        if ends_session(error) {
            Unanswered::Lost
        } else {
            let service = &self.service;
            Unanswered::Faulty(complaint(&format!("query of core_service {service}"), error))
        }
    }

    fn faulty(&self, what: &str) -> Unanswered {
        Unanswered::faulty(&self.service, what)
    }
}
