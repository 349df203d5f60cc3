//! WeCom (企业微信): no signature; Markdown has at most 4 096 bytes; 20 messages a minute.

use serde_json::{Value, json};

/// Longest body: the content's 4 096 bytes, which are counted within it, so that the whole is always short enough.
pub(super) const BODY_MAX_BYTES: usize = 4_096;
/// Sent too fast.
pub(super) const TOO_FAST: [i64; 2] = [45_009, 45_033];
/// Malformed or too long; no such robot.
pub(super) const REFUSED: [i64; 3] = [40_008, 40_058, 93_000];

pub(super) fn body(text: &str, users: &[String]) -> Value {
    let mentions: String = users.iter().map(|user| format!("<@{user}> ")).collect();
    json!({"msgtype": "markdown", "markdown": {"content": format!("{mentions}{text}")}})
}
