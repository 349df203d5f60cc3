//! What goes into one message: severe levels at once, the others together with what comes within a moment.

use crate::profile::Receiver;
use crate::state::Pending;
use shared_model::{Level, Timestamp};

/// What to send now of `heads`, which are the most severe first, at most `max` in one message; and when to look again, if that is
/// for the sake of grouping. A severe level never waits, and takes no minor one with it.
pub fn batch<'a>(
    heads: &[&'a Pending],
    receiver: &Receiver,
    now: Timestamp,
    max: usize,
) -> (Vec<&'a Pending>, Option<Timestamp>) {
    let is_severe = |p: &&&Pending| p.level <= Level::Two;
    let severe: Vec<&Pending> = heads.iter().filter(is_severe).take(max).copied().collect();
    if !severe.is_empty() {
        return (severe, None);
    }
    let Some(oldest) = heads.iter().map(|p| p.since).min() else { return (Vec::new(), None) };
    let ready = oldest.plus(receiver.group_wait);
    if now < ready {
        return (Vec::new(), Some(ready));
    }
    (heads.iter().take(max).copied().collect(), None)
}
