//! The vocabulary of both daemons: identity, time, labels, sequence numbers, samples, levels.
//!
//! Nothing here performs I/O, owns a clock or knows a wire or disk format. `serde` derives exist for the
//! collector's state snapshot only; the wire has its own types in `proto`, JSON its own in `collector-api`.

mod account;
mod batch;
mod clause;
mod day;
mod event;
mod evidence;
mod identity;
mod labels;
mod level;
mod metric;
mod seq;
mod time;

pub use account::AccountIdentity;
pub use batch::{Batch, Block, Catalog, Gap, GapReason, Lane, SeriesDef, SeriesSet};
pub use clause::{Clause, InvalidClause};
pub use day::{Day, InvalidDay};
pub use event::{Event, EventContent};
pub use evidence::{EVIDENCE_LINE_MAX_BYTES, EVIDENCE_LINES_MAX, evidence_lines, topic};
pub use identity::{InvalidIdentity, NodeIdentity};
pub use labels::{Labels, NAME};
pub use level::{InvalidLevel, Level};
pub use metric::{Kind, Metric, Unit};
pub use seq::{Seq, SeqRange, SeqSet};
pub use time::{BootTime, Clock, InvalidTimestamp, SimClock, Timestamp};
