//! How a `Watch` is told to a client that may be slow. What is told is the [`Feed`]'s.

use super::convert;
use crate::feed::{Feed, Told};
use collector_domain::IncidentSet;
use futures_util::{Stream, StreamExt, stream};
use proto::noc::wire::watch_event::Event;
use proto::noc::wire::{Alive, CaughtUp, WatchEvent};
use shared_model::Timestamp;
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
            if let Some(told) = feed.tell(change)
                && let Err(end) = send(&out, event(&feed, told)).await
            {
                return end;
            }
        }
        feed.caught_up(&set);
        drop(set);
        if !caught_up {
            caught_up = true;
            let now = CaughtUp { steady_now_us: now.as_micros() };
            if let Err(end) = send(&out, say(&feed, Event::CaughtUp(now))).await {
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
                if let Err(end) = send(&out, say(&feed, Event::Alive(now))).await {
                    return end;
                }
            }
        }
    }
}

fn event(feed: &Feed, told: Told) -> WatchEvent {
    say(
        feed,
        match told {
            Told::Incident(incident) => Event::Incident(convert::incident(&incident)),
            Told::Unmatched(id) => Event::Unmatched(id.to_string()),
        },
    )
}

fn say(feed: &Feed, event: Event) -> WatchEvent {
    WatchEvent { revision: feed.told(), event: Some(event) }
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
