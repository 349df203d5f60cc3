//! The probe of one instance.

use super::availability::AVAILABILITY;
use super::refusal::{complaint, ends_session, is_missing, reason};
use super::row::Row;
use super::session::{ConnectError, Flavor, Session, open};
use super::settings::MysqlInstance;
use super::{
    accounts, at_rest, binlogs, blocking, certificate, deadlocks, encryption, indexes, logins,
    parameters, replica, server, sessions, statements, status,
};
use crate::endpoint::Endpoint;
use crate::logins::Logins;
use crate::metric::gauge;
use crate::paced::{Paced, budget};
use crate::refusal::Reason;
use crate::view::{Pace, View, emit};
use agent_probe::{AsyncProbe, Lane, Outcome, ProbeError, ProbeSpec, Sink};
use mysql_async::Error;
use shared_model::{Clock, Metric, Unit};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Every view of MariaDB: one file plus one line here adds one. The first one proves that the server serves.
static MARIADB: [&View<Row>; 14] = [
    &server::VIEW,
    &sessions::VIEW,
    &blocking::VIEW_MARIADB,
    &replica::VIEW_MARIADB,
    &status::VIEW,
    &binlogs::VIEW,
    &encryption::VIEW_MARIADB,
    &parameters::VIEW_MARIADB,
    &statements::VIEW,
    &accounts::VIEW,
    &logins::VIEW_MARIADB,
    &certificate::VIEW_MARIADB,
    &at_rest::VIEW_MARIADB,
    &indexes::VIEW_MARIADB,
];

/// Every view of MySQL.
pub(super) static MYSQL: [&View<Row>; 15] = [
    &server::VIEW,
    &sessions::VIEW,
    &blocking::VIEW_MYSQL,
    &replica::VIEW_MYSQL,
    &status::VIEW,
    &deadlocks::VIEW_MYSQL,
    &binlogs::VIEW,
    &encryption::VIEW_MYSQL,
    &parameters::VIEW_MYSQL,
    &statements::VIEW,
    &accounts::VIEW,
    &logins::VIEW_MYSQL,
    &certificate::VIEW_MYSQL,
    &at_rest::VIEW_MYSQL,
    &indexes::VIEW_MYSQL,
];

/// Views that a server has only when somebody set it up for them, or allows only with a further right. Whether it has them is a
/// reading of its own, not a complaint.
static OPTIONAL: [&str; 5] = [
    accounts::VIEW.name,
    logins::VIEW_MARIADB.name,
    statements::VIEW.name,
    binlogs::VIEW.name,
    encryption::VIEW_MARIADB.name,
];

static AVAILABLE: Metric = gauge(
    "wardround_mysql_view_available",
    Unit::None,
    "1 when the server has this view and the agent's account may read it.",
    "the error's number when it is read",
);

/// Samples one MySQL or MariaDB instance over one connection that stays open.
///
/// A server that refuses or does not answer is sampled as `mysql_up 0` with its reason. While it is down every round tries to
/// connect once, so that both its fall and its return are seen within a round.
pub struct MysqlProbe {
    endpoint: Endpoint,
    instance: String,
    interval: Duration,
    timeout: Duration,
    inspection: Duration,
    allowed: Vec<String>,
    allows_superuser: bool,
    clock: Arc<dyn Clock>,
    metrics: &'static [&'static Metric],
    session: Option<Kept>,
    logins: Option<Logins>,
    /// Counts the sessions that were opened and have not ended.
    alive: Arc<()>,
    answered: bool,
    refused: Option<Reason>,
}

/// A session and what was read over it.
struct Kept {
    session: Session,
    views: Vec<Paced<Row>>,
    /// Optional views that the server lacks or the account may not read, by name.
    missing: Vec<&'static str>,
}

impl MysqlProbe {
    /// A probe that connects at its first round.
    pub fn new(settings: &MysqlInstance, clock: Arc<dyn Clock>) -> Self {
        Self {
            endpoint: settings.endpoint(),
            instance: settings.instance(),
            interval: settings.interval.get(),
            timeout: settings.timeout.get(),
            inspection: settings.inspection_interval.get(),
            allowed: [&settings.allowed_accounts[..], std::slice::from_ref(&settings.user)]
                .concat(),
            allows_superuser: settings.allow_superuser,
            clock,
            metrics: every_metric(),
            session: None,
            logins: None,
            alive: Arc::new(()),
            answered: false,
            refused: None,
        }
    }

    /// Lets the probe remember when accounts were seen.
    #[must_use]
    pub fn remembering(self, logins: Logins) -> Self {
        Self { logins: Some(logins), ..self }
    }

    async fn round(&mut self, sink: &mut Sink) -> Outcome {
        self.answered = false;
        loop {
            let (mut kept, fresh) = match self.session.take() {
                Some(kept) => (kept, false),
                None => {
                    match open(&self.endpoint, self.timeout, self.allows_superuser, &self.alive)
                        .await
                    {
                        Ok(session) => (Kept::new(session), true),
                        Err(ConnectError::Local(error)) => return Outcome::Failed(error),
                        Err(ConnectError::Refused(reason, error)) => {
                            return self.down(sink, reason, &error);
                        }
                    }
                }
            };
            let mut complaints = Vec::new();
            match kept.read_each_round(sink, &mut complaints).await {
                Ok(()) => {
                    self.up();
                    let alive = self.read_paced(&mut kept, sink, &mut complaints).await;
                    if let Some(book) = &self.logins {
                        book.put(&logins::IDLE, sink);
                    }
                    for name in OPTIONAL {
                        let has = !kept.missing.contains(&name);
                        sink.put(&AVAILABLE, &[("view", name)], if has { 1.0 } else { 0.0 });
                    }
                    self.session = alive.then_some(kept);
                    return Outcome::with_complaints(complaints);
                }
                Err(error) if fresh => {
                    let what = complaint(server::VIEW.name, &error);
                    return self.down(sink, reason(&error), &what);
                }
                // A kept session may have been ended while the server lives on: one new session tells. What was read of it goes.
                Err(_) => sink.begin(),
            }
        }
    }

    /// Reads the views that are due by their own pace, and emits what is known of all of them. Returns whether the session is
    /// still good.
    async fn read_paced(
        &mut self,
        kept: &mut Kept,
        sink: &mut Sink,
        complaints: &mut Vec<ProbeError>,
    ) -> bool {
        let (begun, budget) = (self.clock.boot(), budget(self.timeout));
        let mut alive = true;
        let Kept { session, views, missing } = kept;
        for paced in views {
            let now = self.clock.boot();
            let name = paced.view.name;
            if alive && now.since(begun) < budget && paced.is_due(self.inspection, begun) {
                paced.begin(begun);
                missing.retain(|known| *known != name);
                match session.query(paced.view.sql).await {
                    Ok(mut rows) => {
                        if std::ptr::eq(paced.view, &accounts::VIEW) {
                            rows.retain(|row| !accounts::is_allowed(row, &self.allowed));
                        }
                        if name == logins::VIEW_MARIADB.name
                            && let Some(book) = &mut self.logins
                        {
                            let looks = logins::looks(&rows, &self.allowed);
                            match looks.map_err(|error| error.complaint(name)) {
                                Ok(Some((now, looks))) => {
                                    complaints.extend(book.look(now, looks).err());
                                }
                                Ok(None) => {}
                                Err(error) => complaints.push(error),
                            }
                        }
                        paced.keep(rows, begun);
                    }
                    Err(error) if OPTIONAL.contains(&name) && is_missing(&error) => {
                        missing.push(name);
                    }
                    Err(error) => {
                        alive = !ends_session(&error);
                        complaints.push(complaint(name, &error));
                    }
                }
            }
            if let Some(rows) = paced.rows(self.inspection, begun) {
                emit(paced.view, rows, sink, complaints);
            }
        }
        alive
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

impl Kept {
    fn new(session: Session) -> Self {
        let views: &[&'static View<Row>] = match session.flavor {
            Flavor::MariaDb => &MARIADB,
            Flavor::Mysql => &MYSQL,
        };
        Self {
            session,
            views: views.iter().copied().map(Paced::new).collect(),
            missing: Vec::new(),
        }
    }

    /// Reads the views of every round. `Err` when the session is lost or the first view failed.
    async fn read_each_round(
        &self,
        sink: &mut Sink,
        complaints: &mut Vec<ProbeError>,
    ) -> Result<(), Error> {
        for Paced { view, .. } in self.views.iter().filter(|p| p.view.pace == Pace::EachRound) {
            match self.session.query(view.sql).await {
                Ok(rows) => {
                    if std::ptr::eq(*view, &server::VIEW) {
                        AVAILABILITY.up(sink);
                    }
                    emit(view, &rows, sink, complaints);
                }
                Err(error) if ends_session(&error) || std::ptr::eq(*view, &server::VIEW) => {
                    return Err(error);
                }
                Err(error) => complaints.push(complaint(view.name, &error)),
            }
        }
        Ok(())
    }
}

/// The metrics of all views, put together once per process.
fn every_metric() -> &'static [&'static Metric] {
    static METRICS: std::sync::OnceLock<Vec<&'static Metric>> = std::sync::OnceLock::new();
    METRICS.get_or_init(|| {
        let own = [AVAILABILITY.up, AVAILABILITY.refused, &AVAILABLE];
        own.into_iter().chain(MARIADB.iter().flat_map(|view| view.metrics).copied()).collect()
    })
}

impl AsyncProbe for MysqlProbe {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: "mysql",
            job: "mysql",
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

    // Cancel-safe: a cut round leaves `session` empty, so the next one begins with a new connection; the old one's task ends by
    // itself once the server answers.
    fn read<'a>(
        &'a mut self,
        sink: &'a mut Sink,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.round(sink))
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

impl fmt::Debug for MysqlProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlProbe")
            .field("instance", &self.instance)
            .field("connected", &self.session.is_some())
            .finish_non_exhaustive()
    }
}
