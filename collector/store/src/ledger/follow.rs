//! Reads a ledger while another thread or process writes it.

use super::LedgerError;
use super::record::Tip;
use collector_domain::Entry;
use shared_journal::{Lsn, Reader};
use std::path::Path;

/// The entries of a ledger from the first on, each proved. `next` answers `None` at the present end and goes on from there
/// when more were written.
#[derive(Debug)]
pub struct Follow {
    reader: Reader,
    tip: Tip,
}

impl Follow {
    /// Begins before the first entry of the ledger in `dir`.
    pub fn open(dir: &Path) -> Self {
        Self { reader: Reader::open(dir, Lsn::FIRST), tip: Tip::default() }
    }
}

impl Iterator for Follow {
    type Item = Result<Entry, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.reader.next()? {
            Ok(item) => Some(self.tip.follow(item)),
            Err(e) => Some(Err(e.into())),
        }
    }
}
