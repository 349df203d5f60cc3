//! Who is told of what, and how it gets there.
//!
//! [`Notifications`] decides: it takes the ledger entries of a journal record, the incidents as they are after it, and the
//! silences, and yields deliveries with a key that is the same over any crash and replay. It is pure and part of the
//! collector's fold. [`Channel`] is the edge: it sends one message and says what came of it; [`Attempts`], [`Rate`] and
//! [`batch`] say when to try what. The daemon journals what came of a try, and only then is a delivery done.

mod batch;
mod body;
mod channel;
mod decide;
mod escalate;
mod key;
mod notice;
mod profile;
mod rate;
mod schedule;
mod silences;
mod state;
#[cfg(test)]
mod tests;

pub use batch::batch;
pub use body::body;
pub use channel::{
    Answer, Channel, ChannelError, Envelope, Gateway, Mail, MailOptions, Protection, Robot,
    RobotKind, RobotOptions, Syslog, Target, Template, Webhook, signature, system_ca,
};
pub use notice::{Notice, test_notice};
pub use profile::{Origin, Profile, Receiver};
pub use rate::Rate;
pub use schedule::{Attempts, RETRY_FOR_MINOR, RETRY_FOR_SEVERE, retry_after};
pub use state::{Counts, Notifications, Pending};
