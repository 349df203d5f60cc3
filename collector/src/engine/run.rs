//! The engine's thread.

use super::clock_watch::ClockWatch;
use super::fold::{Fold, Folded, SampleSink};
use super::group::{
    ActReply, ChangeReply, ReportReply, RosterReply, Sessions, SilenceReply, Staged, Then, welcome,
};
use super::observed::{Observation, ObservedRecord};
use super::publish::{Published, Totals};
use super::record::Record;
use super::revisions::Revisions;
use super::settings::Settings;
use super::state_file;
use super::steady::Stamp;
use anyhow::{Context, anyhow};
use collector_domain::{
    Act, ActRefused, ChangeAct, ChangeRefused, DeliveryReport, ForeignAlert, IncidentId,
    IncidentRevision, Report, RosterChange, SeriesReader, SilenceChange,
};
use collector_ingest::{Inbound, Refusal};
use collector_store::backup::{BackupError, Cut};
use collector_store::ledger::{Hash, Ledger};
use collector_store::series::{GroupId, SeriesStore};
use collector_store::snapshot::{self, Snapshot};
use shared_journal::{Log, Lsn};
use shared_model::{Clock, Labels, NodeIdentity, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Messages folded behind one `fdatasync`; more only adds delay, since a sync takes about as long as folding these.
const GROUP_MAX: usize = 1024;
/// One tick a second: deadlines and absence are judged to the second.
const TICK: Duration = Duration::from_secs(1);
/// Whether two machines claim a node's identity, 1 or 0; told when it changes.
const DUPLICATE: &str = "wardround_duplicate_identity";

/// What others ask of the engine.
pub(crate) enum Command {
    /// A person acts on an incident, if that is at the given revision still.
    Act(Act, Option<u64>, ActReply),
    /// Take journal, kept states, ledger and, if asked, samples into a backup; answers the number and hash of the last ledger
    /// entry.
    Cut { cut: Cut, with_series: bool, reply: CutReply },
    /// A person makes or ends a silence.
    Silence(SilenceChange, SilenceReply),
    /// A person does something with a planned change.
    Change(ChangeAct, ChangeReply),
    /// A person takes a report down.
    Report(Report, ReportReply),
    /// A person writes a part of the roster anew.
    Roster(RosterChange, RosterReply),
    /// Another system's alerts, sent by an account.
    Foreign(String, Vec<ForeignAlert>, oneshot::Sender<()>),
    /// A message was taken, refused, or failed: what came of each notice in it.
    Delivered(Vec<DeliveryReport>, oneshot::Sender<()>),
    /// The hashes of all ledger entries, for a checkpoint.
    Hashes(oneshot::Sender<Vec<Hash>>),
    /// Write the state and end.
    Stop,
}

/// The answer to [`Command::Cut`].
pub(crate) type CutReply = oneshot::Sender<Result<(Cut, (u64, Hash)), BackupError>>;

/// Everything the engine owns.
pub(crate) struct Engine {
    pub(super) boot_id: String,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Settings,
    pub(super) sink: Sink,
    pub(super) journal: Log,
    pub(super) ledger: Ledger,
    pub(super) fold: Fold,
    pub(super) clock_watch: ClockWatch,
    pub(super) state_path: PathBuf,
    /// Journal record up to which the newest kept state goes.
    pub(super) kept_before: Option<Lsn>,
    /// Journal records up to this one are needed by neither kept state nor the series.
    pub(super) needed: Lsn,
    pub(super) version: &'static str,
    pub(super) published: Published,
    pub(super) revisions: Revisions,
    pub(super) totals: Totals,
    pub(super) snapshot_every: Duration,
}

impl Engine {
    /// What the engine shows to others.
    pub(crate) fn published(&self) -> Published {
        self.published.clone()
    }

    /// Reads stored series.
    pub(crate) fn series(&self) -> Arc<dyn SeriesReader> {
        Arc::new(self.sink.store.view())
    }

    /// Runs until told to stop. An error of the disk ends it: what was not synced was not acknowledged, and what is on disk
    /// is read again at the next start.
    pub(crate) async fn run(
        mut self,
        mut inbound: mpsc::Receiver<Inbound>,
        mut commands: mpsc::Receiver<Command>,
    ) -> anyhow::Result<()> {
        let mut sessions = Sessions::default();
        let mut messages = Vec::with_capacity(GROUP_MAX);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut last_snapshot = self.clock.boot();
        let mut changed_settings = self.settings.changed();
        self.publish();
        loop {
            sessions.begin(&self.fold);
            let mut staged = Vec::new();
            let mut tick = false;
            tokio::select! {
                biased;
                _ = ticks.tick() => {
                    tick = true;
                    self.stage_tick(&mut staged);
                    self.stage_claims(&mut sessions, &mut staged);
                }
                command = commands.recv() => match command {
                    // Whoever asked may have hung up; a cut that nobody takes is removed at the next one or at a start.
                    Some(Command::Cut { cut, with_series, reply }) => {
                        drop(reply.send(self.cut(cut, with_series)));
                    }
                    Some(Command::Hashes(reply)) => drop(reply.send(self.ledger.hashes().to_vec())),
                    Some(Command::Act(act, expected, reply)) => {
                        match self.changed_since(&act, expected) {
                            Some(changed) => drop(reply.send(Err(changed))),
                            None => staged.push(self.stage_act(act, reply)),
                        }
                    }
                    command => match command.and_then(|c| self.stage_command(c)) {
                        Some(records) => staged.extend(records),
                        None => {
                            sessions.end_all(&Refusal::Unavailable);
                            return self.stop();
                        }
                    },
                },
                Ok(()) = changed_settings.changed() => {
                    staged.extend(self.hold_against_settings(&mut sessions));
                }
                received = inbound.recv_many(&mut messages, GROUP_MAX) => {
                    if received == 0 {
                        return self.stop();
                    }
                    self.stage(&mut sessions, &mut messages, &mut staged);
                }
            }
            self.totals.sessions = sessions.count() as u64;
            self.commit(staged, tick)?;
            if tick && self.clock.boot().since(last_snapshot) >= self.snapshot_every {
                last_snapshot = self.clock.boot();
                self.write_state()?;
            }
        }
    }

    fn stage_tick(&mut self, staged: &mut Vec<Staged>) {
        let stamp = self.stamp();
        let observed = self.clock_watch.observe(stamp, &self.fold);
        for record in [Record::Tick(stamp)].into_iter().chain(observed) {
            staged.push(Staged { record, decoded: None, then: Then::Nothing });
        }
    }

    /// The records of a command; `None` when it is to stop.
    fn stage_command(&self, command: Command) -> Option<Vec<Staged>> {
        let stamp = self.stamp();
        let (record, then) = match command {
            Command::Silence(change, reply) => {
                (Record::Silenced { stamp, change }, Then::AnswerSilence(reply))
            }
            Command::Change(act, reply) => {
                (Record::Changed { stamp, act }, Then::AnswerChange(reply))
            }
            Command::Report(report, reply) => {
                (Record::Reported { stamp, report }, Then::AnswerReport(reply))
            }
            Command::Roster(change, reply) => {
                (Record::Rostered { stamp, change }, Then::AnswerRoster(reply))
            }
            Command::Foreign(by, alerts, noted) => {
                (Record::Foreign { stamp, by, alerts }, Then::Noted(noted))
            }
            Command::Delivered(reports, noted) => {
                return Some(stage_reports(stamp, reports, noted));
            }
            // These are answered where they come.
            Command::Act(..) | Command::Cut { .. } | Command::Hashes(..) | Command::Stop => {
                return None;
            }
        };
        Some(vec![Staged { record, decoded: None, then }])
    }

    fn stage_act(&self, act: Act, reply: ActReply) -> Staged {
        let record = Record::Acted { stamp: self.stamp(), act: act.clone() };
        Staged { record, decoded: None, then: Then::Answer(reply, act) }
    }

    fn publish(&self) {
        self.published.publish(&self.fold, self.totals, &self.revisions, self.clock.boot());
    }

    /// Why an act that was decided on a revision is refused. Nothing is journalled: the fold does not see it.
    fn changed_since(&self, act: &Act, expected: Option<u64>) -> Option<ActRefused> {
        let expected = expected?;
        let id = act.incident;
        if self.revisions.of(id) == expected {
            return None;
        }
        let incident = self.fold.machine.incident(id)?;
        let last = incident.notes.last();
        Some(ActRefused::Changed {
            incident: id,
            state: incident.state.to_string(),
            expected,
            hint: last.map_or_else(String::new, |n| format!("{} by {} at {}", n.text, n.by, n.at)),
        })
    }

    /// Ends the sessions that the settings, which have changed, do not admit any more.
    fn hold_against_settings(&self, sessions: &mut Sessions) -> Vec<Staged> {
        let settings = self.settings.lock();
        let admits = |node: &NodeIdentity, serial: &str| settings.state().admits(node, serial);
        sessions.end_unwelcome(self.stamp(), &admits)
    }

    /// Identities that two machines claim, and those that one of them gave up.
    fn stage_claims(&self, sessions: &mut Sessions, staged: &mut Vec<Staged>) {
        let claims = sessions.claims(self.fold.now).into_iter();
        let samples: Vec<Observation> = claims
            .map(|(node, twice)| Observation::of_node(DUPLICATE, &node, f64::from(u8::from(twice))))
            .collect();
        if !samples.is_empty() {
            let record = Record::Observed(ObservedRecord::new(self.stamp(), samples));
            staged.push(Staged { record, decoded: None, then: Then::Nothing });
        }
    }

    fn stage(
        &mut self,
        sessions: &mut Sessions,
        messages: &mut Vec<Inbound>,
        staged: &mut Vec<Staged>,
    ) {
        let stamp = self.stamp();
        let settings = self.settings.clone();
        let admits =
            move |node: &NodeIdentity, serial: &str| settings.lock().state().admits(node, serial);
        for message in messages.drain(..) {
            if sessions.stage(message, stamp, &self.fold, &admits, staged) {
                self.totals.duplicates += 1;
            }
        }
    }

    /// Journals a group, folds it, writes the ledger, publishes what changed, and tells those who wait: whoever was answered
    /// finds what he did in what he reads next. A `tick` is always published.
    fn commit(&mut self, staged: Vec<Staged>, tick: bool) -> anyhow::Result<()> {
        if staged.is_empty() {
            return Ok(());
        }
        let mut first = None;
        for item in &staged {
            let (kind, payload) = item.record.encode();
            let lsn = self.journal.append(kind, &payload).context("append to the journal")?;
            first.get_or_insert(lsn);
        }
        let before_sync = self.clock.boot();
        self.journal
            .sync()
            .context("sync the journal: stopping, since what is on disk is not certain any more")?;
        self.totals.synced(self.clock.boot().since(before_sync));
        let mut lsn = first.unwrap_or(Lsn::FIRST);
        let mut entries = 0;
        let notify_before = Arc::clone(&self.fold.notify);
        let mut then = Vec::with_capacity(staged.len());
        for item in staged {
            let folded = self.fold.apply(lsn, &item.record, item.decoded.as_ref(), &mut self.sink);
            lsn = lsn.next();
            entries += folded.entries.len();
            self.write_entries(&folded)?;
            self.totals.samples += folded.samples;
            self.totals.batches += u64::from(matches!(item.record, Record::Batch(_)));
            then.push((item.then, folded));
        }
        if entries > 0 {
            self.ledger.sync().context(
                "sync the ledger: stopping, since what is on disk is not certain any more",
            )?;
        }
        self.totals.groups += 1;
        if tick || entries > 0 || !Arc::ptr_eq(&notify_before, &self.fold.notify) {
            self.publish();
        }
        self.tell(then);
        Ok(())
    }

    fn write_entries(&mut self, folded: &Folded) -> anyhow::Result<()> {
        for entry in &folded.entries {
            let stored = self.ledger.append(entry).context("append to the ledger")?;
            self.revisions.note(stored.number, entry);
            tracing::info!(incident = %entry.incident, entry = ?entry.kind, "ledger");
        }
        Ok(())
    }

    /// Tells those who wait. They may have hung up; what was done stands all the same.
    fn tell(&self, then: Vec<(Then, Folded)>) {
        for (then, folded) in then {
            match then {
                Then::Nothing => {}
                Then::Acknowledge(acks, seq, held) => {
                    drop(held);
                    acks.durable(seq);
                }
                Then::Open(open, source) => welcome(*open, source, &self.fold),
                Then::Answer(reply, act) => drop(reply.send(match folded.refused {
                    Some(refused) => Err(refused),
                    None => self.revision(act.incident).ok_or(ActRefused::Unknown(act.incident)),
                })),
                Then::AnswerSilence(reply) => {
                    if let Some(answer) = folded.silence {
                        drop(reply.send(answer));
                    }
                }
                Then::AnswerChange(reply) => {
                    let change = |id| self.fold.machine.changes().get(&id).cloned();
                    let known = |id| change(id).ok_or(ChangeRefused::Unknown(id));
                    if let Some(answer) = folded.change {
                        drop(reply.send(answer.and_then(known)));
                    }
                }
                Then::AnswerReport(reply) => {
                    let opened = folded
                        .report
                        .and_then(|answer| answer.map(|id| self.revision(id)).transpose());
                    if let Some(answer) = opened {
                        drop(reply.send(answer));
                    }
                }
                Then::AnswerRoster(reply) => {
                    if let Some(answer) = folded.roster {
                        let roster = self.fold.machine.roster();
                        drop(reply.send(answer.map(|()| Arc::clone(roster))));
                    }
                }
                Then::Noted(noted) => drop(noted.send(())),
            }
        }
    }

    /// An incident as it is now.
    fn revision(&self, id: IncidentId) -> Option<IncidentRevision> {
        let incident = self.fold.machine.incident(id).cloned()?;
        Some(IncidentRevision { revision: self.revisions.of(id), incident: Arc::new(incident) })
    }

    /// Journals and folds one record outside any group.
    pub(super) fn commit_alone(&mut self, record: &Record) -> anyhow::Result<()> {
        let staged = Staged { record: record.clone(), decoded: None, then: Then::Nothing };
        self.commit(vec![staged], false)
    }

    fn stamp(&self) -> Stamp {
        Stamp { wall: self.clock.wall(), boot: self.clock.boot() }
    }

    fn stop(mut self) -> anyhow::Result<()> {
        self.sink.store.seal_all().context("seal the series")?;
        self.write_state()
    }

    /// Takes what the engine writes into a backup. Called between two groups, when everything written is whole records.
    fn cut(&self, mut cut: Cut, with_series: bool) -> Result<(Cut, (u64, Hash)), BackupError> {
        let data = self.state_path.parent().unwrap_or(Path::new("."));
        let first = self.journal.start_of(self.needed.next());
        let is_needed = |name: &str| {
            let number = name.strip_suffix(".seg").and_then(|n| n.parse().ok());
            number.is_none_or(|number: u64| number >= first.0)
        };
        cut.folder(data, "journal", &is_needed)?;
        for file in ["state", "state.older"] {
            cut.file(data, file)?;
        }
        cut.folder(data, "ledger", &|_| true)?;
        if with_series {
            cut.folder(data, "series", &|_| true)?;
        }
        Ok((cut, self.ledger.head()))
    }

    /// Writes the kept state, then drops the part of the journal that neither the older kept state nor the series need any more
    /// and that is over the budget.
    fn write_state(&mut self) -> anyhow::Result<()> {
        self.sink.store.seal_aged(self.fold.now).context("seal the series")?;
        self.sink.store.sync().context("sync the series")?;
        let payload = state_file::write(&self.fold).context("encode the state")?;
        let last = Lsn(self.journal.next().0.saturating_sub(1));
        let snapshot = Snapshot {
            engine: self.version.to_owned(),
            journal: last,
            ledger: self.ledger.len(),
            payload,
        };
        snapshot::write(&self.state_path, &snapshot).context("write the state file")?;
        // The older of the two kept states must still find the records after it: it stands in when the newest is damaged.
        let older = self.kept_before.replace(last).unwrap_or(Lsn(0));
        let needed = self.sink.store.oldest_unsealed().map_or(older, |lsn| lsn.min(older));
        self.needed = needed;
        while let Some(oldest) = self.journal.over_budget() {
            if oldest.to >= needed {
                break;
            }
            self.journal
                .drop_before(oldest.to.next())
                .context("drop the oldest journal segment")?;
        }
        self.totals.snapshot_made = Some(self.clock.boot());
        self.totals.journal_bytes = self.journal.bytes();
        self.totals.ledger_entries = self.ledger.len();
        for day in
            self.sink.store.retain(self.fold.now).context("drop samples past their retention")?
        {
            tracing::info!(day, "samples past their retention were dropped");
        }
        Ok(())
    }
}

/// Samples on their way into the series store.
pub(crate) struct Sink {
    pub(super) store: SeriesStore,
}

impl Sink {
    pub(super) fn new(store: SeriesStore) -> Self {
        Self { store }
    }
}

impl SampleSink for Sink {
    fn group(&mut self, series: &[Labels]) -> Result<GroupId, String> {
        let ids: Result<Vec<_>, _> =
            series.iter().map(|labels| self.store.define(labels.clone())).collect();
        let ids = ids.map_err(|e| e.to_string())?;
        self.store.define_group(&ids).map_err(|e| e.to_string())
    }

    fn row(&mut self, group: GroupId, at: Timestamp, values: &[Option<f64>], lsn: Lsn) {
        if let Err(error) = self.store.append_row(group, at, values, lsn) {
            let error = anyhow!(error);
            tracing::error!(
                error = format!("{error:#}"),
                "samples were not stored; they are in the journal"
            );
        }
    }
}

/// What became of the notices of one message; who sent it is told when all of it is on disk.
fn stage_reports(
    stamp: Stamp,
    reports: Vec<DeliveryReport>,
    noted: oneshot::Sender<()>,
) -> Vec<Staged> {
    let record = |report| Record::Delivered { stamp, report };
    let staged = |record| Staged { record, decoded: None, then: Then::Nothing };
    let mut all: Vec<Staged> = reports.into_iter().map(record).map(staged).collect();
    match all.last_mut() {
        Some(last) => last.then = Then::Noted(noted),
        None => drop(noted.send(())),
    }
    all
}
