//! Words, times and numbers as people read them.

use crate::NodeState;
use collector_domain::{Condition, IncidentState, Tier};
use shared_model::{Labels, Level, Timestamp};
use std::time::Duration;

/// Chinese and English word.
pub(super) type Word = (&'static str, &'static str);

pub(super) const fn level(level: Level) -> Word {
    match level {
        Level::One => ("一级 紧急", "L1"),
        Level::Two => ("二级 严重", "L2"),
        Level::Three => ("三级 一般", "L3"),
        Level::Four => ("四级 咨询", "L4"),
    }
}

/// The style class of a level.
pub(super) const fn level_class(level: Level) -> &'static str {
    match level {
        Level::One => "level level-1",
        Level::Two => "level level-2",
        Level::Three => "level level-3",
        Level::Four => "level level-4",
    }
}

pub(super) const fn state(state: IncidentState) -> Word {
    match state {
        IncidentState::Open => ("待响应", "open"),
        IncidentState::Acknowledged => ("已响应", "acknowledged"),
        IncidentState::Resolved => ("已修复", "resolved"),
        IncidentState::Verifying => ("复测中", "verifying"),
        IncidentState::Watching => ("观察中", "watching"),
        IncidentState::Watched => ("待院方签字", "watched, to be signed"),
        IncidentState::Closed => ("已关闭", "closed"),
        IncidentState::Cancelled => ("已撤销", "cancelled"),
        IncidentState::Merged => ("已合并", "merged"),
    }
}

pub(super) const fn condition(condition: Condition) -> Word {
    match condition {
        Condition::Clear => ("正常", "clear"),
        Condition::Breached => ("超限", "breached"),
        Condition::Unknown => ("未知", "unknown"),
    }
}

pub(super) const fn tier(tier: Tier) -> Word {
    match tier {
        Tier::Predicate => ("判据", "predicate"),
        Tier::Advisory => ("提示", "advisory"),
        Tier::Deviation => ("偏差", "deviation"),
        Tier::Incident => ("故障", "incident"),
    }
}

pub(super) const fn node(state: NodeState) -> Word {
    match state {
        NodeState::Fresh => ("在线", "fresh"),
        NodeState::Silent => ("失联", "silent"),
        NodeState::NeverSeen => ("从未上报", "never seen"),
        NodeState::Revoked => ("已吊销", "revoked"),
    }
}

/// The style class of a node's state.
pub(super) const fn node_class(state: NodeState) -> &'static str {
    match state {
        NodeState::Fresh => "mark ok",
        NodeState::Silent => "mark bad",
        NodeState::NeverSeen => "mark unknown",
        NodeState::Revoked => "mark off",
    }
}

/// `2026-11-23 11:04:05`, the time in China (UTC+8 all year).
pub(super) fn local_time(at: Timestamp) -> String {
    let shifted = at.plus(Duration::from_secs(8 * 3_600)).to_string();
    let seconds = shifted.split('.').next().unwrap_or(&shifted);
    seconds.replace('T', " ")
}

/// `11:04:05` of [`local_time`].
pub(super) fn local_clock(at: Timestamp) -> String {
    let text = local_time(at);
    text.split(' ').next_back().unwrap_or_default().to_owned()
}

/// `07:05` or `1:07:05`, rounded down; the sign is the caller's.
pub(super) fn clock_span(seconds: f64) -> String {
    let secs = seconds.abs().floor() as u64;
    let (h, m, s) = (secs / 3_600, secs / 60 % 60, secs % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m:02}:{s:02}") }
}

/// A number with at most three decimals, without trailing zeros.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// `host db-1 · device sda`: what a subject is, without the labels that every subject of this page shares.
pub(super) fn subject(labels: &Labels) -> String {
    let told = labels
        .iter()
        .filter(|(name, _)| !matches!(*name, "hospital" | "appliance" | "job" | "__name__"));
    let parts: Vec<String> = told.map(|(name, value)| format!("{name} {value}")).collect();
    if parts.is_empty() {
        labels.get("appliance").unwrap_or("全院").to_owned()
    } else {
        parts.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: spans, times and numbers at their turning points. Guarantees: people read what is meant.
    #[test]
    fn texts_for_people() {
        let at: Timestamp = "2026-11-22T16:00:00.999Z".parse().unwrap();
        assert_eq!(local_time(at), "2026-11-23 00:00:00");
        assert_eq!(local_clock(at), "00:00:00");
        for (seconds, text) in [
            (0.0, "00:00"),
            (59.9, "00:59"),
            (60.0, "01:00"),
            (3_599.0, "59:59"),
            (3_600.0, "1:00:00"),
            (-61.0, "01:01"),
        ] {
            assert_eq!(clock_span(seconds), text);
        }
        for (value, text) in
            [(0.0, "0"), (0.9371, "0.937"), (100.0, "100"), (1e6, "1000000"), (f64::NAN, "NaN")]
        {
            assert_eq!(number(value), text);
        }
    }

    /// Scenario: subjects with and without labels of their own. Guarantees: none is shown as nothing.
    #[test]
    fn every_subject_has_a_name() {
        let text = |pairs: &[(&str, &str)]| subject(&Labels::from_pairs(pairs.iter().copied()));
        assert_eq!(
            text(&[("appliance", "a1"), ("host", "db-1"), ("device", "sda")]),
            "device sda · host db-1"
        );
        assert_eq!(text(&[("appliance", "a1")]), "a1");
        assert_eq!(text(&[]), "全院");
    }
}
