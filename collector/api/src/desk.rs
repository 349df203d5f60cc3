//! What the API needs from the daemon: reads of the current state, and one way to act.
//!
//! Invariants the daemon keeps: every read is a cheap look at a published snapshot and never waits for I/O, because it is
//! called on the server's own threads; an act is durable before its future resolves.

use collector_domain::{
    Act, ActRefused, AuditEvent, Auditor, Change, ChangeAct, ChangeId, ChangeRefused, Contract,
    Delivery, Exhibit, Figures, ForeignAlert, Incident, IncidentId, IncidentRevision, IncidentSet,
    Judgement, Period, Report, ReportRefused, Role, Roster, RosterChange, RosterRefused, Rule,
    SeriesReader, Silence, SilenceChange, SilenceRefused, Text,
};
use shared_model::{AccountIdentity, Labels, NodeIdentity, Timestamp};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::watch;

/// The daemon as the API sees it.
pub trait Desk: Send + Sync + 'static {
    /// The collector's steady time, the one that incident clocks are written in. Remaining times are counted from it.
    fn steady_now(&self) -> Timestamp;

    /// Name of the hospital, shown to people.
    fn hospital(&self) -> Text;

    /// The contract profile in force.
    fn contract(&self) -> Contract;

    /// All incidents that the collector holds in memory, closed ones too.
    fn incidents(&self) -> Arc<IncidentSet>;

    /// The newest revision that [`Desk::incidents`] shows; wakes when there is a newer one. Streams of changes hang on it.
    fn revisions(&self) -> watch::Receiver<u64>;

    /// Closed incidents that are not in memory any more. May read the disk.
    fn archive(&self) -> Arc<dyn Archive>;

    /// All nodes that ever joined, revoked ones too.
    fn nodes(&self) -> Vec<NodeView>;

    /// Where the rules stand on every subject that is not clear: breached or unknown.
    fn findings(&self) -> Vec<FindingView>;

    /// The rules in force.
    fn rules(&self) -> Arc<[Rule]>;

    /// Performs an act, if its incident is at revision `expected` still, where one is given. Resolves once the act is durable,
    /// with the incident as it is then.
    fn act(&self, act: Act, expected: Option<u64>) -> Answer<'_, IncidentRevision, ActRefused>;

    /// All silences, ended ones too, by number.
    fn silences(&self) -> Vec<Silence>;

    /// Makes or ends a silence. Resolves once that is durable, with the silence as it is then.
    fn silence(&self, change: SilenceChange) -> Answer<'_, Silence, SilenceRefused>;

    /// Takes down what a person reported. Resolves once that is durable, with the new incident.
    fn report(&self, report: Report) -> Answer<'_, IncidentRevision, ReportRefused>;

    /// Planned changes, by number.
    fn changes(&self) -> Arc<BTreeMap<ChangeId, Change>>;

    /// Does something with a planned change. Resolves once that is durable, with the change as it is then.
    fn change(&self, act: ChangeAct) -> Answer<'_, Change, ChangeRefused>;

    /// Takes other systems' alerts from an account. Resolves once they are durable; the error says why they are not.
    fn foreign(&self, by: String, alerts: Vec<ForeignAlert>) -> ForeignFuture<'_>;

    /// The duty roster.
    fn roster(&self) -> Arc<Roster>;

    /// Writes a time of the duty roster anew. Resolves once that is durable, with the whole roster.
    fn set_roster(&self, change: RosterChange) -> Answer<'_, Arc<Roster>, RosterRefused>;

    /// The contract's figures of a period, computed from the ledger. The error says in one English sentence why not now.
    fn figures(&self, period: Period) -> FiguresFuture<'_>;

    /// What was decided about telling people of an incident, oldest first.
    fn deliveries(&self, incident: IncidentId) -> Vec<Delivery>;

    /// A signed checkpoint of the ledger as it is on disk now, as its file's text. The error says in one English sentence why
    /// there is none.
    fn checkpoint(&self) -> CheckpointFuture<'_>;

    /// The reader that queries are evaluated on.
    fn series(&self) -> Arc<dyn SeriesReader>;

    /// The account of this exact name, if it exists and is not disabled.
    fn account(&self, name: &str) -> Option<Account>;

    /// The role of the account that a program's certificate acts for; the error says in one English sentence why the program is
    /// not let in. The certificate is verified and not expired.
    fn client(&self, identity: &AccountIdentity, cert_serial: &str) -> Result<Role, String>;

    /// Wakes after each change of accounts and clients, so that those who were let in are looked at again.
    fn access_changes(&self) -> watch::Receiver<()>;

    /// Whether the collector can do its work; the error says in one English sentence why not.
    fn ready(&self) -> Result<(), String>;

    /// The collector's own numbers, for `/metrics`.
    fn self_metrics(&self) -> Vec<SelfMetric>;

    /// Takes what the API lets in, refuses and hands out.
    fn auditor(&self) -> Arc<dyn Auditor>;

    /// The last `limit` entries of the audit log before number `before`, or the very last ones, newest first. Read from
    /// the disk, not on the server's own threads. The error says in one English sentence what is wrong with the log.
    fn audit(&self, before: Option<u64>, limit: u64) -> AuditFuture<'_>;
}

/// What [`Desk::figures`] returns.
pub type FiguresFuture<'a> = Pin<Box<dyn Future<Output = Result<Figures, String>> + Send + 'a>>;

/// What [`Desk::foreign`] returns.
pub type ForeignFuture<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// What [`Desk::checkpoint`] returns.
pub type CheckpointFuture<'a> = Pin<Box<dyn Future<Output = Result<String, String>> + Send + 'a>>;

/// What [`Desk::audit`] returns.
pub type AuditFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<AuditView>, String>> + Send + 'a>>;

/// One entry of the audit log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditView {
    /// Its number, from 1 without a hole.
    pub number: u64,
    /// What happened, or what happened last of those that are counted.
    pub event: AuditEvent,
    /// How many the entry stands for.
    pub count: u64,
    /// Events that were lost before it because they came faster than the disk took them.
    pub lost: u64,
}

/// Closed incidents, all that ever were; some of them are in memory too.
pub trait Archive: Send + Sync {
    /// One incident. The error says in one English sentence why that cannot be told now.
    fn get(&self, id: IncidentId) -> Result<Option<Incident>, String>;

    /// Visits all, the newest number first. The error says why not all were visited.
    fn visit(&self, visit: &mut dyn FnMut(Incident)) -> Result<(), String>;
}

/// Why something that a person asked for did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Rejected<E: std::error::Error + 'static> {
    /// It is against the rules.
    #[error(transparent)]
    Refused(#[from] E),
    /// It could not be made durable, or the collector is stopping. Nothing changed; it may be tried again.
    #[error("the collector cannot take it now: {0}")]
    Unavailable(String),
}

/// Why an act did not happen.
pub type ActError = Rejected<ActRefused>;
/// Why a silence was not made or ended.
pub type SilenceError = Rejected<SilenceRefused>;

/// What people's deeds resolve to, once they are durable.
pub type Answer<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, Rejected<E>>> + Send + 'a>>;

/// A node as the collector sees it now.
#[derive(Clone, PartialEq, Debug)]
pub struct NodeView {
    /// Who it is.
    pub identity: NodeIdentity,
    /// Whether it is heard.
    pub state: NodeState,
    /// Time of the newest sample that arrived; `None` before the first.
    pub last_seen: Option<Timestamp>,
    /// Node's wall clock minus the collector's, in seconds, as measured on the current or last session.
    pub clock_offset_seconds: Option<f64>,
    /// Version the agent announced.
    pub agent_version: Option<String>,
    /// How many series it has; `None` when that is not known.
    pub series: Option<u64>,
}

/// Whether a node is heard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NodeState {
    /// Samples arrive.
    Fresh,
    /// Samples came before, but not within the contract's silence limit.
    Silent,
    /// Joined, and nothing ever arrived.
    NeverSeen,
    /// Its certificate was revoked.
    Revoked,
}

impl NodeState {
    /// All states, in the order in which they are counted.
    pub const ALL: [Self; 4] = [Self::Fresh, Self::Silent, Self::NeverSeen, Self::Revoked];

    /// The word used in JSON and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Silent => "silent",
            Self::NeverSeen => "never_seen",
            Self::Revoked => "revoked",
        }
    }
}

/// Where one rule stands on one subject.
#[derive(Clone, PartialEq, Debug)]
pub struct FindingView {
    /// The rule's id.
    pub rule: Arc<str>,
    /// What it was judged on.
    pub subject: Labels,
    /// Event time since which the condition holds, where it is known.
    pub since: Option<Timestamp>,
    /// The judgement now.
    pub judgement: Judgement,
    /// What probes said last that explains it.
    pub evidence: Vec<Exhibit>,
}

/// An account. It has no `Debug`, so that its hash cannot end up in a log.
#[derive(Clone)]
pub struct Account {
    /// Its name, as written in the handling record.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// argon2id hash in PHC format, made by [`crate::password::hash`].
    pub password_hash: String,
}

/// One of the collector's own metrics with its current values.
#[derive(Clone, PartialEq, Debug)]
pub struct SelfMetric {
    /// Name such as `wardround_ingest_batches_total`; a counter's name ends in `_total`.
    pub name: String,
    /// What it says, in one English sentence without a full stop.
    pub help: String,
    /// How its values behave.
    pub kind: SelfMetricKind,
    /// The value of each label set.
    pub values: Vec<(Labels, f64)>,
}

/// How a value of [`SelfMetric`] behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SelfMetricKind {
    /// Grows until the collector restarts.
    Counter,
    /// Goes up and down.
    Gauge,
}
