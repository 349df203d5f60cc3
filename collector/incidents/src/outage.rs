//! Many nodes lost at once: a switch, a rack's power, the collector's own network. One incident, and each node's silence is linked
//! to it.

use crate::LINKS_MAX;
use crate::machine::{Machine, Run, is_own, links_to};
use crate::raise::{Opening, is_repaired, sentence, words};
use crate::silence::{SILENT_MIN, SilentNode, begun};
use crate::standing::Standing;
use collector_domain::{Condition, IncidentId, IncidentState, NODE_SILENT, NODES_LOST, check_of};
use shared_model::{Labels, Level};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Nodes that fall silent within this span fell together. Scaled.
const TOGETHER: Duration = Duration::from_secs(10);

/// So many nodes of one appliance are many: an appliance has two at least, and two that fail by themselves within ten seconds are
/// rarer than what they share failing.
const MANY: usize = 2;

/// Nodes whose loss nothing contradicts, by appliance and in order of their last words.
#[derive(Debug)]
pub(crate) struct LostByAppliance<'a>(BTreeMap<Labels, Vec<&'a Standing>>);

impl<'a> LostByAppliance<'a> {
    pub(crate) fn of(nodes: &'a [SilentNode]) -> Self {
        let mut lost: BTreeMap<Labels, Vec<&Standing>> = BTreeMap::new();
        for node in nodes.iter().filter(|node| node.verdict.may_be_lost()) {
            lost.entry(appliance(&node.standing.subject)).or_default().push(&node.standing);
        }
        lost.values_mut().for_each(|nodes| nodes.sort_by_key(|node| begun(node)));
        Self(lost)
    }

    /// Those of the appliance of a node, itself among them.
    pub(crate) fn beside(&self, silence: &Standing) -> &[&'a Standing] {
        self.0.get(&appliance(&silence.subject)).map_or(&[], Vec::as_slice)
    }
}

impl Machine {
    /// Whether this silence, which no witness contradicts, is one of several; then they have one incident. `nodes` are those of
    /// the appliance, in order of their beginning.
    pub(crate) fn raise_outage(
        &mut self,
        run: &mut Run<'_>,
        silence: &Standing,
        nodes: &[&Standing],
    ) -> bool {
        let span = self.contract.scaled(TOGETHER).max(SILENT_MIN);
        let from = nodes.partition_point(|node| begun(node).plus(span) < begun(silence));
        let to = nodes.partition_point(|node| begun(node) <= begun(silence).plus(span));
        let lost = nodes.get(from..to).unwrap_or_default();
        if lost.len() < MANY {
            return false;
        }
        let held: BTreeSet<&Labels> = self
            .unfinished()
            .filter(|i| check_of(&i.cause) == NODE_SILENT)
            .map(|i| &i.subject)
            .collect();
        // Two incidents that were opened stay two.
        if lost.iter().filter(|s| held.contains(&s.subject)).take(2).count() > 1 {
            return false;
        }
        let Some(id) = self.outage(run, silence, lost) else { return false };
        for subject in self.not_linked(id, lost) {
            self.link(run, id, &Arc::from(NODE_SILENT), &subject);
        }
        // What found no room has an incident of its own.
        self.incident(id).is_some_and(|i| links_to(i, NODE_SILENT, &silence.subject))
    }

    /// The nodes that no incident links yet, as many as this one has room for.
    fn not_linked(&self, id: IncidentId, lost: &[&Standing]) -> Vec<Labels> {
        let linked: BTreeSet<&Labels> = self
            .unfinished()
            .filter(|i| i.state != IncidentState::Watching)
            .flat_map(|i| &i.links)
            .filter(|link| check_of(&link.rule) == NODE_SILENT)
            .map(|link| &link.subject)
            .collect();
        let room = self.incident(id).map_or(0, |i| LINKS_MAX.saturating_sub(i.links.len()));
        let subjects = lost.iter().map(|s| &s.subject).filter(|s| !linked.contains(s));
        subjects.take(room).cloned().collect()
    }

    /// The incident of the outage: it is open already, a node's own becomes it, or it is opened now.
    fn outage(
        &mut self,
        run: &mut Run<'_>,
        silence: &Standing,
        lost: &[&Standing],
    ) -> Option<IncidentId> {
        let clause = self.catalogue.rule(NODE_SILENT)?.clause.clone();
        let subject = appliance(&silence.subject);
        let known = self.unfinished().find(|i| is_own(i, NODES_LOST, &subject));
        if let Some((id, level, state)) = known.map(|i| (i.id, i.level, i.state)) {
            if is_repaired(state) {
                let kind = self.reopening(run.now, silence.since, level);
                self.record(run, id, kind);
            }
            return Some(id);
        }
        let evidence: Vec<String> = lost.iter().map(|s| words(s)).collect();
        let cause: Arc<str> = Arc::from(NODES_LOST);
        let own = self.unfinished().find(|i| {
            matches!(i.state, IncidentState::Open | IncidentState::Acknowledged)
                && i.condition == Condition::Breached
                && i.links.len() < LINKS_MAX
                && lost.iter().any(|s| is_own(i, NODE_SILENT, &s.subject))
        });
        let Some(incident) = own else {
            let opening = Opening {
                cause,
                subject,
                clause,
                level: Level::Two,
                occurred: lost.iter().map(|s| s.since).min().unwrap_or(silence.since),
                value: None,
                evidence,
                late: false,
            };
            return Some(self.open(run, opening));
        };
        let (id, level) = (incident.id, incident.level.more_severe(Level::Two));
        let of = (Arc::clone(&cause), clause);
        let kind = self.reclassification(
            run.now,
            incident,
            of,
            level,
            sentence("other nodes were lost within the same seconds", &evidence),
        );
        // Linked first, the new cause changes places with the node's own check.
        self.link(run, id, &cause, &subject);
        self.record(run, id, kind);
        Some(id)
    }
}

/// The labels of the appliance that a node belongs to.
fn appliance(node: &Labels) -> Labels {
    let label = |name: &'static str| node.get(name).map(|value| (name, value));
    Labels::from_pairs(["hospital", "appliance"].into_iter().filter_map(label))
}
