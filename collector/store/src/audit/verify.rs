//! Proves an audit log offline, from its files alone.

use super::{AuditError, Tip};
use crate::chain::Hash;
use shared_journal::{Lsn, Reader};
use std::path::Path;

/// A proved audit log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// Entries, all proved.
    pub entries: u64,
    /// Hash of the last one, zeros when there is none. Compared with a head that was handed over earlier it proves
    /// that nothing was taken off the end.
    pub head: Hash,
}

/// Recomputes the whole chain without changing or locking the files.
///
/// # Errors
/// [`AuditError::Broken`] with the first entry that is not proved, an incomplete one at the end included;
/// [`AuditError::Journal`] when the files cannot be read.
pub fn verify(dir: &Path) -> Result<Report, AuditError> {
    let mut tip = Tip::before(Lsn::FIRST.0);
    for item in Reader::open(dir, Lsn::FIRST) {
        tip.follow(item?)?;
    }
    if let Some(torn) = shared_journal::verify(dir)?.torn {
        let why = if torn.whole { "its record is damaged" } else { "its record is incomplete" };
        return Err(AuditError::Broken { number: torn.lsn.0, why: why.to_owned() });
    }
    Ok(Report { entries: tip.number, head: tip.head })
}
