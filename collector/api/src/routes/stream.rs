//! `/api/v1/stream`: incidents as they change, as server-sent events, which pass proxies and resume by themselves.

use crate::Stopping;
use crate::app::App;
use crate::auth::find_person;
use crate::extract::Params;
use crate::feed::{Feed, Told};
use crate::json::IncidentJson;
use crate::problem::{Code, Problem};
use crate::routes::incidents::{Query, parse};
use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use http::HeaderMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

/// Events that the client has not taken yet.
const QUEUE: usize = 16;
/// A client that takes nothing for so long is cut; it resumes where it was.
const SLOW_MAX: Duration = Duration::from_secs(10);
/// A sign of life, for proxies that end what is idle.
const ALIVE: Duration = Duration::from_secs(15);
/// How often it is looked whether the session is still good, when no account changes.
const SESSION_LOOK: Duration = Duration::from_secs(30);

/// What a stream is told with.
struct Teller {
    app: Arc<App>,
    /// With the session's token.
    headers: HeaderMap,
    feed: Feed,
    out: mpsc::Sender<Event>,
    /// Its place among the streams.
    _place: OwnedSemaphorePermit,
}

/// Tells everything that matches, then each change. `event` is `incident` with the incident as `data`, `unmatched` with the
/// number of one that does not match any more, or `caught_up`; `id` is the revision, which `Last-Event-ID` resumes from.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    stopping: Option<Extension<Stopping>>,
    headers: HeaderMap,
    Params(query): Params<Query>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let filter = parse(query)?;
    let last = headers.get("last-event-id").map(|id| id.to_str().ok().and_then(|t| t.parse().ok()));
    let newest = app.desk.incidents().revision;
    let from: u64 = match last {
        None => 0,
        Some(Some(revision)) if revision <= newest => revision,
        Some(_) => {
            let detail =
                format!("Last-Event-ID is no revision of this collector, which is at {newest}");
            return Err(Problem::new(Code::BadRequest, detail));
        }
    };
    let place = Arc::clone(&app.streams).try_acquire_owned().map_err(|_| {
        Problem::new(Code::Overloaded, "too many streams are open").retry_after(ALIVE)
    })?;
    let (out, events) = mpsc::channel(QUEUE);
    let teller = Teller { app, headers, feed: Feed::new(filter, from), out, _place: place };
    // Outside the server, in tests, nothing stops it.
    let (keep, never) = watch::channel(());
    let stopped = stopping.map_or(never, |Extension(Stopping(stopped))| stopped);
    tokio::spawn(async move {
        teller.run(stopped).await;
        drop(keep);
    });
    let events = futures_util::StreamExt::map(ReceiverStream::new(events), Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
}

impl Teller {
    /// Tells until the client hangs up or is too slow, its session ends, or the server stops.
    async fn run(mut self, mut stopped: watch::Receiver<()>) {
        let mut revisions = self.app.desk.revisions();
        let mut access = self.app.desk.access_changes();
        let mut caught_up = false;
        loop {
            revisions.borrow_and_update();
            if self.tell(&mut caught_up).await.is_none() {
                return;
            }
            let is_change = tokio::select! {
                changed = revisions.changed() => match changed {
                    Ok(()) => true,
                    Err(_) => return,
                },
                Ok(()) = access.changed() => false,
                () = tokio::time::sleep(SESSION_LOOK) => false,
                _ = stopped.changed() => return,
                () = self.out.closed() => return,
            };
            if !is_change && find_person(&self.app, &self.headers).is_none() {
                return;
            }
        }
    }

    /// Tells what has changed; `None` when nobody takes it.
    async fn tell(&mut self, caught_up: &mut bool) -> Option<()> {
        let set = self.app.desk.incidents();
        for change in self.feed.changes(&set) {
            let event = match self.feed.tell(change) {
                None => continue,
                Some(Told::Unmatched(id)) => {
                    Event::default().event("unmatched").data(id.to_string())
                }
                Some(Told::Incident(incident)) => {
                    let (now, silences) = (self.app.desk.steady_now(), self.app.desk.silences());
                    let json = IncidentJson::of(&incident, now, &silences);
                    let data = serde_json::to_string(&json).ok()?;
                    Event::default().event("incident").data(data)
                }
            };
            self.send(event).await?;
        }
        self.feed.caught_up(&set);
        if !std::mem::replace(caught_up, true) {
            self.send(Event::default().event("caught_up").data("")).await?;
        }
        Some(())
    }

    async fn send(&self, event: Event) -> Option<()> {
        let event = event.id(self.feed.told().to_string());
        tokio::time::timeout(SLOW_MAX, self.out.send(event)).await.ok()?.ok()
    }
}
