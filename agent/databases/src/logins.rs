//! When accounts were last seen, for engines that do not keep it themselves (clause 3.5 闲置账号).
//!
//! All times are the server's own. An account is seen when it has a session at a look, or when a counter of the server that only it
//! moves has moved since the look before. A time in which nobody looked counts for no account, unless such a counter stood still.

use agent_probe::{ProbeError, Sink};
use serde::{Deserialize, Serialize};
use shared_model::{Metric, evidence_lines, topic};
use shared_runtime::replace_file;
use shared_runtime::telemetry::chain;
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// A longer time between two looks is one in which nobody looked, seconds.
const UNWATCHED_SECONDS: f64 = 86_400.0;

/// Time between two writings of the book, seconds: what a crash loses of it only lets an account seem used for as long.
const WRITE_SECONDS: f64 = 3_600.0;

/// Accounts are named once they have been idle for so many days; who judges them has a limit of its own, which is longer.
const NAMED_DAYS: f64 = 30.0;

/// The most accounts that are read, as of any view of accounts.
pub(crate) const ACCOUNTS_MAX: usize = 2_000;

/// What a look says of an account that can log in.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Look {
    pub(crate) account: String,
    pub(crate) in_session: bool,
    /// What the server counted of it: logins or statements. `None` where it counts neither.
    pub(crate) count: Option<i64>,
}

/// The accounts of one instance, kept in a file across restarts of the agent.
#[derive(Debug)]
pub struct Logins {
    file: PathBuf,
    book: Book,
    /// What the last look of this process found.
    idle: Option<Idle>,
    /// When it was written last.
    written: Option<f64>,
    /// Whether it is written at all.
    keeps: bool,
    /// A writing that is under way, apart from the probe: a disk that hangs delays no reading.
    writing: Option<JoinHandle<io::Result<()>>>,
}

/// The longest time that an account has been idle, and those that have been for long.
#[derive(Debug)]
struct Idle {
    seconds: f64,
    lines: Vec<Box<str>>,
}

/// As it is on disk.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Book {
    /// When somebody looked last, seconds since 1970.
    looked: Option<f64>,
    accounts: BTreeMap<String, Seen>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Seen {
    /// Last time, or when it was first met, seconds since 1970.
    at: f64,
    count: Option<i64>,
}

impl Logins {
    /// The book of an instance in a folder. One that cannot be read is begun anew. `keeps`: whether what is seen is written down.
    pub fn open(folder: &Path, engine: &str, instance: &str, keeps: bool) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '_' };
        let name: String = instance.chars().map(plain).collect();
        let file = folder.join(format!("{engine}-{name}.json"));
        let book = match read(&file) {
            Ok(book) => book.unwrap_or_default(),
            Err(error) => {
                let (path, error) = (file.display(), chain(&error));
                tracing::warn!(%path, error, "accounts count as seen now: their book cannot be read");
                Book::default()
            }
        };
        Self { file, book, idle: None, written: None, keeps, writing: None }
    }

    /// Enters a look at `now` by the server's clock, and writes the book when it is time.
    pub(crate) fn look(
        &mut self,
        now: f64,
        looks: impl IntoIterator<Item = Look>,
    ) -> Result<(), ProbeError> {
        self.book.enter(now, looks);
        self.idle = Some(Idle::of(&self.book.idle(now)));
        let is_due = self.written.is_none_or(|at| !(0.0..WRITE_SECONDS).contains(&(now - at)));
        if self.keeps && is_due && self.writing.is_none() {
            self.written = Some(now);
            let (file, book) = (self.file.clone(), self.book.clone());
            self.writing = Some(std::thread::spawn(move || write(&file, &book)));
        }
        match self.writing.take_if(|writing| writing.is_finished()).map(JoinHandle::join) {
            Some(Ok(Err(error))) => Err(ProbeError::Query { what: chain(&error) }),
            _ => Ok(()),
        }
    }

    /// Puts the longest time that an account has been idle, and names those that have been for long.
    pub(crate) fn put(&self, metric: &'static Metric, sink: &mut Sink) {
        let Some(Idle { seconds, lines }) = &self.idle else { return };
        sink.put(metric, &[], *seconds);
        sink.show(topic::LOGINS, lines.iter().map(ToString::to_string));
    }
}

impl Idle {
    fn of(idle: &[(f64, &str)]) -> Self {
        let days = |seconds: f64| (seconds / 86_400.0).floor();
        let named = idle.iter().take_while(|(seconds, _)| days(*seconds) >= NAMED_DAYS);
        let lines = named.map(|(seconds, account)| format!("{} d: {account}", days(*seconds)));
        let seconds = idle.first().map_or(0.0, |(seconds, _)| *seconds);
        Self { seconds, lines: evidence_lines(lines) }
    }
}

impl Book {
    fn enter(&mut self, now: f64, looks: impl IntoIterator<Item = Look>) {
        let since = self.looked.map_or(0.0, |looked| now - looked);
        let unwatched = if since > UNWATCHED_SECONDS { since } else { 0.0 };
        let mut known = std::mem::take(&mut self.accounts);
        for Look { account, in_session, count } in looks.into_iter().take(ACCOUNTS_MAX) {
            let at = match known.remove(&account) {
                Some(seen) if !in_session => match (seen.count, count) {
                    // A counter that began anew and stands at 0 says nothing about the time before.
                    (Some(before), Some(count)) if before == count => seen.at,
                    (Some(_), Some(count)) if count > 0 => now,
                    _ => seen.at + unwatched,
                },
                _ => now,
            };
            self.accounts.insert(account, Seen { at: at.min(now), count });
        }
        self.looked = Some(now);
    }

    /// How long accounts have been idle, in seconds, the longest first.
    fn idle(&self, now: f64) -> Vec<(f64, &str)> {
        let idle = self.accounts.iter().map(|(account, seen)| (now - seen.at, account.as_str()));
        let mut idle: Vec<_> = idle.collect();
        idle.sort_by(|one, other| other.0.total_cmp(&one.0));
        idle
    }
}

fn read(file: &Path) -> io::Result<Option<Book>> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A folder that is new is the agent's alone.
fn write(file: &Path, book: &Book) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let bytes = serde_json::to_vec(book)?;
    replace_file(file, &bytes, 0o600).map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
