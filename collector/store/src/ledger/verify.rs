//! Proves a ledger offline, from its files alone.

use super::LedgerError;
use super::record::Chain;
use crate::chain::Hash;
use shared_journal::{Lsn, Reader};
use std::path::Path;

/// A proved ledger.
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
/// [`LedgerError::Broken`] with the first entry that is not proved, an incomplete one at the end included;
/// [`LedgerError::Journal`] when the files cannot be read.
pub fn verify(dir: &Path) -> Result<Report, LedgerError> {
    chain(dir).map(|(report, _)| report)
}

/// The same with the hashes of all entries.
pub(super) fn chain(dir: &Path) -> Result<(Report, Vec<Hash>), LedgerError> {
    let mut chain = Chain::default();
    for item in Reader::open(dir, Lsn::FIRST) {
        chain.follow(item?)?;
    }
    if let Some(torn) = shared_journal::verify(dir)?.torn {
        let number = torn.lsn.0;
        let why = if torn.whole { "its record is damaged" } else { "its record is incomplete" };
        let why = why.to_owned();
        return Err(LedgerError::Broken { number, why });
    }
    Ok((Report { entries: chain.len(), head: chain.head() }, chain.into_hashes()))
}
