//! What the machine knows of rules and causes: texts, clauses, explanations.

use crate::cause::Cause;
use collector_domain::{
    ExplainedBy, FOREIGN, NODE_LOST, NODE_SILENT, NODES_LOST, REPORTED_FAULT, REPORTED_QUESTION,
    Rule, Text, check_of,
};
use shared_model::Level;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const INSTANCE_UP: &str = "db.instance_up";
pub(crate) const WRITABLE: &str = "db.writable";
pub(crate) const STANDBY_USABLE: &str = "db.standby_usable";
pub(crate) const REPLICATION: &str = "db.replication";
pub(crate) const CORE_SERVICE_UP: &str = "core.service_up";
pub(crate) const PROBE_DATA: &str = "monitoring.probe_data";
/// Whether one node reaches another over one path: a witness, and no incident.
pub(crate) const PEER_REACHABLE: &str = "peer.reachable";

/// Rules that classify a declared database service and open nothing by themselves there.
pub(crate) const SERVICE_RULES: [&str; 5] =
    [INSTANCE_UP, WRITABLE, STANDBY_USABLE, REPLICATION, CORE_SERVICE_UP];

/// Those of them that are linked to the service's incident.
pub(crate) const SERVICE_LINKS: [&str; 3] = [INSTANCE_UP, REPLICATION, CORE_SERVICE_UP];

/// The rules in force, by id, with the explanations that the machine itself adds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    rules: BTreeMap<Arc<str>, Rule>,
    depths: BTreeMap<Arc<str>, usize>,
}

impl Catalogue {
    pub(crate) fn new(rules: &[Rule]) -> Self {
        let mut by_id: BTreeMap<Arc<str>, Rule> =
            rules.iter().map(|r| (Arc::clone(&r.id), r.clone())).collect();
        for rule in by_id.values_mut() {
            add_explanations(rule);
        }
        let depths = depths(&by_id);
        Self { rules: by_id, depths }
    }

    pub(crate) fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.get(id)
    }

    /// 0 for a rule that nothing explains, else one more than its deepest cause: causes are raised before symptoms.
    pub(crate) fn depth(&self, id: &str) -> usize {
        self.depths.get(id).copied().unwrap_or(0)
    }

    /// Title and runbook of an incident with this cause and level.
    pub(crate) fn texts(&self, cause: &str, level: Level) -> (Text, Text) {
        if let Some(cause) = Cause::from_id(cause) {
            return (cause.title(), cause.advice());
        }
        if cause == REPORTED_QUESTION {
            return (
                text("来电咨询", "Question by phone"),
                text("答复后请来电人确认。", "Answer it and let the caller confirm."),
            );
        }
        if cause == FOREIGN {
            return (
                text("外部系统告警", "Alert of another system"),
                text(
                    "按告警内容与其来源系统核实；其恢复以来源系统为准，来源静默时状态未知。",
                    "Verify it with the system it came from, which alone says when it is over; while that is silent it is unknown.",
                ),
            );
        }
        if cause == REPORTED_FAULT {
            return (
                text("人工报障", "Fault reported by a person"),
                text(
                    "按报障描述核实；监控未发现的，修复后补充检查项。",
                    "Verify what was described; where no check saw it, add one after the repair.",
                ),
            );
        }
        let rule = self.rules.get(check_of(cause));
        if cause == NODES_LOST {
            return nodes_lost();
        }
        let advice = rule.map_or_else(|| text("", ""), |r| r.advice.clone());
        let title = match rule {
            _ if cause == NODE_LOST => text(
                "节点宕机或断网：其他节点均无法到达",
                "Node down or cut off: no other node reaches it",
            ),
            _ if cause == NODE_SILENT && level <= Level::Two => text(
                "状态未知：节点失联且无旁证",
                "State unknown: node silent and no second witness",
            ),
            _ if cause == NODE_SILENT => text(
                "监控盲区：节点失联，旁证显示其仍在运行",
                "Monitoring gap: node silent while a second witness sees it alive",
            ),
            Some(rule) => rule.title.clone(),
            None => text(cause, cause),
        };
        (title, advice)
    }
}

fn nodes_lost() -> (Text, Text) {
    let title = text(
        "多个节点同时失联：交换机、机柜电源或采集端网络",
        "Several nodes lost at once: a switch, a rack's power, or the collector's network",
    );
    let advice = text(
        "先查这些节点共用的部件：机柜电源（PDU）、接入交换机、采集端自身网络；恢复后逐台核对。",
        "Look first at what these nodes share: the rack's power, their switch, the collector's own network. Then look at each of them.",
    );
    (title, advice)
}

/// The pack may say the same; said here they hold for every pack.
fn add_explanations(rule: &mut Rule) {
    let label = match &*rule.id {
        PROBE_DATA => "host",
        INSTANCE_UP | REPLICATION => "instance",
        CORE_SERVICE_UP => "service",
        _ => return,
    };
    // A silent node explains its missing probes. One undeclared instance or service that several witnesses see
    // down is one incident: the first witness' finding explains the others'.
    let by = if label == "host" { Arc::from(NODE_SILENT) } else { Arc::clone(&rule.id) };
    if !rule.explained_by.iter().any(|e| e.rule == by) {
        let on = BTreeMap::from([(label.to_owned(), format!("{{{label}}}"))]);
        rule.explained_by.push(ExplainedBy { rule: by, on });
    }
}

fn depths(rules: &BTreeMap<Arc<str>, Rule>) -> BTreeMap<Arc<str>, usize> {
    let mut depths: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    // As many rounds as the longest chain can have; a cycle stops there too.
    for _ in 0..rules.len().min(8) {
        let last = depths.clone();
        for (id, rule) in rules {
            let causes = rule.explained_by.iter().filter(|e| e.rule != *id);
            let depth = causes.map(|e| 1 + last.get(&e.rule).copied().unwrap_or(0)).max();
            depths.insert(Arc::clone(id), depth.unwrap_or(0));
        }
        if depths == last {
            break;
        }
    }
    depths
}

fn text(zh: &str, en: &str) -> Text {
    Text { zh: zh.to_owned(), en: en.to_owned() }
}
