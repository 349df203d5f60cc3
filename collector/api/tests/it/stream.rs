//! Incidents as server-sent events.

use crate::client::{Api, build};
use axum::body::Body;
use collector_domain::IncidentState;
use http_body_util::BodyExt;
use std::time::Duration;

/// A stream that is being read.
struct Events(Body, String);

impl Events {
    async fn open(api: &Api, token: &str, query: &str, last: Option<&str>) -> Self {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(last.map(|id| ("last-event-id", id)));
        let response =
            api.respond(build("GET", &format!("/api/v1/stream{query}"), &headers, "")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self(response.into_body(), String::new())
    }

    /// The next event as `id event data`, of an incident only its number; `None` at the end of the stream.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.1.split_once("\n\n") {
                let field = |name: &str| {
                    let found = event.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
                    found.map(|v| v.trim().to_owned()).unwrap_or_default()
                };
                let (id, kind, data) = (field("id"), field("event"), field("data"));
                let json = serde_json::from_str::<serde_json::Value>(&data);
                let data = json.map_or(data, |json| json["id"].as_str().unwrap().to_owned());
                self.1 = rest.to_owned();
                return Some(format!("{id} {kind} {data}").trim().to_owned());
            }
            let frame =
                tokio::time::timeout(Duration::from_secs(10), self.0.frame()).await.unwrap()?;
            self.1 += std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap();
        }
    }

    async fn until_caught_up(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let event = self.next().await.unwrap();
            let is_last = event.ends_with("caught_up");
            all.push(event);
            if is_last {
                return all;
            }
        }
    }
}

/// Scenario: a stream of open incidents from the beginning, one that stops to match, one that changes; resumed at a revision.
/// Guarantees: everything that matches in the order of its last change, a mark, then each change; resumed, only what came after.
#[tokio::test]
async fn changes_are_streamed_and_resumed() {
    let api = Api::new();
    let token = api.token("viewer").await;
    let mut events = Events::open(&api, &token, "?state=open", None).await;
    assert_eq!(
        events.until_caught_up().await,
        ["4 incident W-000004", "5 incident W-000005", "9 caught_up"]
    );
    // The double's incidents have the revision of their number.
    api.desk.change(|s| {
        let mut newer = s.incidents[4].clone();
        newer.id = collector_domain::IncidentId(12);
        s.incidents.push(newer);
        s.revisions.send_replace(12);
    });
    assert_eq!(events.next().await.unwrap(), "12 incident W-000012");
    let mut resumed = Events::open(&api, &token, "", Some("4")).await;
    assert_eq!(
        resumed.until_caught_up().await,
        ["5 incident W-000005", "12 incident W-000012", "12 caught_up"]
    );
    api.desk.change(|s| {
        s.incidents[5].id = collector_domain::IncidentId(13);
        s.incidents[5].state = IncidentState::Acknowledged;
        s.revisions.send_replace(13);
    });
    assert_eq!(resumed.next().await.unwrap(), "13 incident W-000013");
}

/// Scenario: the account of a stream is removed. Guarantees: the stream ends at once.
#[tokio::test]
async fn a_stream_ends_with_its_account() {
    let api = Api::new();
    let token = api.token("viewer").await;
    let mut events = Events::open(&api, &token, "", None).await;
    events.until_caught_up().await;
    api.desk.change(|s| {
        s.accounts.retain(|a| a.name != "viewer");
        s.access.send_replace(());
    });
    assert_eq!(events.next().await, None);
}

/// Scenario: streams without a session, with a filter or a revision that is none, and more than there are places.
/// Guarantees: each is refused with its code; a place is free again when a stream is closed.
#[tokio::test]
async fn streams_are_bounded() {
    let api = Api::new();
    let token = api.token("viewer").await;
    assert_eq!(api.open("GET", "/api/v1/stream").await.problem(), "not_signed_in");
    assert_eq!(api.get(&token, "/api/v1/stream?state=x").await.problem(), "invalid_query");
    for last in ["x", "10000"] {
        let reply =
            api.call_with(&token, "GET", "/api/v1/stream", "", &[("last-event-id", last)]).await;
        assert_eq!(reply.problem(), "bad_request");
    }
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(Events::open(&api, &token, "", None).await);
    }
    assert_eq!(api.get(&token, "/api/v1/stream").await.problem(), "overloaded");
    open.clear();
    // Its task has to see that nobody listens any more.
    for _ in 0..1_000 {
        let bearer = format!("Bearer {token}");
        let request = build("GET", "/api/v1/stream", &[("authorization", bearer.as_str())], "");
        if api.respond(request).await.status() == 200 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("no place is free");
}
