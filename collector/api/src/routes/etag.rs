//! Conditional requests on incidents: an entity tag is the revision in quotes.

use crate::problem::{Code, Problem};
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The header that names a revision.
pub(crate) fn header(revision: u64) -> [(HeaderName, HeaderValue); 1] {
    let tag = HeaderValue::try_from(format!("\"{revision}\"")).expect("digits in quotes are ASCII");
    [(header::ETAG, tag)]
}

/// The revision that a change is decided on; `None` without the header or with `*`.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let revision = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    let revision = revision.and_then(|digits| digits.parse().ok());
    revision.map(Some).ok_or_else(|| {
        let detail = "If-Match: repeat the ETag that came with the incident, such as \"17\"";
        Problem::new(Code::BadRequest, detail)
    })
}
