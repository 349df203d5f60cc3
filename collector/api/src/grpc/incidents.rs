//! `wardround.noc.v1.Incidents`.

use super::convert;
use super::gate::Client;
use super::refusal;
use super::watch::{self, WatchStream};
use crate::feed::Feed;
use crate::filter::{Filter, LIMIT_DEFAULT, LIMIT_MAX};
use crate::{ActError, Desk};
use collector_domain::{
    Act, AuditAction, AuditEvent, AuditOutcome, Auditor, Deed, IncidentId, IncidentRevision,
};
use proto::noc::wire::WatchRequest;
use proto::noc::wire::incidents_server::Incidents;
use proto::noc::wire::{
    self, AcknowledgeReply, AcknowledgeRequest, ActReply, ActRequest, ListReply, ListRequest,
};
use shared_model::Clock;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Longest text of a filter, bytes: a label value of the wire's own limit.
const FILTER_TEXT_MAX_BYTES: usize = 1_024;
/// Most states or levels in a filter; there are nine and four.
const FILTER_CHOICES_MAX: usize = 16;

/// The service.
pub(super) struct IncidentsService {
    desk: Arc<dyn Desk>,
    clock: Arc<dyn Clock>,
    auditor: Arc<dyn Auditor>,
}

impl IncidentsService {
    /// The service over a desk.
    pub(super) fn new(
        desk: Arc<dyn Desk>,
        clock: Arc<dyn Clock>,
        auditor: Arc<dyn Auditor>,
    ) -> Self {
        Self { desk, clock, auditor }
    }

    fn note_act(&self, client: &Client, incident: IncidentId, word: &str, refused: Option<&str>) {
        self.auditor.note(AuditEvent {
            at: self.clock.wall(),
            who: client.account.clone(),
            from: Some(client.address.to_string()),
            action: AuditAction::Act,
            object: format!("{incident} {word}"),
            outcome: if refused.is_some() { AuditOutcome::Refused } else { AuditOutcome::Done },
            detail: refused.unwrap_or_default().to_owned(),
        });
    }

    /// One act in the name of the caller, with its trace on disk before it is answered.
    async fn perform(
        &self,
        client: Option<Client>,
        incident: IncidentId,
        deed: Deed,
        expected: Option<u64>,
    ) -> Result<wire::Incident, Status> {
        let client = client.ok_or_else(|| Status::unauthenticated("the caller is not known"))?;
        let word = deed.word();
        let outcome = self.try_to(&client, incident, deed, expected).await;
        self.note_act(&client, incident, word, outcome.as_ref().err().map(Status::message));
        // A crash must not take the trace of an act that was answered.
        self.auditor.settled().await;
        Ok(convert::incident(&outcome?))
    }

    async fn try_to(
        &self,
        client: &Client,
        incident: IncidentId,
        deed: Deed,
        expected: Option<u64>,
    ) -> Result<IncidentRevision, Status> {
        if !client.role.may(&deed) {
            let role = crate::json::role_word(client.role);
            let who = if deed.is_hospitals() {
                "approver, the hospital, does"
            } else {
                "engineer and approver do"
            };
            let why = format!("the role {role} does not {}; {who}", deed.word());
            return Err(Status::permission_denied(why));
        }
        let act = Act { incident, by: client.account.clone(), deed };
        self.desk.act(act, expected).await.map_err(|error| match error {
            ActError::Refused(refused) => {
                let all = self.desk.incidents();
                let now = all.incidents.iter().find(|i| i.id == incident);
                refusal::status(&refused, now)
            }
            ActError::Unavailable(_) => Status::unavailable(error.to_string()),
        })
    }
}

#[tonic::async_trait]
impl Incidents for IncidentsService {
    type WatchStream = WatchStream;

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        let ListRequest { filter, limit, cursor } = request.into_inner();
        let limit = match usize::try_from(limit) {
            Ok(0) => LIMIT_DEFAULT,
            Ok(limit) if limit <= LIMIT_MAX => limit,
            _ => return Err(Status::invalid_argument(format!("limit is 1 to {LIMIT_MAX}"))),
        };
        let before = match cursor.as_str() {
            "" => None,
            text => Some(number("cursor", text)?),
        };
        let filter = filter_from_wire(filter)?;
        let all = self.desk.incidents();
        let page = filter.page(&all, limit, before);
        Ok(Response::new(ListReply {
            incidents: page.incidents.iter().map(|i| convert::incident(i)).collect(),
            total: u32::try_from(page.total).unwrap_or(u32::MAX),
            next_cursor: page.next_before.map(|id| id.to_string()).unwrap_or_default(),
            revision: all.revision,
            steady_now_us: self.desk.steady_now().as_micros(),
        }))
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let WatchRequest { filter, resume_revision } = request.into_inner();
        let newest = self.desk.incidents().revision;
        if resume_revision > newest {
            return Err(Status::out_of_range(format!(
                "this collector is at revision {newest}: it was restored from a backup that is older than revision {resume_revision}; watch from 0"
            )));
        }
        let feed = Feed::new(filter_from_wire(filter)?, resume_revision);
        let desk = Arc::clone(&self.desk);
        let look = move || (desk.incidents(), desk.steady_now());
        Ok(Response::new(watch::stream(feed, self.desk.revisions(), look)))
    }

    async fn acknowledge(
        &self,
        request: Request<AcknowledgeRequest>,
    ) -> Result<Response<AcknowledgeReply>, Status> {
        let client = request.extensions().get::<Client>().cloned();
        let AcknowledgeRequest { id, expected_revision } = request.into_inner();
        let incident = number("id", &id)?;
        let done = self.perform(client, incident, Deed::Acknowledge, expected_revision).await?;
        Ok(Response::new(AcknowledgeReply { incident: Some(done) }))
    }

    async fn act(&self, request: Request<ActRequest>) -> Result<Response<ActReply>, Status> {
        let client = request.extensions().get::<Client>().cloned();
        let ActRequest { id, expected_revision, deed } = request.into_inner();
        let incident = number("id", &id)?;
        let deed = super::deed::deed(deed)?;
        let done = self.perform(client, incident, deed, expected_revision).await?;
        Ok(Response::new(ActReply { incident: Some(done) }))
    }
}

pub(super) fn number(field: &str, text: &str) -> Result<IncidentId, Status> {
    text.parse().map_err(|_| {
        Status::invalid_argument(format!("{field}: write an incident's number as W-000012 or 12"))
    })
}

fn filter_from_wire(filter: Option<wire::Filter>) -> Result<Filter, Status> {
    let filter = filter.unwrap_or_default();
    if filter.states.len().max(filter.levels.len()) > FILTER_CHOICES_MAX {
        return Err(Status::invalid_argument("filter: every state and level once is enough"));
    }
    let state = |number: &i32| {
        let state = wire::State::try_from(*number).ok().and_then(convert::state_from_wire);
        state.ok_or_else(|| Status::invalid_argument("filter.states: one is not a state"))
    };
    let level = |number: &i32| match u8::try_from(*number) {
        Ok(level @ 1..=4) => Ok(level),
        _ => Err(Status::invalid_argument("filter.levels: one is not a level from 1 to 4")),
    };
    let text = |field: &str, text: String| {
        if text.len() > FILTER_TEXT_MAX_BYTES {
            return Err(Status::invalid_argument(format!(
                "filter.{field} is longer than {FILTER_TEXT_MAX_BYTES} bytes"
            )));
        }
        Ok(Some(text).filter(|t| !t.is_empty()))
    };
    let states: Vec<_> = filter.states.iter().map(state).collect::<Result<_, _>>()?;
    let levels: Vec<_> = filter.levels.iter().map(level).collect::<Result<_, _>>()?;
    Ok(Filter {
        states: Some(states).filter(|s| !s.is_empty()),
        levels: Some(levels).filter(|l| !l.is_empty()),
        cause: text("cause", filter.cause)?,
        clause: text("clause", filter.clause)?,
        host: text("host", filter.host)?,
        instance: text("instance", filter.instance)?,
        late: filter.late,
    })
}
