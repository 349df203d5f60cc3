//! Feishu (飞书): signed by two fields of the body; at most 20 KB; 100 messages a minute and 5 a second.

use crate::channel::signature::base64_hmac;
use serde_json::{Value, json};
use shared_model::Timestamp;
use shared_runtime::Secret;

/// Longest body.
pub(super) const BODY_MAX_BYTES: usize = 20_000;
/// Sent too fast, or at a full hour when everybody does.
pub(super) const TOO_FAST: [i64; 2] = [9_499, 11_232];
/// Malformed; wrong signature, address or keyword; no such robot.
pub(super) const REFUSED: [i64; 5] = [19_001, 19_002, 19_021, 19_022, 19_024];

/// `timestamp` in seconds and `sign`, which is base64 of HMAC-SHA256 over nothing under `timestamp "\n" secret`.
pub(super) fn signed(secret: Option<&Secret>, now: Timestamp) -> Option<(String, String)> {
    let timestamp = now.as_millis().div_euclid(1_000).to_string();
    let key = format!("{timestamp}\n{}", secret?.expose());
    let sign = base64_hmac(key.as_bytes(), b"");
    Some((timestamp, sign))
}

pub(super) fn body(text: &str, users: &[String], signed: Option<&(String, String)>) -> Value {
    let mentions: String =
        users.iter().map(|user| format!("<at user_id=\"{user}\"></at> ")).collect();
    let mut body = json!({"msg_type": "text", "content": {"text": format!("{mentions}{text}")}});
    if let Some((timestamp, sign)) = signed {
        body["timestamp"] = json!(timestamp);
        body["sign"] = json!(sign);
    }
    body
}
