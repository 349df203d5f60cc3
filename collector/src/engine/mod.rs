//! The engine: one thread that journals what comes, folds it into state, and writes the ledger.
//!
//! The order of every group is: journal, `fdatasync`, fold, ledger, `fdatasync`, then acknowledgements and answers. So
//! whatever anybody was told is on disk, and whatever is folded can be folded again after a crash with the same result.

mod clock_watch;
mod fold;
mod group;
mod late;
mod observed;
mod people;
mod publish;
mod record;
mod recovery;
mod registrar;
mod replay;
mod revisions;
mod rivals;
mod run;
mod settings;
mod source;
mod state_file;
mod steady;
#[cfg(test)]
mod tests;

pub(crate) use publish::{Found, NodeStatus, Published, View};
pub(crate) use recovery::open;
pub(crate) use registrar::CollectorRegistrar;
pub(crate) use replay::{Replayed, replay};
pub(crate) use run::{Command, Engine};
pub(crate) use settings::Settings;
