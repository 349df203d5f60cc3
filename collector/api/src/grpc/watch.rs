//! What a `Watch` tells, and how it is told to a client that may be slow.
//!
//! A watch keeps no backlog: it knows only the revision up to which everything was told and compares that with the newest
//! set of incidents. So a slow client costs a few messages of memory, however much happens.

use super::convert;
use crate::filter::Filter;
use collector_domain::{IncidentId, IncidentRevision, IncidentSet};
use futures_util::{Stream, StreamExt, stream};
use proto::noc::wire::watch_event::Event;
use proto::noc::wire::{Alive, CaughtUp, WatchEvent};
use shared_model::Timestamp;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// Events that the client has not taken yet: some 64 KiB.
const QUEUE: usize = 16;
/// A client that takes nothing for so long is cut.
const SLOW_MAX: Duration = Duration::from_secs(10);
/// A sign of life after so long without an event.
const ALIVE: Duration = Duration::from_secs(10);

/// The answer to a `Watch`.
pub(super) type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchEvent, Status>> + Send>>;

/// What a watch looks at: all incidents, and the collector's steady time.
pub(super) type Look = (Arc<IncidentSet>, Timestamp);

/// What one client has been told.
pub(super) struct Feed {
    filter: Filter,
    /// Everything up to here was told.
    told: u64,
    /// It began somewhere else than at the beginning, so the client may hold incidents that this feed never told.
    resumed: bool,
    /// Incidents that matched when they were told last. Not more than there are incidents.
    held: BTreeSet<IncidentId>,
}

impl Feed {
    /// A feed of what changed after `revision`.
    pub(super) fn new(filter: Filter, revision: u64) -> Self {
        Self { filter, told: revision, resumed: revision > 0, held: BTreeSet::new() }
    }

    /// What has changed, oldest change first; each is to be passed to [`Feed::event`] in this order.
    fn changes(&self, set: &IncidentSet) -> Vec<IncidentRevision> {
        set.changed_after(self.told)
    }

    /// The event for one change; `None` when the client has nothing to do with it.
    fn event(&mut self, change: &IncidentRevision) -> Option<WatchEvent> {
        self.told = self.told.max(change.revision);
        let id = change.id;
        if self.filter.matches(change) {
            self.held.insert(id);
            return Some(self.say(Event::Incident(convert::incident(change))));
        }
        let was_held = self.held.remove(&id);
        (was_held || self.resumed).then(|| self.say(Event::Unmatched(id.to_string())))
    }

    fn say(&self, event: Event) -> WatchEvent {
        WatchEvent { revision: self.told, event: Some(event) }
    }
}

/// Tells `feed` what there is to see, until the client hangs up, is too slow, or the collector stops.
pub(super) fn stream(
    feed: Feed,
    revisions: watch::Receiver<u64>,
    look: impl Fn() -> Look + Send + 'static,
) -> WatchStream {
    let (out, events) = mpsc::channel(QUEUE);
    let (end, ended) = oneshot::channel();
    tokio::spawn(async move {
        if let Some(status) = tell(feed, revisions, look, out).await {
            // The client may be gone already.
            drop(end.send(status));
        }
    });
    // The last word stands behind what is in the queue, which may be full.
    let last = stream::once(ended).filter_map(|status| async { status.ok().map(Err) });
    Box::pin(ReceiverStream::new(events).map(Ok).chain(last))
}

/// Returns why the stream ends; `None` when nobody is there to hear it.
async fn tell(
    mut feed: Feed,
    mut revisions: watch::Receiver<u64>,
    look: impl Fn() -> Look,
    out: mpsc::Sender<WatchEvent>,
) -> Option<Status> {
    let mut caught_up = false;
    loop {
        revisions.borrow_and_update();
        let (set, now) = look();
        for change in feed.changes(&set) {
            if let Some(event) = feed.event(&change)
                && let Err(end) = send(&out, event).await
            {
                return end;
            }
        }
        feed.told = feed.told.max(set.revision);
        drop(set);
        if !caught_up {
            caught_up = true;
            let now = CaughtUp { steady_now_us: now.as_micros() };
            if let Err(end) = send(&out, feed.say(Event::CaughtUp(now))).await {
                return end;
            }
        }
        let changed = tokio::select! {
            changed = tokio::time::timeout(ALIVE, revisions.changed()) => changed,
            () = out.closed() => return None,
        };
        match changed {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Some(Status::unavailable("the collector is stopping")),
            Err(_) => {
                let now = Alive { steady_now_us: look().1.as_micros() };
                if let Err(end) = send(&out, feed.say(Event::Alive(now))).await {
                    return end;
                }
            }
        }
    }
}

async fn send(out: &mpsc::Sender<WatchEvent>, event: WatchEvent) -> Result<(), Option<Status>> {
    match tokio::time::timeout(SLOW_MAX, out.send(event)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(None),
        Err(_) => Err(Some(Status::resource_exhausted(
            "nothing was taken from this stream for 10 s: read faster, and resume from the revision of the last event",
        ))),
    }
}

#[cfg(test)]
mod tests;
