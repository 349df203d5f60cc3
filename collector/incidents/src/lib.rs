//! The incident machine: findings in, incidents with their contract clocks and ledger entries out.
//!
//! Pure: no clock, no I/O, no randomness, so that replaying the same inputs from the same snapshot yields the
//! same ledger. Every change of an incident goes through the fold of a ledger entry (see [`fold`]), so the
//! incidents that people see can always be derived again from the ledger.

mod acts;
mod allowed;
mod catalogue;
mod cause;
mod changes;
mod clocks;
mod condition;
mod duty;
mod exhibits;
mod explain;
mod fold;
mod follow;
mod foreign;
mod kpi;
mod late;
mod machine;
mod notes;
mod outage;
mod peers;
mod predicates;
mod raise;
mod report;
mod restored;
mod separate;
mod service;
mod silence;
mod standing;
mod state;
mod uptime;
mod verification;

pub use cause::Cause;
pub use changes::Changes;
pub use fold::{FoldError, History, fold};
pub use kpi::{Facts, figures};
pub use machine::Machine;
pub use predicates::Truth;
pub use service::ServiceView;
pub use standing::Standing;
pub use state::MachineState;

/// Links kept with one incident. A full pool with its 200 tablespaces fits twice; what is beyond stands in the ledger.
pub const LINKS_MAX: usize = 500;

/// Lines of the handling record kept with one incident. One line a minute for most of a day; the ledger has the rest.
pub const NOTES_MAX: usize = 1_000;

/// Closed incidents kept in memory: years of one hospital. Older ones are read from the ledger.
pub const CLOSED_MAX: usize = 10_000;

/// Advisories and deviations kept for display: ten on each of a thousand nodes.
pub const DEVIATIONS_MAX: usize = 10_000;
