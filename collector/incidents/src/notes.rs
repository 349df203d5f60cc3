//! The handling record (处理过程): one line per entry, Chinese first with English beside.

use crate::NOTES_MAX;
use collector_domain::{Actor, Condition, Entry, EntryKind, Exhibit, Incident, Note, Request};

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
        EntryKind::WatchEnded => {
            "监测期满无复发，待院方签字 / watched without a relapse, to be signed by the hospital"
                .to_owned()
        }
        _ => of_people(kind),
    }
}

/// What stands on the fault sheet.
fn of_people(kind: &EntryKind) -> String {
    match kind {
        EntryKind::Dispatched { engineer, onsite_due } => {
            format!("派单 {engineer}，应于 {onsite_due} 前到场 / sent to the appliance, due then")
        }
        EntryKind::Arrived { in_time } => {
            format!("到场，{} / on site, {}", timely_zh(*in_time), timely(*in_time))
        }
        EntryKind::OnsiteMissed => "到场超时 / on-site limit missed".to_owned(),
        EntryKind::CoreRestored { since, in_time } => format!(
            "核心功能自 {since} 恢复，{} / core restored since then, {}",
            timely_zh(*in_time),
            timely(*in_time)
        ),
        EntryKind::CoreConfirmed => "人工确认核心业务恢复 / core confirmed by a person".to_owned(),
        EntryKind::Asked { request, reason } => {
            format!("申请{} / asked: {reason}", request_words(*request))
        }
        EntryKind::Consented { request } => {
            format!("院方同意{} / the hospital agreed", request_words(*request))
        }
        EntryKind::Declined { reason } => format!("院方不同意 / the hospital declined: {reason}"),
        EntryKind::Separated { rule, subject, into, reason } => {
            format!("拆分 {rule} {subject} 为 {into} / separated: {reason}")
        }
        EntryKind::Disputed { statement, .. } => format!("院方异议 / disputed: {statement}"),
        EntryKind::DisputeSettled { outcome } => format!("异议处理结果 / settled: {outcome}"),
        EntryKind::Diagnosed { root_cause, .. } => format!("定因 / root cause: {root_cause}"),
        EntryKind::Prevention { measure, owner, due } => {
            format!("预防措施（{owner}，{due} 前）/ prevention: {measure}")
        }
        EntryKind::BackedUp { reference, waived: true } => {
            format!("免修复前备份 / no backup before the repair: {reference}")
        }
        EntryKind::BackedUp { reference, .. } => {
            format!("修复前备份 / backup before the repair: {reference}")
        }
        EntryKind::Noted { text } => text.clone(),
        EntryKind::Signed => "院方签字确认 / signed by the hospital".to_owned(),
        _ => String::new(),
    }
}

fn request_words(request: Request) -> String {
    match request {
        Request::Cancel => "撤销（非故障）".to_owned(),
        Request::Merge { into } => format!("并入 {into}"),
        Request::Lower { level } => format!("降为 {level}"),
    }
}

fn timely_zh(in_time: bool) -> &'static str {
    if in_time { "按时" } else { "超时" }
}

fn timely(in_time: bool) -> &'static str {
    if in_time { "in time" } else { "late" }
}
