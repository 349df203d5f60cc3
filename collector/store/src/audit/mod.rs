//! The audit log: who reached for what, and what became of it. Apart from the ledger, kept for ever, never replayed.
//!
//! An entry is a record of a [`shared_journal`] log, with the entry's number as its lsn, chained to the one before by its
//! hash under the domain `wardround audit v1\n`. Opening proves the newest segment only, because the log grows with
//! every read of hospital data and a start must not wait for years of it; [`verify`] proves the whole chain offline.

mod read;
mod verify;

pub use crate::chain::Hash;
pub use read::{iter, newest};
pub use verify::{Report, verify};

use crate::chain::{self, RECORD_KIND};
use collector_domain::AuditEvent;
use serde::{Deserialize, Serialize};
use shared_journal::{Item, JournalError, Log, Lsn, Options, Scan, Tail};
use std::path::Path;

const DOMAIN: &[u8] = b"wardround audit v1\n";
/// Longest entry. The daemon clips the texts of an event to 1 000 characters each; JSON makes at most six bytes of one.
const ENTRY_BYTES_MAX: usize = 64 << 10;
/// Bounds what a start reads: some 3 000 entries.
const SEGMENT_BYTES: u64 = 1 << 20;

/// One entry. This shape is on disk for ever: fields may be added, never changed or taken away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditEntry {
    /// What happened, or what happened last of those that are counted here.
    #[serde(flatten)]
    pub event: AuditEvent,
    /// How many this entry stands for: 1, or how often the same came again after it was first written.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u64,
    /// Events that were lost since the entry before, because they came faster than the disk took them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u64,
}

fn one() -> u64 {
    1
}

fn is_one(count: &u64) -> bool {
    *count == 1
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Why the audit log could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The chain does not hold.
    #[error("audit entry {number} is broken: {why}")]
    Broken {
        /// First entry that is not proved.
        number: u64,
        /// What is wrong with it.
        why: String,
    },
    /// An entry has no JSON form.
    #[error("cannot encode an audit entry")]
    Encode(#[source] serde_json::Error),
    /// The files could not be read or written.
    #[error("cannot use the audit log's files")]
    Journal(#[from] JournalError),
}

/// The audit log, open for appending.
#[derive(Debug)]
pub struct AuditLog {
    log: Log,
    number: u64,
    head: Hash,
}

impl AuditLog {
    /// Opens the log in `dir`, created when missing, and proves its newest segment. An entry whose writing was cut short
    /// is removed: it was never answered for.
    ///
    /// # Errors
    /// [`AuditError::Broken`] when the chain of the newest segment does not hold: nothing is changed then.
    pub fn open(dir: &Path) -> Result<Self, AuditError> {
        let options = Options {
            segment_bytes: SEGMENT_BYTES,
            max_record_bytes: ENTRY_BYTES_MAX,
            scan: Scan::Last,
            tail: Tail::CutIncomplete,
            ..Options::default()
        };
        let (log, _) = Log::open(dir, options).map_err(|e| match e {
            JournalError::DamagedTail { lsn, .. } => {
                AuditError::Broken { number: lsn.0, why: e.to_string() }
            }
            e => e.into(),
        })?;
        let from = log.start_of(Lsn(log.next().0.saturating_sub(1)));
        let mut tip = Tip::before(from.0);
        for item in log.reader(from) {
            tip.follow(item?)?;
        }
        Ok(Self { log, number: tip.number, head: tip.head })
    }

    /// Chains an entry to the last one. It is durable after [`AuditLog::sync`].
    ///
    /// # Errors
    /// [`AuditError::Encode`] and [`AuditError::Journal`]; the entry is then not in the log.
    pub fn append(&mut self, entry: &AuditEntry) -> Result<u64, AuditError> {
        let number = self.number + 1;
        let (hash, payload) =
            chain::seal(DOMAIN, number, self.head, entry).map_err(AuditError::Encode)?;
        self.log.append(RECORD_KIND, &payload)?;
        (self.number, self.head) = (number, hash);
        Ok(number)
    }

    /// Returns when everything appended is on disk.
    ///
    /// # Errors
    /// [`AuditError::Journal`]; after a failed fsync every later call fails and the process should end. After a failed
    /// write nothing is lost and the call may be repeated.
    pub fn sync(&mut self) -> Result<(), AuditError> {
        Ok(self.log.sync()?)
    }

    /// Number and hash of the last entry; 0 and zeros when there is none.
    pub fn head(&self) -> (u64, Hash) {
        (self.number, self.head)
    }
}

/// The end of a chain that is being followed, without the hashes of what is behind it.
#[derive(Debug)]
struct Tip {
    number: u64,
    head: Hash,
    /// Whether the entry before the next one was proved; where a reader begins in the middle it was not.
    is_proved: bool,
}

impl Tip {
    /// Before entry `number`, of which the hash is taken on trust unless it is the first of all.
    fn before(number: u64) -> Self {
        Self {
            number: number.saturating_sub(1),
            head: Hash::default(),
            is_proved: number <= Lsn::FIRST.0,
        }
    }

    fn follow(&mut self, item: Item) -> Result<(u64, AuditEntry), AuditError> {
        let number = self.number + 1;
        let broken = |why: String| AuditError::Broken { number, why };
        let payload = chain::payload(item).map_err(broken)?;
        let link = chain::open(DOMAIN, number, &payload).map_err(broken)?;
        if self.is_proved && link.prev != self.head {
            return Err(broken("it does not carry the hash of the entry before it".to_owned()));
        }
        *self = Self { number, head: link.hash, is_proved: true };
        Ok((number, link.entry))
    }
}

#[cfg(test)]
mod tests;
