//! What the collector keeps on disk, and the only crate that knows how.
//!
//! - [`audit`]: the hash-chained record of accesses and refusals, kept for ever.
//! - [`backup`]: all of it in one file, and back.
//! - [`closed`]: closed incidents for reading; thrown away and rebuilt from the ledger at will.
//! - [`ledger`]: the hash-chained record of every incident, kept for ever.
//! - [`settings`]: accounts, join tokens and the registry of nodes.
//! - [`snapshot`]: the last two saved states, from which a restart goes on.
//! - [`series`]: samples in compressed blocks, one folder per day.
//!
//! The collector's own journal is a plain [`shared_journal::Log`]; what the series store does not yet have on disk is
//! there, which is why samples are not synced as they come.

pub mod audit;
pub mod backup;
mod chain;
pub mod closed;
pub mod ledger;
pub mod series;
pub mod settings;
pub mod snapshot;
