//! The probe of one core business service: a configured question to its database.

use super::connection::{ConnectError, Connection, open};
use super::refusal::{complaint, ends_session};
use super::settings::CoreService;
use crate::endpoint::Endpoint;
use crate::metric::gauge;
use agent_probe::{AsyncProbe, Lane, Outcome, ProbeError, ProbeSpec, Sink};
use shared_model::{Clock, Metric, Unit};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Statement};

static UP: Metric = gauge(
    "wardround_core_service_up",
    Unit::None,
    "1 when the service's question was answered with one row in this round.",
    "the query of [[core_service]]",
);

static LATENCY: Metric = gauge(
    "wardround_core_service_latency_seconds",
    Unit::Seconds,
    "How long the answer took, connecting not included. Missing without an answer.",
    "the query of [[core_service]]",
);

static VALUE: Metric = gauge(
    "wardround_core_service_value",
    Unit::None,
    "The number that was answered. Missing without an answer and when the answer was NULL.",
    "the query of [[core_service]]",
);

/// Asks one configured question, read-only and bounded in time, over a connection that stays open.
pub struct CoreServiceProbe {
    service: String,
    query: String,
    endpoint: Endpoint,
    instance: String,
    interval: Duration,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    session: Option<(Connection, Statement)>,
}

/// Why there is no answer.
enum Unanswered {
    /// The node's own side is at fault: nothing is known of the service.
    Local(ProbeError),
    /// The database refused or was lost: an observation.
    Refused,
    /// The database answered, but not with one row of one number.
    Faulty(ProbeError),
    /// The kept session was ended.
    Lost,
}

impl CoreServiceProbe {
    /// A probe that connects at its first round.
    pub fn new(settings: &CoreService, clock: Arc<dyn Clock>) -> Self {
        Self {
            service: settings.name.clone(),
            query: settings.query.trim().trim_end_matches(';').to_owned(),
            endpoint: settings.endpoint(),
            instance: settings.instance(),
            interval: settings.interval.get(),
            timeout: settings.timeout.get(),
            clock,
            session: None,
        }
    }

    async fn round(&mut self, sink: &mut Sink) -> Outcome {
        let mut answer = self.ask().await;
        if matches!(answer, Err(Unanswered::Lost)) {
            // The session may have been ended while the server lives on: one new session tells.
            answer = self.ask().await;
        }
        let labels = [("service", self.service.as_str())];
        let up = answer.is_ok();
        if !matches!(answer, Err(Unanswered::Local(_))) {
            sink.put(&UP, &labels, f64::from(u8::from(up)));
        }
        match answer {
            Ok((value, latency)) => {
                sink.put(&LATENCY, &labels, latency.as_secs_f64());
                if let Some(value) = value {
                    sink.put(&VALUE, &labels, value);
                }
                Outcome::Sampled
            }
            Err(Unanswered::Local(error)) => Outcome::Failed(error),
            Err(Unanswered::Refused | Unanswered::Lost) => Outcome::Sampled,
            Err(Unanswered::Faulty(error)) => Outcome::Partial(vec![error]),
        }
    }

    async fn ask(&mut self) -> Result<(Option<f64>, Duration), Unanswered> {
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
        let service = &self.service;
        Unanswered::Faulty(ProbeError::Query {
            what: format!("query of core_service {service}: {what}"),
        })
    }
}

impl AsyncProbe for CoreServiceProbe {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: "core_service",
            job: "postgres",
            lane: Lane::Slow,
            default_interval: self.interval,
            default_timeout: self.timeout,
        }
    }

    fn instance(&self) -> &str {
        &self.instance
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        static METRICS: [&Metric; 3] = [&UP, &LATENCY, &VALUE];
        &METRICS
    }

    // Cancel-safe: a cut round leaves `session` empty, so the next one begins with a new connection.
    fn read<'a>(
        &'a mut self,
        sink: &'a mut Sink,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.round(sink))
    }

    fn timed_out(&mut self, sink: &mut Sink) -> Outcome {
        self.session = None;
        sink.put(&UP, &[("service", &self.service)], 0.0);
        Outcome::Sampled
    }
}

impl fmt::Debug for CoreServiceProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreServiceProbe")
            .field("service", &self.service)
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}
