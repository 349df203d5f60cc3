//! Which series of two vectors meet, decided from labels alone.

use super::bind::{Binding, Element};
use super::program::Node;
use crate::error::QueryError;
use crate::language::{Binary, BinaryOp, Cardinality, LabelScope, SetOperation};
use shared_model::Labels;
use std::collections::BTreeMap;

impl Binding {
    /// Set operators: who is there is decided when the program runs, by the presence of the partners' values.
    pub(super) fn set(
        &mut self,
        op: SetOperation,
        scope: &LabelScope,
        lhs: Vec<Element>,
        rhs: Vec<Element>,
    ) -> Result<Vec<Element>, QueryError> {
        let partners = |side: &[Element]| {
            let mut groups: BTreeMap<Labels, Vec<u32>> = BTreeMap::new();
            for element in side {
                let group = groups.entry(scope.apply(&element.labels)).or_default();
                group.push(element.node);
            }
            groups
        };
        if op == SetOperation::Or {
            let taken = partners(&lhs);
            let mut all = lhs;
            for mut element in rhs {
                if let Some(group) = taken.get(&scope.apply(&element.labels)) {
                    let list = self.graph.list(group);
                    element.node = self.add(Node::Unless(element.node, list))?;
                    element.is_alternative = true;
                }
                all.push(element);
            }
            return self.unique(all, "or");
        }
        let partners = partners(&rhs);
        let mut kept = Vec::new();
        for mut element in lhs {
            let group = partners.get(&scope.apply(&element.labels));
            element.node = match (op, group) {
                (SetOperation::Unless, None) => element.node,
                (SetOperation::Unless, Some(group)) => {
                    let list = self.graph.list(group);
                    self.add(Node::Unless(element.node, list))?
                }
                (_, None) => continue,
                (_, Some(group)) => {
                    let list = self.graph.list(group);
                    self.add(Node::And(element.node, list))?
                }
            };
            kept.push(element);
        }
        Ok(kept)
    }

    /// Arithmetic and comparisons of two vectors.
    pub(super) fn join(
        &mut self,
        binary: &Binary,
        lhs: Vec<Element>,
        rhs: Vec<Element>,
    ) -> Result<Vec<Element>, QueryError> {
        let matching = &binary.matching;
        let swapped = matches!(matching.cardinality, Cardinality::GroupRight(_));
        let one_to_one = matching.cardinality == Cardinality::OneToOne;
        let (many, one) = if swapped { (rhs, lhs) } else { (lhs, rhs) };
        let partners = grouped(one, &matching.scope, if one_to_one { "right" } else { "one" })?;
        if one_to_one {
            grouped(many.clone(), &matching.scope, "left")?;
        }
        let mut results = Vec::new();
        for element in many {
            let key = matching.scope.apply(&element.labels);
            for partner in partners.get(&key).map_or(&[][..], Vec::as_slice) {
                let (a, b) = if swapped {
                    (partner.node, element.node)
                } else {
                    (element.node, partner.node)
                };
                let node = self.pair(binary, a, b, a)?;
                let (many, one) = (&element.labels, &partner.labels);
                results.push(Element {
                    labels: matching.result_labels(many, one, binary.op, binary.returns_bool),
                    node,
                    is_alternative: element.is_alternative || partner.is_alternative,
                });
            }
        }
        self.unique(results, binary.op.as_str())
    }

    /// The node of an arithmetic operation or comparison; a comparison that filters yields `kept`.
    pub(super) fn pair(
        &mut self,
        binary: &Binary,
        a: u32,
        b: u32,
        kept: u32,
    ) -> Result<u32, QueryError> {
        self.add(match binary.op {
            BinaryOp::Arithmetic(op) => Node::Arithmetic(op, a, b),
            BinaryOp::Comparison(op) if binary.returns_bool => Node::Truth(op, a, b),
            BinaryOp::Comparison(op) => Node::Filter(op, a, b, kept),
            // A set operator between scalars does not parse.
            BinaryOp::Set(_) => Node::And(a, super::program::List::EMPTY),
        })
    }
}

/// A side by its matching labels.
///
/// # Errors
/// Several series of a group can be there at once.
fn grouped(
    side: Vec<Element>,
    scope: &LabelScope,
    name: &'static str,
) -> Result<BTreeMap<Labels, Vec<Element>>, QueryError> {
    let mut groups: BTreeMap<Labels, Vec<Element>> = BTreeMap::new();
    for element in side {
        let group = groups.entry(scope.apply(&element.labels)).or_default();
        group.push(element);
    }
    for (labels, group) in &groups {
        if group.iter().filter(|e| !e.is_alternative).count() > 1 {
            let (side, labels) = (name, labels.clone());
            return Err(QueryError::ManyToMany { side, labels });
        }
    }
    Ok(groups)
}
