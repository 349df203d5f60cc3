//! The probe of one core business service: a configured question to its database.

mod settings;

pub use settings::{CoreService, ServiceEngine};

use crate::metric::gauge;
use crate::mysql::MysqlQuestion;
use crate::postgres::PostgresQuestion;
use agent_probe::{AsyncProbe, Lane, Outcome, ProbeError, ProbeSpec, Sink};
use shared_model::{Clock, Metric, Unit};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

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

/// A number and how long it took, connecting not included. `None` is SQL's NULL.
pub(crate) type Answer = Result<(Option<f64>, Duration), Unanswered>;

/// A question to one engine, read-only and bounded in time, over a session that stays open.
pub(crate) trait Question: Send + Sync {
    /// Asks it. Dropped before the answer, it leaves no session behind that it would use again.
    fn ask(&mut self) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>>;

    /// Leaves the session.
    fn leave(&mut self);
}

/// Why there is no answer.
pub(crate) enum Unanswered {
    /// The node's own side is at fault: nothing is known of the service.
    Local(ProbeError),
    /// The database refused or was lost: an observation.
    Refused,
    /// The database answered, but not with one row of one number.
    Faulty(ProbeError),
    /// The kept session was ended.
    Lost,
}

impl Unanswered {
    /// An answer of the wrong shape.
    pub(crate) fn faulty(service: &str, what: &str) -> Self {
        let what = format!("query of core_service {service}: {what}");
        Self::Faulty(ProbeError::Query { what })
    }
}

/// Asks one configured question.
pub struct CoreServiceProbe {
    service: String,
    instance: String,
    job: &'static str,
    interval: Duration,
    timeout: Duration,
    question: Box<dyn Question>,
}

impl CoreServiceProbe {
    /// A probe that connects at its first round.
    pub fn new(settings: &CoreService, clock: Arc<dyn Clock>) -> Self {
        let (job, question): (_, Box<dyn Question>) = match settings.engine {
            ServiceEngine::Postgres => {
                ("postgres", Box::new(PostgresQuestion::new(settings, clock)))
            }
            ServiceEngine::Mysql => ("mysql", Box::new(MysqlQuestion::new(settings, clock))),
        };
        Self {
            service: settings.name.clone(),
            instance: settings.instance(),
            job,
            interval: settings.interval.get(),
            timeout: settings.timeout.get(),
            question,
        }
    }

    async fn round(&mut self, sink: &mut Sink) -> Outcome {
        let mut answer = self.question.ask().await;
        if matches!(answer, Err(Unanswered::Lost)) {
            // The session may have been ended while the server lives on: one new session tells.
            answer = self.question.ask().await;
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
}

impl AsyncProbe for CoreServiceProbe {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: "core_service",
            job: self.job,
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

    // Cancel-safe: a cut round leaves the question without a session, so the next one begins with a new connection.
    fn read<'a>(
        &'a mut self,
        sink: &'a mut Sink,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.round(sink))
    }

    fn timed_out(&mut self, sink: &mut Sink) -> Outcome {
        self.question.leave();
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
