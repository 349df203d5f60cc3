//! Calls the router in process.

use crate::desk::{Double, PASSWORD, State, now};
use axum::Router;
use axum::body::Body;
use collector_api::{Options, Peer, router};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use shared_model::SimClock;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

pub(crate) struct Api {
    pub(crate) router: Router,
    pub(crate) desk: Arc<Double>,
    pub(crate) clock: Arc<SimClock>,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Api {
    pub(crate) fn new() -> Self {
        Self::with(&Options::default())
    }

    pub(crate) fn with(options: &Options) -> Self {
        let desk = Arc::new(Double(Mutex::new(State::default()), Arc::default()));
        let clock = Arc::new(SimClock::at(now()));
        let (as_desk, as_clock) = (Arc::clone(&desk), Arc::clone(&clock));
        let router = router(as_desk, as_clock, options).unwrap();
        Self { router, desk, clock }
    }

    /// The response with its body as it comes.
    pub(crate) async fn respond(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.respond(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// Without a session.
    pub(crate) async fn open(&self, method: &str, path: &str) -> Reply {
        self.send(build(method, path, &[], "")).await
    }

    /// With a bearer token.
    pub(crate) async fn call(&self, token: &str, method: &str, path: &str, body: &str) -> Reply {
        self.call_with(token, method, path, body, &[]).await
    }

    /// With a bearer token and further headers.
    pub(crate) async fn call_with(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        let bearer = format!("Bearer {token}");
        let usual = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.send(build(method, path, &[&usual, headers].concat(), body)).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Reply {
        self.call(token, "GET", path, "").await
    }

    /// Tries to log in, from `peer` where given.
    pub(crate) async fn try_login(
        &self,
        name: &str,
        password: &str,
        peer: Option<IpAddr>,
    ) -> Reply {
        let body = json!({"name": name, "password": password}).to_string();
        let headers = [("content-type", "application/json")];
        let mut request = build("POST", "/api/v1/session", &headers, &body);
        if let Some(peer) = peer {
            request.extensions_mut().insert(Peer(peer));
        }
        self.send(request).await
    }

    /// Logs in and returns the token.
    pub(crate) async fn token(&self, name: &str) -> String {
        let reply = self.try_login(name, PASSWORD, None).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        reply.json()["token"].as_str().unwrap().to_owned()
    }
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of a problem, after checking that the answer is a complete one.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header(header::CONTENT_TYPE), "application/problem+json", "{}", self.body);
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        assert!(json["title"].as_str().unwrap().contains(" / "), "{}", self.body);
        let code = json["code"].as_str().unwrap();
        assert_eq!(json["type"], format!("urn:wardround:problem:{code}"));
        code.to_owned()
    }
}

pub(crate) fn build(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}
