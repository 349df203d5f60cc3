//! Reads an audit log from its files, also while the daemon writes it.

use super::{AuditEntry, AuditError, Tip};
use shared_journal::{Lsn, Reader};
use std::path::Path;

/// All entries with their numbers, oldest first, each proved as it is read. Ends at what is not wholly written yet.
pub fn iter(dir: &Path) -> impl Iterator<Item = Result<(u64, AuditEntry), AuditError>> + use<> {
    let mut tip = Tip::before(Lsn::FIRST.0);
    Reader::open(dir, Lsn::FIRST).map(move |item| tip.follow(item?))
}

/// The last `limit` entries before number `before`, newest first, each proved by itself and against the one before it.
///
/// # Errors
/// [`AuditError::Broken`] with the first of them that is not proved; [`AuditError::Journal`].
pub fn newest(dir: &Path, before: u64, limit: u64) -> Result<Vec<(u64, AuditEntry)>, AuditError> {
    let first = before.saturating_sub(limit).max(Lsn::FIRST.0);
    let mut tip = Tip::before(first);
    let mut page = Vec::new();
    for item in Reader::open(dir, Lsn(first)) {
        if tip.number + 1 >= before {
            break;
        }
        page.push(tip.follow(item?)?);
    }
    page.reverse();
    Ok(page)
}
