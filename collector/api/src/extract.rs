//! axum's extractors with rejections as problems: its own are plain text.

use crate::problem::{Code, Problem};
use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{Form, FromRequest, FromRequestParts, Path, Query, Request};
use collector_domain::{ChangeId, IncidentId, SilenceId};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

const INCIDENT_ADVICE: &str = "write the incident's number as W-000012 or 12";

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

/// Query parameters.
pub(crate) struct Params<T>(pub(crate) T);

/// A form body; of a `GET` the query.
pub(crate) struct Fields<T>(pub(crate) T);

/// The incident number in the path: `W-000012`, also without prefix and zeros.
pub(crate) struct IncidentPath(pub(crate) IncidentId);

/// The incident number in the path, and the word behind it.
pub(crate) struct ActPath(pub(crate) IncidentId, pub(crate) String);

/// The silence's number in the path: `S-000003`, also without prefix and zeros.
pub(crate) struct SilencePath(pub(crate) SilenceId);

/// The change's number in the path: `C-000003`, also without prefix and zeros.
pub(crate) struct ChangePath(pub(crate) ChangeId);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Json::<T>::from_request(request, state).await;
        body.map(|Json(value)| Self(value)).map_err(|rejection: JsonRejection| {
            let code = match rejection.status() {
                StatusCode::UNPROCESSABLE_ENTITY => Code::InvalidBody,
                StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
                StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
                _ => Code::InvalidJson,
            };
            Problem::new(code, rejection.body_text())
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|Query(value)| Self(value))
            .map_err(|rejection| Problem::new(Code::InvalidQuery, rejection.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Fields<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let form = Form::<T>::from_request(request, state).await;
        form.map(|Form(value)| Self(value)).map_err(|rejection: FormRejection| {
            let code = match rejection.status() {
                StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
                StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
                _ => Code::InvalidForm,
            };
            Problem::new(code, rejection.body_text())
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IncidentPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(number(parts, state, INCIDENT_ADVICE).await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ActPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((text, act)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::new(Code::InvalidPath, rejection.body_text()))?;
        Ok(Self(number_in(&text, INCIDENT_ADVICE)?, act))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SilencePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(number(parts, state, "write the silence's number as S-000003 or 3").await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ChangePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(number(parts, state, "write the change's number as C-000003 or 3").await?))
    }
}

async fn number<S: Send + Sync, T: std::str::FromStr>(
    parts: &mut Parts,
    state: &S,
    advice: &str,
) -> Result<T, Problem> {
    let Path(text) = Path::<String>::from_request_parts(parts, state)
        .await
        .map_err(|rejection| Problem::new(Code::InvalidPath, rejection.body_text()))?;
    number_in(&text, advice)
}

fn number_in<T: std::str::FromStr>(text: &str, advice: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::new(Code::InvalidPath, advice))
}
