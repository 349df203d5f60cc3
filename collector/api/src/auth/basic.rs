//! Basic authentication, for programs that know no other: Prometheus, Grafana, amtool.
//!
//! A password is proven once and its session is used from then on, so that a scrape each second costs no hash. No challenge is
//! ever sent, so no browser keeps credentials and sends them by itself.

use super::guard::person_of;
use super::login::log_in;
use crate::app::App;
use crate::problem::Problem;
use data_encoding::BASE64;
use http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Programs whose sessions are remembered; the others prove their password anew.
const REMEMBERED_MAX: usize = 64;

/// Session tokens by the digest of the credentials that opened them.
#[derive(Default)]
pub(crate) struct Remembered(Mutex<BTreeMap<[u8; 32], String>>);

/// Turns Basic credentials of a request into the session that they open. Nothing happens without such.
///
/// # Errors
/// What a login is refused with.
pub(crate) async fn to_session(
    app: &Arc<App>,
    headers: &mut HeaderMap,
    peer: Option<IpAddr>,
) -> Result<(), Problem> {
    let Some((name, password)) = credentials(headers) else { return Ok(()) };
    let digest: [u8; 32] = Sha256::digest(format!("{name}\0{password}")).into();
    let known = app.basics.get(&digest).filter(|token| person_of(app, token).is_some());
    let token = match known {
        Some(token) => token,
        None => {
            let token = log_in(app, &name, password, peer).await?.token;
            app.basics.keep(digest, token.clone());
            token
        }
    };
    // A token is letters, digits, `-` and `_`.
    if let Ok(bearer) = HeaderValue::try_from(format!("Bearer {token}")) {
        headers.insert(header::AUTHORIZATION, bearer);
    }
    Ok(())
}

fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, text) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let text = scheme.eq_ignore_ascii_case("basic").then(|| text.trim())?;
    let text = String::from_utf8(BASE64.decode(text.as_bytes()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

impl Remembered {
    fn get(&self, digest: &[u8; 32]) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    fn keep(&self, digest: [u8; 32], token: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED_MAX {
            all.clear();
        }
        all.insert(digest, token);
    }
}
