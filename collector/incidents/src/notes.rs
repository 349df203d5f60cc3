//! The handling record (处理过程): one line per entry, Chinese first with English beside.

use crate::NOTES_MAX;
use collector_domain::{Actor, Condition, Entry, EntryKind, Exhibit, Incident, Note};

/// Adds the line of `entry`. The last line that fits says where the rest is.
pub(crate) fn note(incident: &mut Incident, entry: &Entry) {
    let text = match incident.notes.len() {
        n if n >= NOTES_MAX => return,
        n if n + 1 == NOTES_MAX => {
            "记录已满，后续见台账 / the record is full, later lines are in the ledger".to_owned()
        }
        _ => line(&entry.kind),
    };
    let by = match &entry.actor {
        Actor::Collector => "wardround".to_owned(),
        Actor::Person(name) => name.clone(),
    };
    incident.notes.push(Note { at: entry.at, by, text });
}

fn line(kind: &EntryKind) -> String {
    match kind {
        EntryKind::Opened { cause, level, evidence, late, .. } => {
            let evidence = evidence.join("; ");
            let (zh, en) = if *late { ("（补传数据）", " from late data") } else { ("", "") };
            format!("开立{zh} {cause} {level} / opened{en}: {evidence}")
        }
        EntryKind::LateCondition { rule, subject, condition, at_event, .. } => {
            let (zh, en) = match condition {
                Condition::Clear => ("正常", "clear"),
                Condition::Breached => ("超限", "breached"),
                Condition::Unknown => ("未知", "unknown"),
            };
            format!(
                "补传数据显示自 {at_event} 起{zh}：{rule} {subject} / late data shows it {en} since then"
            )
        }
        EntryKind::Linked { rule, subject } => {
            format!("关联 / linked: {rule} on {subject}")
        }
        EntryKind::Reclassified { cause, level, why, .. } => {
            format!("重新定级为 {cause} {level} / reclassified: {why}")
        }
        EntryKind::Condition { condition, value, .. } => {
            let (zh, en) = match condition {
                Condition::Clear => ("检查恢复正常", "check is clear"),
                Condition::Breached => ("检查超限", "check is breached"),
                Condition::Unknown => ("检查无数据，状态未知", "check has no data: unknown"),
            };
            match value {
                Some(value) => format!("{zh}，值 {value} / {en} at {value}"),
                None => format!("{zh} / {en}"),
            }
        }
        EntryKind::Evidence { exhibit: Exhibit { topic, instance, lines, .. } } => {
            format!("证据 {topic} {instance} / evidence: {}", lines.join(" | "))
        }
        EntryKind::Acknowledged { in_time } => {
            format!("响应，{} / acknowledged, {}", timely_zh(*in_time), timely(*in_time))
        }
        EntryKind::ResponseMissed => "响应超时 / response limit missed".to_owned(),
        EntryKind::ResolutionMissed => "处理超时 / resolution limit missed".to_owned(),
        EntryKind::Resolved { fix, in_time } => {
            format!("修复：{fix}，{} / resolved, {}", timely_zh(*in_time), timely(*in_time))
        }
        EntryKind::VerifyAsked => "发起复测 / verification asked for".to_owned(),
        EntryKind::VerifyFailed { why } => format!("复测未通过 / verification failed: {why}"),
        EntryKind::Verified { watch_until } => {
            format!("复测通过，持续监测至 {watch_until} / verified, watched until then")
        }
        EntryKind::Reopened { .. } => "复发，重新计时 / came back, clocks run anew".to_owned(),
        EntryKind::Closed => "监测期满无复发，闭环 / watched without a relapse, closed".to_owned(),
    }
}

fn timely_zh(in_time: bool) -> &'static str {
    if in_time { "按时" } else { "超时" }
}

fn timely(in_time: bool) -> &'static str {
    if in_time { "in time" } else { "late" }
}
