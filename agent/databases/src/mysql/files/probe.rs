//! The probe of a server's files. It runs on the node that has them, apart from the probe of the connection: a disk that hangs delays
//! no query.

use super::super::settings::MysqlInstance;
use super::log_entry::{Severity, classify};
use crate::encrypted_disk::EncryptedDisk;
use crate::log::{Class, ROUND_BYTES, read_lines};
use crate::metric::{counter, gauge};
use agent_probe::{Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use shared_model::{Clock, Metric, Unit};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

static ENTRIES: Metric = counter(
    "wardround_mysql_log_entries_total",
    Unit::None,
    "Entries of the error log since the agent was started, by severity.",
    "error_log",
);
static ERRORS: Metric = counter(
    "wardround_mysql_log_errors_total",
    Unit::None,
    "Errors in the error log and refused logins since the agent was started, by class.",
    "error_log, by the server's words",
);
static AUDIT_AGE: Metric = gauge(
    "wardround_mysql_audit_age_seconds",
    Unit::Seconds,
    "Time since the audit's file was written to.",
    "modification of audit_file",
);

static ENCRYPTED: Metric = gauge(
    "wardround_mysql_disk_encrypted",
    Unit::None,
    "1 when everything below the file system of the data is encrypted by LUKS. Absent where it is on no block device.",
    "data_directory; /sys/dev/block: dm/uuid, slaves",
);

static METRICS: [&Metric; 4] = [&ENTRIES, &ERRORS, &AUDIT_AGE, &ENCRYPTED];

/// Reads the error log of one MySQL or MariaDB instance, and sees whether its audit is written.
pub struct MysqlFilesProbe {
    instance: String,
    clock: Arc<dyn Clock>,
    log: Option<LogFile>,
    audit: Option<PathBuf>,
    disk: Option<EncryptedDisk>,
    entries: [u64; Severity::ALL.len()],
    errors: [u64; Class::ALL.len()],
}

/// Where reading stands.
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    /// Number of the file and how far it was read; `None` before the first look, which reads nothing of what is there.
    position: Option<(u64, u64)>,
}

impl MysqlFilesProbe {
    /// A probe of the files that the configuration names; `None` when it names none.
    pub fn new(settings: &MysqlInstance, clock: Arc<dyn Clock>) -> Option<Self> {
        let log = settings.error_log.clone().map(|path| LogFile { path, position: None });
        let audit = settings.audit_file.clone();
        let disk = settings.data_directory.clone().map(EncryptedDisk::of);
        (log.is_some() || audit.is_some() || disk.is_some()).then(|| Self {
            instance: settings.instance(),
            clock,
            log,
            audit,
            disk,
            entries: [0; Severity::ALL.len()],
            errors: [0; Class::ALL.len()],
        })
    }

    fn read_log(&mut self, sink: &mut Sink) -> Result<(), ProbeError> {
        let Self { log: Some(log), entries, errors, .. } = self else {
            return Ok(());
        };
        log.read(|line| {
            let Some((severity, class)) = classify(line) else {
                return;
            };
            if let Some(count) = entries.get_mut(severity as usize) {
                *count += 1;
            }
            let is_told = severity == Severity::Error || class == Class::Authentication;
            if let Some(count) = errors.get_mut(class as usize).filter(|_| is_told) {
                *count += 1;
            }
        })
        .map_err(|source| ProbeError::Read { path: log.path.clone(), source })?;
        for (severity, count) in Severity::ALL.into_iter().zip(self.entries) {
            sink.put(&ENTRIES, &[("severity", severity.as_str())], count as f64);
        }
        for (class, count) in Class::ALL.into_iter().zip(self.errors) {
            sink.put(&ERRORS, &[("class", class.as_str())], count as f64);
        }
        Ok(())
    }

    fn read_audit(&self, sink: &mut Sink) -> Result<(), ProbeError> {
        let Some(path) = &self.audit else { return Ok(()) };
        let modified = fs::metadata(path)
            .map_err(|source| ProbeError::Read { path: path.clone(), source })?
            .mtime() as f64;
        // A file that was written to in the future was written to now.
        sink.put(&AUDIT_AGE, &[], (self.clock.wall().as_secs_f64() - modified).max(0.0));
        Ok(())
    }
}

impl LogFile {
    /// Gives `take` every whole line that was added. A file that took the place of another, or was cut, is new.
    fn read(&mut self, take: impl FnMut(&str)) -> io::Result<()> {
        let metadata = fs::metadata(&self.path)?;
        let (file, bytes) = (metadata.ino(), metadata.len());
        let offset = match self.position {
            None => bytes,
            Some((known, offset)) if known == file && offset <= bytes => offset,
            Some(_) => 0,
        };
        let taken =
            if bytes > offset { read_lines(&self.path, offset, ROUND_BYTES, take)? } else { 0 };
        self.position = Some((file, offset + taken as u64));
        Ok(())
    }
}

impl Probe for MysqlFilesProbe {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: "mysql_files",
            job: "mysql",
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
        let disk = self.disk.as_mut().map_or(Ok(()), |disk| disk.put(&ENCRYPTED, sink));
        let complaints = [self.read_log(sink), self.read_audit(sink), disk];
        Outcome::with_complaints(complaints.into_iter().filter_map(Result::err).collect())
    }
}

impl fmt::Debug for MysqlFilesProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlFilesProbe").field("instance", &self.instance).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;
    use std::path::Path;

    fn append(path: &Path, text: &str) {
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn lines(log: &mut LogFile) -> Vec<String> {
        let mut lines = Vec::new();
        log.read(|line| lines.push(line.to_owned())).unwrap();
        lines
    }

    /// Scenario: a log with old lines; then lines, half a line and its other half, a cut file, a rotated one, one that is gone.
    /// Guarantees: nothing old, each line once and whole, whatever became of the file; one that is gone is an error.
    #[test]
    fn added_lines_come_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("error.log");
        append(&path, "old\n");
        let mut log = LogFile { path: path.clone(), position: None };
        assert!(lines(&mut log).is_empty());
        append(&path, "one\ntw");
        assert_eq!(lines(&mut log), ["one"]);
        append(&path, "o\n");
        assert_eq!(lines(&mut log), ["two"]);
        fs::write(&path, "cut\n").unwrap();
        assert_eq!(lines(&mut log), ["cut"]);
        fs::rename(&path, dir.path().join("error.log.1")).unwrap();
        append(&path, "rotated, and longer than before\n");
        assert_eq!(lines(&mut log), ["rotated, and longer than before"]);
        fs::remove_file(&path).unwrap();
        assert!(log.read(|_| {}).is_err());
    }
}
