//! `/api/v1/incidents`: the list with its filters, and one incident.

use crate::app::App;
use crate::extract::{IncidentPath, Params};
use crate::filter::{Filter, LIMIT_DEFAULT, LIMIT_MAX};
use crate::json::{DeliveryJson, IncidentJson};
use crate::problem::{Code, Problem};
use crate::routes::etag;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use collector_domain::{Incident, IncidentId, IncidentSet, IncidentState};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Query of `GET /api/v1/incidents`. All filters must hold; lists are separated by commas.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// States, for example `open,acknowledged`.
    state: Option<String>,
    /// Levels, for example `1,2`.
    level: Option<String>,
    /// Exact rule or classification.
    cause: Option<String>,
    /// Exact clause.
    clause: Option<String>,
    /// Exact label `host` of the subject.
    host: Option<String>,
    /// Exact label `instance` of the subject.
    instance: Option<String>,
    /// Whether it was opened from late data.
    late: Option<bool>,
    /// 1 to 500, by default 100.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of incidents.
#[derive(Serialize)]
pub(crate) struct Page {
    /// Newest number first.
    incidents: Vec<IncidentJson>,
    /// How many match on all pages together.
    total: usize,
    /// Pass as `cursor` for the next page; `null` on the last one.
    next_cursor: Option<String>,
}

/// Deliveries of one incident.
#[derive(Serialize)]
pub(crate) struct Deliveries {
    /// Oldest first.
    deliveries: Vec<DeliveryJson>,
}

/// Lists incidents.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<Query>,
) -> Result<Json<Page>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(invalid(format!("limit is 1 to {LIMIT_MAX}")));
    }
    let before: Option<IncidentId> = match &query.cursor {
        Some(text) => Some(text.parse().map_err(|_| invalid("cursor is not one of ours"))?),
        None => None,
    };
    let filter = parse(query)?;
    let held = app.desk.incidents();
    let mut found = Found { before, limit, ..Found::default() };
    held.incidents
        .iter()
        .filter(|i| filter.matches(i))
        .for_each(|i| found.take((*i.incident).clone()));
    if is_more_archived(&held) {
        let archive = app.desk.archive();
        let ids: BTreeSet<IncidentId> = held.incidents.iter().map(|i| i.id).collect();
        found = from_disk(move || {
            let mut take = |incident: Incident| {
                if !ids.contains(&incident.id) && filter.matches(&incident) {
                    found.take(incident);
                }
            };
            archive.visit(&mut take).map(|()| found)
        })
        .await?;
    }
    let (now, silences) = (app.desk.steady_now(), app.desk.silences());
    let (page, more) = found.page();
    Ok(Json(Page {
        incidents: page.iter().map(|i| IncidentJson::of(i, now, &silences)).collect(),
        total: found.total,
        next_cursor: page.last().map(|i| i.id.to_string()).filter(|_| more),
    }))
}

/// Shows one incident. Its `ETag` is what `If-Match` of an act repeats; an incident from the archive has none, since nothing
/// can be done to it.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    IncidentPath(id): IncidentPath,
) -> Result<Response, Problem> {
    let held = app.desk.incidents();
    let (now, silences) = (app.desk.steady_now(), app.desk.silences());
    if let Some(incident) = held.incidents.iter().find(|incident| incident.id == id) {
        let json = IncidentJson::of(incident, now, &silences);
        return Ok((etag::header(incident.revision), Json(json)).into_response());
    }
    let archive = app.desk.archive();
    let found = match is_more_archived(&held) {
        true => from_disk(move || archive.get(id)).await?,
        false => None,
    };
    found
        .map(|incident| Json(IncidentJson::of(&incident, now, &silences)).into_response())
        .ok_or_else(|| unknown(id))
}

/// What was decided about telling people of one incident, and what became of it.
pub(crate) async fn deliveries(
    State(app): State<Arc<App>>,
    IncidentPath(id): IncidentPath,
) -> Result<Json<Deliveries>, Problem> {
    if !app.desk.incidents().incidents.iter().any(|incident| incident.id == id) {
        return Err(unknown(id));
    }
    let deliveries = app.desk.deliveries(id).iter().map(Into::into).collect();
    Ok(Json(Deliveries { deliveries }))
}

fn unknown(id: IncidentId) -> Problem {
    Problem::new(Code::IncidentUnknown, format!("incident {id} does not exist"))
}

/// Whether there are incidents that are not in memory: numbers are dense from 1.
fn is_more_archived(held: &IncidentSet) -> bool {
    let newest = held.incidents.last().map_or(0, |i| i.id.0);
    held.incidents.len() as u64 != newest
}

/// Reads the archive off the server's own threads.
async fn from_disk<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, Problem> {
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|e| e.to_string()).flatten().map_err(|why| {
        tracing::warn!(why, "closed incidents cannot be read now");
        Problem::new(Code::Unavailable, why).retry_after(Duration::from_secs(2))
    })
}

/// Matching incidents: how many, and the newest of them before the cursor.
#[derive(Default)]
struct Found {
    before: Option<IncidentId>,
    limit: usize,
    total: usize,
    newest: BTreeMap<Reverse<IncidentId>, Incident>,
}

impl Found {
    fn take(&mut self, incident: Incident) {
        self.total += 1;
        if self.before.is_none_or(|before| incident.id < before) {
            self.newest.insert(Reverse(incident.id), incident);
            // One more than the page holds tells that there is a next one.
            if self.newest.len() > self.limit + 1 {
                self.newest.pop_last();
            }
        }
    }

    /// The page, and whether there is another one.
    fn page(&self) -> (Vec<&Incident>, bool) {
        let page = self.newest.values().take(self.limit).collect();
        (page, self.newest.len() > self.limit)
    }
}

/// The filter of a query.
pub(crate) fn parse(query: Query) -> Result<Filter, Problem> {
    let state = |word: &str| {
        let found = IncidentState::ALL.into_iter().find(|s| s.to_string() == word);
        found.ok_or_else(|| {
            let words = IncidentState::ALL.map(|s| s.to_string());
            invalid(format!("state is a list of {}", words.join(", ")))
        })
    };
    let level = |word: &str| match word.parse() {
        Ok(number @ 1..=4) => Ok(number),
        _ => Err(invalid("level is a list of 1, 2, 3, 4")),
    };
    Ok(Filter {
        states: list_of(query.state.as_deref(), state)?,
        levels: list_of(query.level.as_deref(), level)?,
        cause: query.cause,
        clause: query.clause,
        host: query.host,
        instance: query.instance,
        late: query.late,
    })
}

fn list_of<T>(
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, Problem>,
) -> Result<Option<Vec<T>>, Problem> {
    text.map(|t| t.split(',').map(parse).collect()).transpose()
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidQuery, detail)
}
