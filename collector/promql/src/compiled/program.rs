//! A bound expression for one output series: a graph of scalar operations over slots.

use super::requirement::{Need, Requirement, Slot, SlotReader};
use crate::language::{Aggregation, Arithmetic, Comparison, Function, RangeFunction};
use crate::numeric;
use shared_model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A scalar program. Evaluating it allocates nothing.
#[derive(Clone, PartialEq, Debug)]
pub struct Program {
    nodes: Nodes,
    root: NodeId,
    slots: Vec<Slot>,
    requirements: Vec<Requirement>,
}

/// Index into [`Nodes::nodes`]; a node's inputs come before it.
pub(super) type NodeId = u32;

/// Children of an operation with any number of inputs: `start..start + len` of [`Nodes::lists`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct List {
    start: u32,
    len: u32,
}

/// One scalar operation. Without a value of what it needs it has none itself.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Node {
    Number(f64),
    Time,
    /// The fresh value of a slot.
    Last(Slot),
    /// When the fresh value of a slot was taken, in seconds.
    SampleTime(Slot),
    Window(Slot, RangeFunction, Duration),
    Negate(NodeId),
    Call(Function, NodeId),
    CallWith(Function, NodeId, NodeId),
    Arithmetic(Arithmetic, NodeId, NodeId),
    /// 1 or 0.
    Truth(Comparison, NodeId, NodeId),
    /// The last operand's value where the comparison of the first two holds.
    Filter(Comparison, NodeId, NodeId, NodeId),
    Aggregate(Aggregation, List),
    /// The first where one of the list has a value.
    And(NodeId, List),
    /// The first where none of the list has a value.
    Unless(NodeId, List),
    /// The one of the list that has a value; none when several have.
    Only(List),
    /// The second at the times when the first has a value: `timestamp()` of a computed vector.
    When(NodeId, NodeId),
}

/// A growing graph.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    lists: Vec<NodeId>,
}

impl List {
    pub(super) const EMPTY: Self = Self { start: 0, len: 0 };
}

impl Nodes {
    pub(super) fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        // Bounded by `bind`'s limit on nodes.
        (self.nodes.len() - 1) as NodeId
    }

    pub(super) fn list(&mut self, members: &[NodeId]) -> List {
        let start = self.lists.len() as u32;
        self.lists.extend_from_slice(members);
        List { start, len: members.len() as u32 }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len() + self.lists.len()
    }

    fn members(&self, list: List) -> &[NodeId] {
        &self.lists[list.start as usize..(list.start + list.len) as usize]
    }

    /// Copies what `id` needs into `target`; `copied` maps what is already there, so shared parts stay shared.
    fn copy(&self, id: NodeId, target: &mut Self, copied: &mut BTreeMap<NodeId, NodeId>) -> NodeId {
        if let Some(known) = copied.get(&id) {
            return *known;
        }
        let mut one = |id: NodeId, target: &mut Self| self.copy(id, target, copied);
        let node = match self.nodes[id as usize] {
            leaf @ (Node::Number(_)
            | Node::Time
            | Node::Last(_)
            | Node::SampleTime(_)
            | Node::Window(..)) => leaf,
            Node::Negate(a) => Node::Negate(one(a, target)),
            Node::Call(function, a) => Node::Call(function, one(a, target)),
            Node::CallWith(f, a, b) => Node::CallWith(f, one(a, target), one(b, target)),
            Node::Arithmetic(op, a, b) => Node::Arithmetic(op, one(a, target), one(b, target)),
            Node::Truth(op, a, b) => Node::Truth(op, one(a, target), one(b, target)),
            Node::Filter(op, a, b, kept) => {
                let (a, b) = (one(a, target), one(b, target));
                Node::Filter(op, a, b, one(kept, target))
            }
            Node::When(a, b) => Node::When(one(a, target), one(b, target)),
            Node::Aggregate(op, list) => Node::Aggregate(op, self.copy_list(list, target, copied)),
            Node::Only(list) => Node::Only(self.copy_list(list, target, copied)),
            Node::And(a, list) => {
                let a = one(a, target);
                Node::And(a, self.copy_list(list, target, copied))
            }
            Node::Unless(a, list) => {
                let a = one(a, target);
                Node::Unless(a, self.copy_list(list, target, copied))
            }
        };
        let new = target.add(node);
        copied.insert(id, new);
        new
    }

    fn copy_list(
        &self,
        list: List,
        target: &mut Self,
        copied: &mut BTreeMap<NodeId, NodeId>,
    ) -> List {
        let members: Vec<NodeId> =
            self.members(list).iter().map(|id| self.copy(*id, target, copied)).collect();
        target.list(&members)
    }
}

impl Program {
    /// Cuts the program of one output out of the graph of all.
    pub(super) fn extract(graph: &Nodes, root: NodeId) -> Self {
        let mut nodes = Nodes::default();
        let root = graph.copy(root, &mut nodes, &mut BTreeMap::new());
        let mut requirements = BTreeSet::new();
        for node in &nodes.nodes {
            match *node {
                Node::Last(slot) | Node::SampleTime(slot) => {
                    let need = Need::Last;
                    requirements.insert(Requirement { slot, need });
                }
                Node::Window(slot, function, range) => {
                    let need = Need::Window { function, range };
                    requirements.insert(Requirement { slot, need });
                }
                _ => {}
            }
        }
        let slots: BTreeSet<Slot> = requirements.iter().map(|r| r.slot).collect();
        Self {
            nodes,
            root,
            slots: slots.into_iter().collect(),
            requirements: requirements.into_iter().collect(),
        }
    }

    /// The value at `at`, which must not be before the newest sample of any input. None when it is unknown (an input is
    /// missing; all inputs are stale) or a comparison filtered it away.
    pub fn eval(&self, reader: &impl SlotReader, at: Timestamp) -> Option<f64> {
        if !self.slots.is_empty() && !self.slots.iter().any(|slot| reader.is_fresh(*slot, at)) {
            return None;
        }
        self.node(self.root, reader, at)
    }

    /// The inputs, ascending.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// What must be kept for the program, ascending.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    fn node<R: SlotReader>(&self, id: NodeId, reader: &R, at: Timestamp) -> Option<f64> {
        let value = |id: NodeId| self.node(id, reader, at);
        let any = |list: List| self.nodes.members(list).iter().any(|id| value(*id).is_some());
        match self.nodes.nodes[id as usize] {
            Node::Number(number) => Some(number),
            Node::Time => Some(at.as_secs_f64()),
            Node::Last(slot) => Some(reader.last(slot, at)?.1),
            Node::SampleTime(slot) => Some(reader.last(slot, at)?.0.as_secs_f64()),
            Node::Window(slot, function, range) => reader.window(slot, function, range, at),
            Node::Negate(a) => Some(-value(a)?),
            Node::Call(function, a) => Some(numeric::call(function, value(a)?, None)),
            Node::CallWith(function, a, b) => {
                Some(numeric::call(function, value(a)?, Some(value(b)?)))
            }
            Node::Arithmetic(op, a, b) => Some(numeric::arithmetic(op, value(a)?, value(b)?)),
            Node::Truth(op, a, b) => {
                let holds = numeric::compare(op, value(a)?, value(b)?);
                Some(f64::from(u8::from(holds)))
            }
            Node::Filter(op, a, b, kept) => {
                let (left, right) = (value(a)?, value(b)?);
                let kept = if kept == b { right } else { left };
                numeric::compare(op, left, right).then_some(kept)
            }
            Node::Aggregate(op, list) => {
                let members = self.nodes.members(list).iter();
                numeric::aggregate(op, members.filter_map(|id| value(*id)))
            }
            Node::And(a, list) => value(a).filter(|_| any(list)),
            Node::Unless(a, list) => value(a).filter(|_| !any(list)),
            Node::Only(list) => {
                let mut present = self.nodes.members(list).iter().filter_map(|id| value(*id));
                let first = present.next()?;
                present.next().is_none().then_some(first)
            }
            Node::When(a, b) => value(a).and_then(|_| value(b)),
        }
    }
}
