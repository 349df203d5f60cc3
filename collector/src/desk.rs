//! What the API sees of the daemon: published snapshots, and the queue of acts.

use crate::archive::ClosedArchive;
use crate::audit::AuditTrail;
use crate::checkpoints::Checkpoints;
use crate::config::Identity;
use crate::engine::{Command, Found, NodeStatus, Published, Settings};
use crate::figures::FiguresSource;
use collector_api::{
    Account, Answer, Archive, AuditFuture, AuditView, CheckpointFuture, Desk, FiguresFuture,
    FindingView, ForeignFuture, NodeState, NodeView, Rejected, SelfMetric, SelfMetricKind,
};
use collector_domain::{
    Act, ActRefused, Auditor, Change, ChangeAct, ChangeId, ChangeRefused, Contract, Delivery,
    ForeignAlert, IncidentId, IncidentRevision, IncidentSet, Judgement, Period, Report,
    ReportRefused, Role, Roster, RosterChange, RosterRefused, Rule, SeriesReader, Silence,
    SilenceChange, SilenceRefused, Text,
};
use collector_ingest::Admissions;
use collector_store::audit::AuditEntry;
use shared_model::{AccountIdentity, Clock, Labels, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// The engine publishes each second; so long without means that it hangs, on a disk most likely.
const STANDSTILL: Duration = Duration::from_secs(10);

/// The desk over a running engine.
pub(crate) struct CollectorDesk {
    pub(crate) hospital: Text,
    pub(crate) identity: Identity,
    pub(crate) published: Published,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) settings: Settings,
    pub(crate) series: Arc<dyn SeriesReader>,
    pub(crate) rules: Arc<[Rule]>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Arc<AuditTrail>,
    pub(crate) archive: Arc<ClosedArchive>,
    /// The book at the agents' door, once that is open.
    pub(crate) admissions: Option<Arc<Admissions>>,
    /// Takes checkpoints of the ledger.
    pub(crate) checkpoints: Checkpoints,
    /// Folder of the ledger.
    pub(crate) ledger: PathBuf,
}

impl Desk for CollectorDesk {
    fn steady_now(&self) -> Timestamp {
        self.published.view().now
    }

    fn hospital(&self) -> Text {
        self.hospital.clone()
    }

    fn contract(&self) -> Contract {
        self.published.view().contract.clone()
    }

    fn incidents(&self) -> Arc<IncidentSet> {
        Arc::clone(&self.published.view().incidents)
    }

    fn archive(&self) -> Arc<dyn Archive> {
        Arc::clone(&self.archive) as _
    }

    fn revisions(&self) -> watch::Receiver<u64> {
        self.published.revisions()
    }

    fn nodes(&self) -> Vec<NodeView> {
        let view = self.published.view();
        let heard: BTreeMap<_, &NodeStatus> = view.nodes.iter().map(|n| (&n.identity, n)).collect();
        let settings = self.settings.lock();
        let registered = settings.state().nodes.iter();
        registered
            .map(|(identity, node)| match heard.get(identity) {
                Some(status) => NodeView {
                    identity: identity.clone(),
                    state: state(node.revoked, status.silent),
                    last_seen: status.last_heard,
                    clock_offset_seconds: Some(-(status.clock_offset_us as f64) / 1e6),
                    agent_version: Some(status.agent_version.clone()),
                    series: Some(status.series),
                },
                None => NodeView {
                    identity: identity.clone(),
                    state: if node.revoked { NodeState::Revoked } else { NodeState::NeverSeen },
                    last_seen: None,
                    clock_offset_seconds: None,
                    agent_version: None,
                    series: None,
                },
            })
            .collect()
    }

    fn findings(&self) -> Vec<FindingView> {
        let view = self.published.view();
        let found = view.findings.iter().map(|Found { finding, evidence }| FindingView {
            evidence: evidence.clone(),
            rule: Arc::clone(&finding.rule),
            subject: finding.subject.clone(),
            // A judgement does not say since when; an incident does.
            since: None,
            judgement: Judgement {
                condition: finding.condition,
                judged_at: finding.at,
                within_limit: false,
                value: finding.value,
            },
        });
        found.collect()
    }

    fn rules(&self) -> Arc<[Rule]> {
        Arc::clone(&self.rules)
    }

    fn act(&self, act: Act, expected: Option<u64>) -> Answer<'_, IncidentRevision, ActRefused> {
        self.ask(move |reply| Command::Act(act, expected, reply))
    }

    fn report(&self, report: Report) -> Answer<'_, IncidentRevision, ReportRefused> {
        self.ask(move |reply| Command::Report(report, reply))
    }

    fn changes(&self) -> Arc<BTreeMap<ChangeId, Change>> {
        Arc::clone(&self.published.view().changes)
    }

    fn change(&self, act: ChangeAct) -> Answer<'_, Change, ChangeRefused> {
        self.ask(move |reply| Command::Change(act, reply))
    }

    fn foreign(&self, by: String, alerts: Vec<ForeignAlert>) -> ForeignFuture<'_> {
        Box::pin(async move {
            let unavailable = || "the collector is stopping".to_owned();
            let (reply, on_disk) = oneshot::channel();
            let command = Command::Foreign(by, alerts, reply);
            self.commands.send(command).await.map_err(|_| unavailable())?;
            on_disk.await.map_err(|_| unavailable())
        })
    }

    fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.published.view().roster)
    }

    fn set_roster(&self, change: RosterChange) -> Answer<'_, Arc<Roster>, RosterRefused> {
        self.ask(move |reply| Command::Roster(change, reply))
    }

    fn figures(&self, period: Period) -> FiguresFuture<'_> {
        let source = FiguresSource {
            ledger: self.ledger.clone(),
            archive: Arc::clone(&self.archive),
            view: self.published.view(),
        };
        Box::pin(async move {
            let computed = tokio::task::spawn_blocking(move || source.compute(period)).await;
            computed.map_err(|e| e.to_string())?.map_err(|error| format!("{error:#}"))
        })
    }

    fn silences(&self) -> Vec<Silence> {
        self.published.view().notify.silences().cloned().collect()
    }

    fn silence(&self, change: SilenceChange) -> Answer<'_, Silence, SilenceRefused> {
        self.ask(move |reply| Command::Silence(change, reply))
    }

    fn deliveries(&self, incident: IncidentId) -> Vec<Delivery> {
        self.published.view().notify.deliveries(incident).to_vec()
    }

    fn checkpoint(&self) -> CheckpointFuture<'_> {
        Box::pin(async move {
            let checkpoint = self.checkpoints.take().await;
            checkpoint.map(|c| c.to_json()).map_err(|error| format!("{error:#}"))
        })
    }

    fn series(&self) -> Arc<dyn SeriesReader> {
        Arc::clone(&self.series)
    }

    fn account(&self, name: &str) -> Option<Account> {
        let settings = self.settings.lock();
        let account = settings.state().accounts.get(name).filter(|account| !account.disabled);
        account.map(|account| Account {
            name: name.to_owned(),
            role: account.role,
            password_hash: account.password_hash.0.clone(),
        })
    }

    fn client(&self, identity: &AccountIdentity, cert_serial: &str) -> Result<Role, String> {
        let Identity { provider, hospital, .. } = &self.identity;
        let ours = AccountIdentity::new(provider, hospital, identity.account());
        if ours.as_ref() != Ok(identity) {
            return Err(format!("{identity} is not of this collector's hospital"));
        }
        let settings = self.settings.lock();
        let admitted = settings.state().admits_client(identity.account(), cert_serial);
        admitted.map(|account| account.role).map_err(|why| why.to_string())
    }

    fn access_changes(&self) -> watch::Receiver<()> {
        self.settings.changed()
    }

    fn ready(&self) -> Result<(), String> {
        if self.commands.is_closed() {
            return Err("the engine has stopped".to_owned());
        }
        let idle = self.clock.boot().since(self.published.view().made);
        if idle > STANDSTILL {
            return Err(format!("the engine has not advanced for {} s", idle.as_secs()));
        }
        Ok(())
    }

    fn self_metrics(&self) -> Vec<SelfMetric> {
        let view = self.published.view();
        let totals = view.totals;
        let one = |name: &str, help: &str, kind, value: u64| SelfMetric {
            name: name.to_owned(),
            help: help.to_owned(),
            kind,
            values: vec![(Labels::default(), value as f64)],
        };
        use SelfMetricKind::{Counter, Gauge};
        let mut metrics = crate::notify_metrics::families(&view);
        metrics.extend([
            one(
                "wardround_collector_samples_total",
                "Samples taken from nodes since the start",
                Counter,
                totals.samples,
            ),
            one(
                "wardround_collector_batches_total",
                "Batches taken since the start",
                Counter,
                totals.batches,
            ),
            one(
                "wardround_collector_duplicates_total",
                "Records that came again and were not taken twice",
                Counter,
                totals.duplicates,
            ),
            one(
                "wardround_collector_groups_total",
                "Groups journalled with one fdatasync each",
                Counter,
                totals.groups,
            ),
            one("wardround_collector_sessions", "Open agent sessions", Gauge, totals.sessions),
            one(
                "wardround_collector_journal_bytes",
                "Size of the journal at the last state file",
                Gauge,
                totals.journal_bytes,
            ),
            one(
                "wardround_collector_ledger_entries",
                "Entries of the ledger at the last state file",
                Gauge,
                totals.ledger_entries,
            ),
            self.refusals(),
            SelfMetric {
                name: "wardround_collector_time_seconds".to_owned(),
                help: "The collector's wall clock".to_owned(),
                kind: Gauge,
                values: vec![(Labels::default(), self.clock.wall().as_secs_f64())],
            },
        ]);
        metrics
    }

    fn auditor(&self) -> Arc<dyn Auditor> {
        Arc::clone(&self.audit) as _
    }

    fn audit(&self, before: Option<u64>, limit: u64) -> AuditFuture<'_> {
        let trail = Arc::clone(&self.audit);
        Box::pin(async move {
            let page = tokio::task::spawn_blocking(move || trail.newest(before, limit));
            let page = page.await.map_err(|e| e.to_string())?;
            let page = page.map_err(|e| shared_runtime::telemetry::chain(&e))?;
            let view = |(number, entry): (u64, AuditEntry)| {
                let AuditEntry { event, count, lost } = entry;
                AuditView { number, event, count, lost }
            };
            Ok(page.into_iter().map(view).collect())
        })
    }
}

impl CollectorDesk {
    /// Asks the engine for something that a person wants, and waits for its answer.
    fn ask<T: Send + 'static, E: std::error::Error + Send + 'static>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, E>>) -> Command + Send + 'static,
    ) -> Answer<'_, T, E> {
        Box::pin(async move {
            let unavailable = || Rejected::Unavailable("the collector is stopping".to_owned());
            let (reply, answer) = oneshot::channel();
            self.commands.send(command(reply)).await.map_err(|_| unavailable())?;
            answer.await.map_err(|_| unavailable())?.map_err(Rejected::Refused)
        })
    }

    fn refusals(&self) -> SelfMetric {
        let counts = self.admissions.iter().flat_map(|book| book.refusals());
        let values = counts.map(|(action, reason, count)| {
            (Labels::from_pairs([("action", action), ("reason", reason)]), count as f64)
        });
        SelfMetric {
            name: "wardround_collector_refusals_total".to_owned(),
            help: "What was refused or ended on the agents' port since the start".to_owned(),
            kind: SelfMetricKind::Counter,
            values: values.collect(),
        }
    }
}

fn state(revoked: bool, silent: bool) -> NodeState {
    match (revoked, silent) {
        (true, _) => NodeState::Revoked,
        (false, true) => NodeState::Silent,
        (false, false) => NodeState::Fresh,
    }
}
