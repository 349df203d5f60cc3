//! The probe of one instance.

use super::connection::{ConnectError, Connection, open};
use super::refusal::{Reason, complaint, ends_session};
use super::settings::{Endpoint, PostgresInstance};
use super::view::{View, ViewError};
use super::{
    activity, availability, blocking, database, index_blocks, server, size, standby, standbys,
};
use agent_probe::{AsyncProbe, Lane, Outcome, ProbeError, ProbeSpec, Sink};
use futures_util::future::join_all;
use shared_model::{BootTime, Clock, Metric};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::{Error, Row, Statement};

/// Every view: one file plus one line here adds one. The first one proves that the server serves.
static ALL: [&View; 8] = [
    &server::VIEW,
    &standby::VIEW,
    &standbys::VIEW,
    &activity::VIEW,
    &database::VIEW,
    &blocking::VIEW,
    &index_blocks::VIEW,
    &size::VIEW,
];

/// Rows of a view with a cadence are emitted again for this many cadences, then they are too old to stand for now.
const KEPT_FOR_CADENCES: u32 = 3;

/// Samples one PostgreSQL instance over one connection that stays open.
///
/// A server that refuses or does not answer is sampled as `pg_up 0` with its reason. While it is down every round tries
/// to connect once, so that both its fall and its return are seen within a round.
pub struct PostgresProbe {
    endpoint: Endpoint,
    instance: String,
    interval: Duration,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    metrics: &'static [&'static Metric],
    session: Option<Session>,
    answered: bool,
    refused: Option<Reason>,
}

/// A connection and what was prepared and read over it.
struct Session {
    connection: Connection,
    prepared: Vec<Prepared>,
    /// What could not be prepared, such as a view that an older server lacks; repeated every round.
    unprepared: Vec<(&'static View, Error)>,
}

struct Prepared {
    view: &'static View,
    statement: Statement,
    /// The last rows and when they were read; only of views with a cadence.
    kept: Option<(Vec<Row>, BootTime)>,
    tried: Option<BootTime>,
}

impl PostgresProbe {
    /// A probe that connects at its first round.
    pub fn new(settings: &PostgresInstance, clock: Arc<dyn Clock>) -> Self {
        Self {
            endpoint: settings.endpoint(),
            instance: settings.instance(),
            interval: settings.interval.get(),
            timeout: settings.timeout.get(),
            clock,
            metrics: every_metric(),
            session: None,
            answered: false,
            refused: None,
        }
    }

    async fn round(&mut self, sink: &mut Sink) -> Outcome {
        self.answered = false;
        loop {
            let (mut session, fresh) = match self.session.take() {
                Some(session) => (session, false),
                None => match self.connect().await {
                    Ok(session) => (session, true),
                    Err(ConnectError::Local(error)) => return Outcome::Failed(error),
                    Err(ConnectError::Refused(reason, error)) => {
                        return self.down(sink, reason, &error);
                    }
                },
            };
            match session.read_each_round(sink).await {
                Ok(mut complaints) => {
                    self.up();
                    let alive = session.read_paced(self.clock.boot(), sink, &mut complaints).await;
                    self.session = alive.then_some(session);
                    return Outcome::with_complaints(complaints);
                }
                Err(error) if fresh => {
                    let what = complaint(server::VIEW.name, &error);
                    return self.down(sink, Reason::of(&error), &what);
                }
                // A kept session may have been ended while the server lives on: one new session tells.
                Err(_) => {}
            }
        }
    }

    async fn connect(&self) -> Result<Session, ConnectError> {
        let connection =
            Box::pin(open(&self.endpoint, self.timeout, " -c search_path=pg_catalog")).await?;
        let answers = join_all(ALL.iter().map(|view| connection.client.prepare(view.sql))).await;
        let mut session = Session { connection, prepared: Vec::new(), unprepared: Vec::new() };
        for (view, answer) in ALL.into_iter().zip(answers) {
            match answer {
                Ok(statement) => {
                    session.prepared.push(Prepared { view, statement, kept: None, tried: None });
                }
                Err(error) if ends_session(&error) || std::ptr::eq(view, &server::VIEW) => {
                    let what = complaint(view.name, &error);
                    return Err(ConnectError::Refused(Reason::of(&error), what));
                }
                Err(error) => session.unprepared.push((view, error)),
            }
        }
        Ok(session)
    }

    fn up(&mut self) {
        self.answered = true;
        if self.refused.take().is_some() {
            tracing::info!(instance = %self.instance, "database serves again");
        }
    }

    fn down(&mut self, sink: &mut Sink, reason: Reason, error: &ProbeError) -> Outcome {
        if self.refused.replace(reason) != Some(reason) {
            let reason = reason.as_str();
            tracing::warn!(instance = %self.instance, reason, %error, "database does not serve");
        }
        availability::down(sink, reason);
        Outcome::Sampled
    }
}

impl Session {
    /// Reads the views of every round in one go. `Err` when the session is lost or the first view failed; nothing is in
    /// the sink then.
    async fn read_each_round(&self, sink: &mut Sink) -> Result<Vec<ProbeError>, Error> {
        let client = &self.connection.client;
        let every_round = || self.prepared.iter().filter(|p| p.view.cadence.is_none());
        // Sent together: the server works through them while the first answers travel.
        let answers = join_all(every_round().map(|p| client.query(&p.statement, &[]))).await;
        let mut readings = Vec::with_capacity(answers.len());
        for (prepared, answer) in every_round().zip(answers) {
            match answer {
                Err(error) if ends_session(&error) => return Err(error),
                Err(error) if std::ptr::eq(prepared.view, &server::VIEW) => return Err(error),
                answer => readings.push((prepared.view, answer)),
            }
        }
        availability::up(sink);
        let mut complaints: Vec<ProbeError> =
            self.unprepared.iter().map(|(view, error)| complaint(view.name, error)).collect();
        for (view, answer) in readings {
            match answer {
                Ok(rows) => emit(view, &rows, sink, &mut complaints),
                Err(error) => complaints.push(complaint(view.name, &error)),
            }
        }
        Ok(complaints)
    }

    /// Reads the views that are due by their cadence, and emits what is known of all of them. Returns whether the
    /// session is still good.
    async fn read_paced(
        &mut self,
        now: BootTime,
        sink: &mut Sink,
        complaints: &mut Vec<ProbeError>,
    ) -> bool {
        let client = &self.connection.client;
        let mut alive = true;
        for prepared in &mut self.prepared {
            let Some(cadence) = prepared.view.cadence else {
                continue;
            };
            if alive && prepared.tried.is_none_or(|tried| now.since(tried) >= cadence) {
                prepared.tried = Some(now);
                match client.query(&prepared.statement, &[]).await {
                    Ok(rows) => prepared.kept = Some((rows, now)),
                    Err(error) => {
                        alive = !ends_session(&error);
                        complaints.push(complaint(prepared.view.name, &error));
                    }
                }
            }
            if let Some((rows, read)) = &prepared.kept
                && now.since(*read) <= cadence * KEPT_FOR_CADENCES
            {
                emit(prepared.view, rows, sink, complaints);
            }
        }
        alive
    }
}

fn emit(view: &View, rows: &[Row], sink: &mut Sink, complaints: &mut Vec<ProbeError>) {
    let name = view.name;
    let what = match (view.emit)(rows, sink) {
        Ok(()) => return,
        Err(ViewError::Column) => format!("{name}: a column of another type than asked for"),
        Err(ViewError::TooMany { what, limit }) => {
            format!("{name}: more than {limit} {what}, the others are not sampled")
        }
    };
    complaints.push(ProbeError::Query { what });
}

/// The metrics of all views, put together once per process.
fn every_metric() -> &'static [&'static Metric] {
    static METRICS: std::sync::OnceLock<Vec<&'static Metric>> = std::sync::OnceLock::new();
    METRICS.get_or_init(|| {
        let own = [&availability::UP, &availability::CONNECT_REFUSED];
        own.into_iter().chain(ALL.iter().flat_map(|view| view.metrics).copied()).collect()
    })
}

impl AsyncProbe for PostgresProbe {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: "postgres",
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
        self.metrics
    }

    // Cancel-safe: a cut round leaves `session` empty, so the next one begins with a new connection.
    fn read<'a>(
        &'a mut self,
        sink: &'a mut Sink,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.round(sink))
    }

    // The round that follows tries one new connection: only when that fails too is the instance down.
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        match &mut self.session {
            Some(session) => Box::pin(session.connection.ended()),
            None => Box::pin(std::future::pending()),
        }
    }

    fn timed_out(&mut self, sink: &mut Sink) -> Outcome {
        self.session = None;
        let millis = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
        let error = ProbeError::TimedOut { millis };
        if self.answered {
            // The round's first views were answered; only a heavy one was cut.
            availability::up(sink);
            return Outcome::Partial(vec![error]);
        }
        self.down(sink, Reason::TimedOut, &error)
    }
}

impl fmt::Debug for PostgresProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresProbe")
            .field("instance", &self.instance)
            .field("connected", &self.session.is_some())
            .finish_non_exhaustive()
    }
}
