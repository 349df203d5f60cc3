//! Refused acts as statuses with details, in the form of `google.rpc.Status` that gRPC libraries read.

use super::convert;
use collector_domain::{ActRefused, IncidentRevision};
use prost::Message as _;
use proto::noc::wire;
use tonic::{Code, Status};

/// Type of the detail, as `google.protobuf.Any` names it.
const CONFLICT_TYPE: &str = "type.googleapis.com/wardround.noc.v1.Conflict";

/// `google.rpc.Status`: what `grpc-status-details-bin` carries.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// Why an act was refused; `now` is the incident as it is, where there is one.
pub(super) fn status(refused: &ActRefused, now: Option<&IncidentRevision>) -> Status {
    let code = match refused {
        ActRefused::Unknown(_) => Code::NotFound,
        ActRefused::Changed { .. } => Code::Aborted,
        ActRefused::WrongState { .. }
        | ActRefused::StillBreached { .. }
        | ActRefused::NotAllowed { .. } => Code::FailedPrecondition,
        ActRefused::Missing(_) => Code::InvalidArgument,
    };
    let message = refused.to_string();
    let Some(now) = now else { return Status::new(code, message) };
    let detail = Any { type_url: CONFLICT_TYPE.to_owned(), value: conflict(now).encode_to_vec() };
    let details = RpcStatus { code: code.into(), message: message.clone(), details: vec![detail] };
    Status::with_details(code, message, details.encode_to_vec().into())
}

/// Who brought the incident to where it is: who acknowledged it while it is acknowledged, else the handling record's last line.
fn conflict(now: &IncidentRevision) -> wire::Conflict {
    let acknowledged = now.acknowledged_by.clone().zip(now.clocks.acknowledged);
    let acknowledged =
        acknowledged.filter(|_| now.state == collector_domain::IncidentState::Acknowledged);
    let last = || now.notes.last().map(|note| (note.by.clone(), note.at));
    let (by, at) = acknowledged.or_else(last).unwrap_or_default();
    wire::Conflict { incident: Some(convert::incident(now)), by, at_us: at.as_micros() }
}
