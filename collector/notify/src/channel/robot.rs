//! Robots of DingTalk, WeCom and Feishu. All three answer HTTP 200 also when they refuse: what counts is the code in the body.

mod dingtalk;
mod feishu;
mod wecom;

use super::http::{Poster, Reply, words};
use super::render::{Style, lines};
use super::{Answer, ChannelError, Target};
use crate::notice::Notice;
use serde::Deserialize;
use serde_json::Value;
use shared_model::Timestamp;
use shared_runtime::Secret;
use std::path::Path;
use std::time::Duration;

/// After a robot said that messages come too fast: its own window is a minute.
const TOO_FAST: Duration = Duration::from_secs(60);

/// Whose robot it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RobotKind {
    /// 钉钉
    DingTalk,
    /// 企业微信
    WeCom,
    /// 飞书
    Feishu,
}

/// How a robot is spoken to.
#[derive(Clone, Debug)]
pub struct RobotOptions {
    /// Whose it is.
    pub kind: RobotKind,
    /// Signs messages, where the robot asks for that. WeCom knows no signature.
    pub secret: Option<Secret>,
    /// Who is mentioned: mobile numbers (DingTalk), user ids (WeCom, Feishu).
    pub mentions: Vec<String>,
    /// Titles and hosts leave the hospital as well.
    pub details: bool,
}

/// One robot, ready to send.
pub struct Robot {
    poster: Poster,
    options: RobotOptions,
}

impl Robot {
    /// A robot behind the URL that its chat shows, token included.
    ///
    /// # Errors
    /// [`ChannelError`] when TLS cannot be prepared.
    pub fn new(
        target: Target,
        options: RobotOptions,
        ca_file: Option<&Path>,
        timeout: Duration,
    ) -> Result<Self, ChannelError> {
        Ok(Self { poster: Poster::new(target, ca_file, timeout)?, options })
    }

    /// Says several things in one message.
    pub(crate) async fn tell(
        &self,
        notices: &[&Notice],
        url: &str,
        now: Timestamp,
        timeout: Option<Duration>,
    ) -> Answer {
        let (query, body) = self.message(notices, url, now);
        let headers = [("content-type", "application/json; charset=utf-8")];
        match self.poster.post(&query, &headers, body, timeout).await {
            Ok(reply) => self.meaning(&reply),
            Err(answer) => answer,
        }
    }

    /// What is added to the URL, and the body.
    fn message(&self, notices: &[&Notice], url: &str, now: Timestamp) -> (String, Vec<u8>) {
        let RobotOptions { kind, secret, mentions, details } = &self.options;
        let style = Style { details: *details, markdown: *kind != RobotKind::Feishu };
        let secret = secret.as_ref();
        match kind {
            RobotKind::DingTalk => {
                let wrap = |text: &str| dingtalk::body(text, mentions);
                let body = fitting(notices, url, style, dingtalk::BODY_MAX_BYTES, &wrap);
                (dingtalk::query(secret, now), body)
            }
            RobotKind::WeCom => {
                let wrap = |text: &str| wecom::body(text, mentions);
                (String::new(), fitting(notices, url, style, wecom::BODY_MAX_BYTES, &wrap))
            }
            RobotKind::Feishu => {
                let signed = feishu::signed(secret, now);
                let wrap = |text: &str| feishu::body(text, mentions, signed.as_ref());
                (String::new(), fitting(notices, url, style, feishu::BODY_MAX_BYTES, &wrap))
            }
        }
    }

    /// What the body of an answer means; that of a failed HTTP exchange means what its status says.
    fn meaning(&self, reply: &Reply) -> Answer {
        if !reply.status.is_success() {
            return reply.answer();
        }
        let said = words(&reply.body);
        let json: Option<Value> = serde_json::from_slice(&reply.body).ok();
        let number = |name: &str| json.as_ref()?.get(name)?.as_i64();
        let code = match self.options.kind {
            RobotKind::DingTalk | RobotKind::WeCom => number("errcode"),
            RobotKind::Feishu => number("code").or_else(|| number("StatusCode")),
        };
        let status = reply.status.as_u16();
        let (too_fast, refused): (&[i64], &[i64]) = match self.options.kind {
            RobotKind::DingTalk => (&dingtalk::TOO_FAST, &dingtalk::REFUSED),
            RobotKind::WeCom => (&wecom::TOO_FAST, &wecom::REFUSED),
            RobotKind::Feishu => (&feishu::TOO_FAST, &feishu::REFUSED),
        };
        match code {
            Some(0) => Answer::Told { status },
            Some(code) if too_fast.contains(&code) => {
                Answer::Unreachable { why: said, asked: Some(TOO_FAST) }
            }
            Some(code) if refused.contains(&code) => Answer::Refused { status, why: said },
            // A quota, a busy server, or a code that is not documented: it may pass.
            Some(_) => Answer::Failed { why: said },
            None => Answer::Failed { why: format!("its answer has no code: {said}") },
        }
    }
}

/// The body, whose bytes are within the limit although JSON needs more for some characters than the text has.
fn fitting(
    notices: &[&Notice],
    url: &str,
    style: Style,
    max_bytes: usize,
    wrap: &dyn Fn(&str) -> Value,
) -> Vec<u8> {
    let mut room = max_bytes;
    loop {
        let body = wrap(&lines(notices, url, style, room)).to_string().into_bytes();
        let surplus = body.len().saturating_sub(max_bytes);
        if surplus == 0 || room == 0 {
            return body;
        }
        room = room.saturating_sub(surplus);
    }
}

#[cfg(test)]
mod tests;
