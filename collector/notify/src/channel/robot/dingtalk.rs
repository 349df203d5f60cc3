//! DingTalk (钉钉): signed by two parameters of the URL; a message has at most 20 000 bytes; 20 messages a minute.

use crate::channel::signature::base64_hmac;
use serde_json::{Value, json};
use shared_model::Timestamp;
use shared_runtime::Secret;

/// Longest body; a longer one is refused with 460101.
pub(super) const BODY_MAX_BYTES: usize = 20_000;
/// Sent too fast.
pub(super) const TOO_FAST: [i64; 2] = [130_101, 130_102];
/// Wrong token, signature, keyword or address; too long.
pub(super) const REFUSED: [i64; 4] = [300_001, 310_000, 400_101, 460_101];

/// `timestamp` in milliseconds and `sign`, which is base64 of HMAC-SHA256 over `timestamp "\n" secret` under the secret.
pub(super) fn query(secret: Option<&Secret>, now: Timestamp) -> String {
    let Some(secret) = secret else { return String::new() };
    let timestamp = now.as_millis();
    let secret = secret.expose();
    let sign = base64_hmac(secret.as_bytes(), format!("{timestamp}\n{secret}").as_bytes());
    // The letters of base64 that a query gives another meaning.
    let sign = sign.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("timestamp={timestamp}&sign={sign}")
}

/// A mention needs the number in the text as well.
pub(super) fn body(text: &str, mobiles: &[String]) -> Value {
    let mentions: String = mobiles.iter().map(|mobile| format!("@{mobile} ")).collect();
    let text = text.replace('\n', "\n\n");
    json!({
        "msgtype": "markdown",
        "markdown": {"title": "巡诊 Wardround", "text": format!("{mentions}{text}")},
        "at": {"atMobiles": mobiles, "isAtAll": false},
    })
}
