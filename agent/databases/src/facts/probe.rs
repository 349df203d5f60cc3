//! The probe of one instance, for every engine that states facts.

use super::row::Row;
use super::session::{Client, Failure, FailureKind, Session};
use super::{AVAILABILITY, accounts};
use crate::metric::gauge;
use crate::paced::{Paced, budget};
use crate::refusal::Reason;
use crate::view::{Pace, View, emit};
use agent_probe::{AsyncProbe, Lane, Outcome, ProbeError, ProbeSpec, Sink};
use shared_model::{Clock, Metric, Unit};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

static AVAILABLE: Metric = gauge(
    "wardround_db_view_available",
    Unit::None,
    "1 when the server has this view and the agent's account may read it.",
    "the error's number when it is read",
);

/// What an engine is to the probe.
pub(crate) struct Engine {
    /// Name of the probe and of its job.
    pub(crate) name: &'static str,
    /// Every view. The first one proves that the server serves.
    pub(crate) views: &'static [&'static View<Row>],
    /// The view of accounts, of whose rows the allowed ones are taken away.
    pub(crate) accounts: &'static View<Row>,
    /// Empty at first.
    pub(crate) metrics: OnceLock<Vec<&'static Metric>>,
}

/// When and how an instance is read.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) instance: String,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) inspection: Duration,
    pub(crate) allowed: Vec<String>,
}

/// Samples one instance over one session that stays open.
///
/// A server that refuses or does not answer is sampled as `wardround_db_up 0` with its reason. While it is down every round tries to
/// connect once. A view that the server lacks is said so as a reading of its own, and asked for again when it is due.
pub(crate) struct FactsProbe {
    engine: &'static Engine,
    schedule: Schedule,
    client: Box<dyn Client>,
    clock: Arc<dyn Clock>,
    session: Option<Box<dyn Session>>,
    views: Vec<Paced<Row>>,
    missing: Vec<&'static str>,
    answered: bool,
    refused: Option<Reason>,
}

impl FactsProbe {
    /// A probe that connects at its first round.
    pub(crate) fn new(
        engine: &'static Engine,
        schedule: Schedule,
        client: Box<dyn Client>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let views = engine.views.iter().copied().map(Paced::new).collect();
        let (missing, refused) = (Vec::new(), None);
        let (session, answered) = (None, false);
        Self { engine, schedule, client, clock, session, views, missing, answered, refused }
    }

    async fn round(&mut self, sink: &mut Sink) -> Outcome {
        self.answered = false;
        loop {
            let (mut session, fresh) = match self.session.take() {
                Some(session) => (session, false),
                None => match self.client.open().await {
                    Ok(session) => {
                        self.forget();
                        (session, true)
                    }
                    Err(failure) => return self.failed(sink, &failure, "connect"),
                },
            };
            let mut complaints = Vec::new();
            match self.read_each_round(&mut session, sink, &mut complaints).await {
                Ok(()) => {
                    self.up();
                    let alive = self.read_paced(&mut session, sink, &mut complaints).await;
                    for view in self.engine.views {
                        let has = !self.missing.contains(&view.name);
                        sink.put(&AVAILABLE, &[("view", view.name)], if has { 1.0 } else { 0.0 });
                    }
                    self.session = alive.then_some(session);
                    return Outcome::with_complaints(complaints);
                }
                Err(failure) if fresh => return self.failed(sink, &failure, self.first().name),
                // A kept session may have been ended while the server lives on: one new session tells. What was read of it goes.
                Err(_) => sink.begin(),
            }
        }
    }

    fn first(&self) -> &'static View<Row> {
        self.engine.views.first().expect("an engine has views")
    }

    /// What another session read is not what this one would.
    fn forget(&mut self) {
        self.views = self.engine.views.iter().copied().map(Paced::new).collect();
        self.missing.clear();
    }

    /// Reads the views of every round. `Err` when the session is over or the first view failed.
    async fn read_each_round(
        &mut self,
        session: &mut Box<dyn Session>,
        sink: &mut Sink,
        complaints: &mut Vec<ProbeError>,
    ) -> Result<(), Failure> {
        let first = self.first().name;
        for &view in self.engine.views.iter().filter(|view| view.pace == Pace::EachRound) {
            match session.query(view.sql).await {
                Ok(rows) => {
                    self.missing.retain(|known| *known != view.name);
                    if view.name == first {
                        AVAILABILITY.up(sink);
                    }
                    emit(view, &rows, sink, complaints);
                }
                Err(failure)
                    if view.name == first || matches!(failure.kind, FailureKind::Ended(_)) =>
                {
                    return Err(failure);
                }
                Err(failure) => self.note(view.name, &failure, complaints),
            }
        }
        Ok(())
    }

    /// Reads the views that are due by their own pace, and emits what is known of all of them. Returns whether the session is
    /// still good.
    async fn read_paced(
        &mut self,
        session: &mut Box<dyn Session>,
        sink: &mut Sink,
        complaints: &mut Vec<ProbeError>,
    ) -> bool {
        let (begun, budget) = (self.clock.boot(), budget(self.schedule.timeout));
        let inspection = self.schedule.inspection;
        let mut alive = true;
        let mut views = std::mem::take(&mut self.views);
        for paced in &mut views {
            let now = self.clock.boot();
            let view = paced.view;
            if alive && now.since(begun) < budget && paced.is_due(inspection, begun) {
                paced.begin(begun);
                self.missing.retain(|known| *known != view.name);
                match session.query(view.sql).await {
                    Ok(mut rows) => {
                        if std::ptr::eq(view, self.engine.accounts) {
                            rows.retain(|row| !accounts::is_allowed(row, &self.schedule.allowed));
                        }
                        paced.keep(rows, begun);
                    }
                    Err(failure) => {
                        alive = !matches!(failure.kind, FailureKind::Ended(_));
                        self.note(view.name, &failure, complaints);
                    }
                }
            }
            if let Some(rows) = paced.rows(inspection, begun) {
                emit(view, rows, sink, complaints);
            }
        }
        self.views = views;
        alive
    }

    fn note(&mut self, name: &'static str, failure: &Failure, complaints: &mut Vec<ProbeError>) {
        match failure.kind {
            FailureKind::Missing if !self.missing.contains(&name) => self.missing.push(name),
            FailureKind::Missing => {}
            _ => complaints.push(failure.complaint(name)),
        }
    }

    fn up(&mut self) {
        self.answered = true;
        if self.refused.take().is_some() {
            tracing::info!(instance = %self.schedule.instance, "database serves again");
        }
    }

    fn failed(&mut self, sink: &mut Sink, failure: &Failure, step: &str) -> Outcome {
        let error = failure.complaint(step);
        match failure.kind {
            FailureKind::Local => Outcome::Failed(error),
            FailureKind::Ended(reason) => self.down(sink, reason, &error),
            FailureKind::Missing | FailureKind::Statement => self.down(sink, Reason::Other, &error),
        }
    }

    fn down(&mut self, sink: &mut Sink, reason: Reason, error: &ProbeError) -> Outcome {
        if self.refused.replace(reason) != Some(reason) {
            let reason = reason.as_str();
            tracing::warn!(instance = %self.schedule.instance, reason, %error, "database does not serve");
        }
        AVAILABILITY.down(sink, reason);
        Outcome::Sampled
    }
}

impl Engine {
    /// The metrics of all views, put together once per process.
    fn every_metric(&self) -> &[&'static Metric] {
        self.metrics.get_or_init(|| {
            let own = [AVAILABILITY.up, AVAILABILITY.refused, &AVAILABLE];
            let facts = self.views.iter().flat_map(|view| view.metrics).copied();
            own.into_iter().chain(facts).collect()
        })
    }
}

impl AsyncProbe for FactsProbe {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: self.engine.name,
            job: self.engine.name,
            lane: Lane::Slow,
            default_interval: self.schedule.interval,
            default_timeout: self.schedule.timeout,
        }
    }

    fn instance(&self) -> &str {
        &self.schedule.instance
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        self.engine.every_metric()
    }

    // Cancel-safe: a cut round leaves `session` empty, so the next one begins with a new session.
    fn read<'a>(
        &'a mut self,
        sink: &'a mut Sink,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.round(sink))
    }

    fn timed_out(&mut self, sink: &mut Sink) -> Outcome {
        self.session = None;
        let millis = u64::try_from(self.schedule.timeout.as_millis()).unwrap_or(u64::MAX);
        let error = ProbeError::TimedOut { millis };
        if self.answered {
            // The round's first views were answered; only a heavy one was cut.
            AVAILABILITY.up(sink);
            return Outcome::Partial(vec![error]);
        }
        self.down(sink, Reason::TimedOut, &error)
    }
}

impl fmt::Debug for FactsProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactsProbe")
            .field("engine", &self.engine.name)
            .field("instance", &self.schedule.instance)
            .field("connected", &self.session.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
