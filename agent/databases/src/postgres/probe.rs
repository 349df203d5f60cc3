//! The probe of one instance.

use super::availability::AVAILABILITY;
use super::connection::{ConnectError, Connection, open};
use super::refusal::{Reason, complaint, ends_session};
use super::settings::PostgresInstance;
use super::view::{Pace, View};
use super::views::{ALL, OPTIONAL, is_optional, prepare};
use super::{logins, server};
use crate::endpoint::Endpoint;
use crate::logins::Logins;
use crate::metric::gauge;
use crate::paced::{Paced, budget};
use crate::view::emit;
use agent_probe::{AsyncProbe, Lane, Outcome, ProbeError, ProbeSpec, Sink};
use futures_util::future::join_all;
use shared_model::{Clock, Metric, Unit};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

static AVAILABLE: Metric = gauge(
    "wardround_pg_view_available",
    Unit::None,
    "1 when the server has this view and the agent's account may read it.",
    "SQLSTATE of its preparation",
);

static CERTIFICATE: Metric = gauge(
    "wardround_pg_certificate_remaining_seconds",
    Unit::Seconds,
    "Time until the server's certificate ends, below 0 once it has. Absent while the agent's session is not encrypted.",
    "the certificate that the server showed",
);

/// Samples one PostgreSQL instance over one connection that stays open.
///
/// A server that refuses or does not answer is sampled as `pg_up 0` with its reason. While it is down every round tries
/// to connect once, so that both its fall and its return are seen within a round.
pub struct PostgresProbe {
    endpoint: Endpoint,
    instance: String,
    interval: Duration,
    timeout: Duration,
    inspection: Inspection,
    allows_superuser: bool,
    clock: Arc<dyn Clock>,
    metrics: &'static [&'static Metric],
    session: Option<Session>,
    answered: bool,
    refused: Option<Reason>,
}

/// What the views that are read at an inspection need.
struct Inspection {
    interval: Duration,
    /// Accounts that are meant to have their rights, the agent's own among them.
    allowed: Vec<String>,
    /// When accounts were seen, where somebody remembers it.
    logins: Option<Logins>,
}

/// A connection and what was prepared and read over it.
struct Session {
    connection: Connection,
    prepared: Vec<Prepared>,
    /// What an optional view's absence leaves unread.
    missing: Vec<&'static View>,
    /// What could not be prepared, such as a view that an older server lacks; repeated every round.
    unprepared: Vec<(&'static View, Error)>,
}

struct Prepared {
    paced: Paced<Row>,
    statement: Statement,
}

impl PostgresProbe {
    /// A probe that connects at its first round.
    pub fn new(settings: &PostgresInstance, clock: Arc<dyn Clock>) -> Self {
        Self {
            endpoint: settings.endpoint(),
            instance: settings.instance(),
            interval: settings.interval.get(),
            timeout: settings.timeout.get(),
            inspection: Inspection {
                interval: settings.inspection_interval.get(),
                allowed: [&settings.allowed_accounts[..], std::slice::from_ref(&settings.user)]
                    .concat(),
                logins: None,
            },
            allows_superuser: settings.allow_superuser,
            clock,
            metrics: every_metric(),
            session: None,
            answered: false,
            refused: None,
        }
    }

    /// Lets the probe remember when accounts were seen.
    #[must_use]
    pub fn remembering(mut self, logins: Logins) -> Self {
        self.inspection.logins = Some(logins);
        self
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
                    let pacing = (self.clock.as_ref(), budget(self.timeout));
                    let alive = session
                        .read_paced(&mut self.inspection, pacing, sink, &mut complaints)
                        .await;
                    if let Some(book) = &self.inspection.logins {
                        book.put(&logins::IDLE, sink);
                    }
                    if let Some(end) = session.connection.certificate_end {
                        let remaining = end.as_secs_f64() - self.clock.wall().as_secs_f64();
                        sink.put(&CERTIFICATE, &[], remaining);
                    }
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
        if !self.allows_superuser {
            refuse_superuser(&connection).await?;
        }
        let answers = join_all(ALL.iter().map(|view| prepare(&connection.client, view))).await;
        let mut session = Session {
            connection,
            prepared: Vec::new(),
            missing: Vec::new(),
            unprepared: Vec::new(),
        };
        for (view, answer) in ALL.into_iter().zip(answers) {
            match answer {
                Ok((statement, _)) => {
                    session.prepared.push(Prepared { paced: Paced::new(view), statement });
                }
                Err(error) if ends_session(&error) || std::ptr::eq(view, &server::VIEW) => {
                    let what = complaint(view.name, &error);
                    return Err(ConnectError::Refused(Reason::of(&error), what));
                }
                Err(_) if is_optional(view) => session.missing.push(view),
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
        AVAILABILITY.down(sink, reason);
        Outcome::Sampled
    }
}

impl Session {
    /// Reads the views of every round in one go. `Err` when the session is lost or the first view failed; nothing is in
    /// the sink then.
    async fn read_each_round(&self, sink: &mut Sink) -> Result<Vec<ProbeError>, Error> {
        let client = &self.connection.client;
        let every_round = || self.prepared.iter().filter(|p| p.paced.view.pace == Pace::EachRound);
        // Sent together: the server works through them while the first answers travel.
        let answers = join_all(every_round().map(|p| client.query(&p.statement, &[]))).await;
        let mut readings = Vec::with_capacity(answers.len());
        for (prepared, answer) in every_round().zip(answers) {
            match answer {
                Err(error) if ends_session(&error) => return Err(error),
                Err(error) if std::ptr::eq(prepared.paced.view, &server::VIEW) => {
                    return Err(error);
                }
                answer => readings.push((prepared.paced.view, answer)),
            }
        }
        AVAILABILITY.up(sink);
        for view in OPTIONAL {
            let is_missing = self.missing.iter().any(|missing| std::ptr::eq(*missing, view));
            sink.put(&AVAILABLE, &[("view", view.name)], if is_missing { 0.0 } else { 1.0 });
        }
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

    /// Reads the views that are due by their own pace, and emits what is known of all of them. Returns whether the
    /// session is still good.
    async fn read_paced(
        &mut self,
        inspection: &mut Inspection,
        (clock, budget): (&dyn Clock, Duration),
        sink: &mut Sink,
        complaints: &mut Vec<ProbeError>,
    ) -> bool {
        let Self { connection, prepared, missing, .. } = self;
        let client = &connection.client;
        let now = clock.boot();
        let mut alive = true;
        for Prepared { paced, statement } in prepared {
            let is_due = paced.is_due(inspection.interval, now);
            if alive && is_due && clock.boot().since(now) < budget {
                paced.begin(now);
                missing.retain(|known| !std::ptr::eq(*known, paced.view));
                let parameters: &[&(dyn ToSql + Sync)] =
                    if statement.params().is_empty() { &[] } else { &[&inspection.allowed] };
                match client.query(&*statement, parameters).await {
                    Ok(rows) => {
                        if std::ptr::eq(paced.view, &logins::VIEW) {
                            complaints.extend(inspection.remember(&rows).err());
                        }
                        paced.keep(rows, now);
                    }
                    // Whether the account may read it shows only when it does.
                    Err(error)
                        if is_optional(paced.view)
                            && error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) =>
                    {
                        missing.push(paced.view);
                    }
                    Err(error) => {
                        alive = !ends_session(&error);
                        complaints.push(complaint(paced.view.name, &error));
                    }
                }
            }
            if let Some(rows) = paced.rows(inspection.interval, now) {
                emit(paced.view, rows, sink, complaints);
            }
        }
        alive
    }
}

impl Inspection {
    /// Enters what a look says of accounts.
    fn remember(&mut self, rows: &[Row]) -> Result<(), ProbeError> {
        let Some(book) = &mut self.logins else { return Ok(()) };
        match logins::looks(rows).map_err(|error| error.complaint(logins::VIEW.name))? {
            Some((now, looks)) => book.look(now, looks),
            None => Ok(()),
        }
    }
}

/// An agent that could change everything is a danger to what it watches.
async fn refuse_superuser(connection: &Connection) -> Result<(), ConnectError> {
    let name = server::VIEW.name;
    let asked = "SELECT current_setting('is_superuser') = 'on'";
    match connection.client.query_one(asked, &[]).await {
        Ok(row) if row.try_get(0).unwrap_or(false) => Err(ConnectError::Local(ProbeError::Query {
            what: "the account is a superuser: make one by the script that 'wardround-agent doctor' prints, or set \
                   allow_superuser = true"
                .to_owned(),
        })),
        Ok(_) => Ok(()),
        Err(error) => Err(ConnectError::Refused(Reason::of(&error), complaint(name, &error))),
    }
}

/// The metrics of all views, put together once per process.
fn every_metric() -> &'static [&'static Metric] {
    static METRICS: std::sync::OnceLock<Vec<&'static Metric>> = std::sync::OnceLock::new();
    METRICS.get_or_init(|| {
        let own = [AVAILABILITY.up, AVAILABILITY.refused, &AVAILABLE, &CERTIFICATE];
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
            AVAILABILITY.up(sink);
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
