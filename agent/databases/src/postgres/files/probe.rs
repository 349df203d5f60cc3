//! The probe of a server's files. It runs on the node that has them, apart from the probe of the connection: a folder that hangs
//! delays no query.

use super::super::settings::PostgresInstance;
use super::archive::{self, Archive};
use super::log_entry::{Severity, classify, is_audit};
use super::log_tail::LogTail;
use crate::encrypted_disk::EncryptedDisk;
use crate::log::Class;
use crate::metric::{counter, gauge};
use agent_probe::{Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{BootTime, Clock, Metric, Unit, topic};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

static ENTRIES: Metric = counter(
    "wardround_pg_log_entries_total",
    Unit::None,
    "Entries of the server's log since the agent was started, by severity.",
    "files of log_directory",
);
static ERRORS: Metric = counter(
    "wardround_pg_log_errors_total",
    Unit::None,
    "Entries of severity error and worse since the agent was started, by class. An unstructured log tells few classes apart.",
    "files of log_directory: SQLSTATE, or words where there is none",
);
static SEGMENTS: Metric = gauge(
    "wardround_pg_archive_segments",
    Unit::None,
    "Segments of the write-ahead log in the archive.",
    "files of archive_directory",
);
static MISSING: Metric = gauge(
    "wardround_pg_archive_missing_segments",
    Unit::None,
    "Segments that are missing between the oldest and the newest of a timeline.",
    "files of archive_directory",
);

static AUDIT_AGE: Metric = gauge(
    "wardround_pg_audit_age_seconds",
    Unit::Seconds,
    "Time since pgaudit wrote an entry, or since the agent was started.",
    "files of log_directory: entries that begin with AUDIT",
);

static ENCRYPTED: Metric = gauge(
    "wardround_pg_disk_encrypted",
    Unit::None,
    "1 when everything below the file system of the data is encrypted by LUKS. Absent where it is on no block device.",
    "data_directory; /sys/dev/block: dm/uuid, slaves",
);

static METRICS: [&Metric; 6] = [&ENTRIES, &ERRORS, &AUDIT_AGE, &SEGMENTS, &MISSING, &ENCRYPTED];

/// Rounds between two looks at the archive, whose folder may be large and far away.
const ARCHIVE_ROUNDS: u32 = 15;

/// Reads the log and the archive of one PostgreSQL instance.
pub struct PostgresFilesProbe {
    instance: String,
    clock: Arc<dyn Clock>,
    log: Option<LogTail>,
    archive: Option<PathBuf>,
    disk: Option<EncryptedDisk>,
    /// What the archive held at the last look, and how many rounds ago that was.
    archived: Option<(Archive, u32)>,
    entries: [u64; Severity::ALL.len()],
    errors: [u64; Class::ALL.len()],
    /// When an entry of the audit was seen last, or the probe was made.
    audited: BootTime,
}

impl PostgresFilesProbe {
    /// A probe of the folders that the configuration names; `None` when it names none.
    pub fn new(settings: &PostgresInstance, clock: Arc<dyn Clock>) -> Option<Self> {
        let (log, archive) = (settings.log_directory.clone(), settings.archive_directory.clone());
        let disk = settings.data_directory.clone().map(EncryptedDisk::of);
        (log.is_some() || archive.is_some() || disk.is_some()).then(|| Self {
            instance: settings.instance(),
            log: log.map(LogTail::new),
            archive,
            disk,
            archived: None,
            entries: [0; Severity::ALL.len()],
            errors: [0; Class::ALL.len()],
            audited: clock.boot(),
            clock,
        })
    }
}

impl Probe for PostgresFilesProbe {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: "postgres_files",
            job: "postgres",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(1),
            default_timeout: Duration::from_secs(4),
        }
    }

    fn instance(&self) -> &str {
        &self.instance
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut complaints = Vec::new();
        let Self { log, entries, errors, audited, clock, .. } = self;
        if let Some(log) = log {
            let read = log.read(|format, line| {
                if is_audit(format, line) {
                    *audited = clock.boot();
                }
                let Some((severity, class)) = classify(format, line) else {
                    return;
                };
                if let Some(count) = entries.get_mut(severity as usize) {
                    *count += 1;
                }
                if severity != Severity::Warning
                    && let Some(count) = errors.get_mut(class as usize)
                {
                    *count += 1;
                }
            });
            match read {
                Ok(()) => self.put_log(sink),
                Err(error) => complaints.push(error),
            }
        }
        if let Some(folder) = &self.archive {
            self.archived = match self.archived.take() {
                Some((archive, rounds)) if rounds < ARCHIVE_ROUNDS => Some((archive, rounds + 1)),
                _ => match archive::look(folder) {
                    Ok(archive) => Some((archive, 1)),
                    Err(error) => {
                        complaints.push(error);
                        None
                    }
                },
            };
        }
        if let Some((archive, _)) = &self.archived {
            sink.put(&SEGMENTS, &[], archive.segments as f64);
            sink.put(&MISSING, &[], archive.missing as f64);
            sink.show(topic::ARCHIVE, archive.gaps.iter().cloned());
        }
        if let Some(disk) = &mut self.disk {
            complaints.extend(disk.put(&ENCRYPTED, sink).err());
        }
        Outcome::with_complaints(complaints)
    }
}

impl PostgresFilesProbe {
    fn put_log(&self, sink: &mut Sink) {
        sink.put(&AUDIT_AGE, &[], self.clock.boot().since(self.audited).as_secs_f64());
        for (severity, count) in Severity::ALL.into_iter().zip(self.entries) {
            sink.put(&ENTRIES, &[("severity", severity.as_str())], count as f64);
        }
        for (class, count) in Class::ALL.into_iter().zip(self.errors) {
            sink.put(&ERRORS, &[("class", class.as_str())], count as f64);
        }
    }
}

impl fmt::Debug for PostgresFilesProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresFilesProbe")
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}
