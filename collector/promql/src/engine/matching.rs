//! Two vectors: set operators and joins.

use super::evaluation::{Element, truth};
use crate::error::QueryError;
use crate::language::{Binary, BinaryOp, Cardinality, LabelScope, SetOperation};
use crate::numeric;
use shared_model::Labels;
use std::collections::{BTreeMap, BTreeSet};

/// `and`, `or`, `unless`.
pub(super) fn set(
    op: SetOperation,
    scope: &LabelScope,
    lhs: Vec<Element>,
    rhs: Vec<Element>,
) -> Vec<Element> {
    let keys = |side: &[Element]| -> BTreeSet<Labels> {
        side.iter().map(|(labels, _)| scope.apply(labels)).collect()
    };
    match op {
        SetOperation::Or => {
            let taken = keys(&lhs);
            let others = rhs.into_iter();
            let others = others.filter(|(labels, _)| !taken.contains(&scope.apply(labels)));
            lhs.into_iter().chain(others).collect()
        }
        SetOperation::And | SetOperation::Unless => {
            let partners = keys(&rhs);
            let wanted = op == SetOperation::And;
            let mut kept = lhs;
            kept.retain(|(labels, _)| partners.contains(&scope.apply(labels)) == wanted);
            kept
        }
    }
}

/// Arithmetic and comparisons of two vectors.
///
/// # Errors
/// Several series of the "one" side share matching labels, or a side of a one-to-one matching does, or two results have the
/// same labels.
pub(super) fn join(
    binary: &Binary,
    lhs: Vec<Element>,
    rhs: Vec<Element>,
) -> Result<Vec<Element>, QueryError> {
    let matching = &binary.matching;
    let swapped = matches!(matching.cardinality, Cardinality::GroupRight(_));
    let one_to_one = matching.cardinality == Cardinality::OneToOne;
    let (many, one) = if swapped { (rhs, lhs) } else { (lhs, rhs) };
    let mut partners: BTreeMap<Labels, Element> = BTreeMap::new();
    for element in one {
        let labels = matching.scope.apply(&element.0);
        if partners.insert(labels.clone(), element).is_some() {
            let side = if one_to_one { "right" } else { "one" };
            return Err(QueryError::ManyToMany { side, labels });
        }
    }
    let mut matched: BTreeSet<Labels> = BTreeSet::new();
    let mut results = Vec::new();
    for (labels, value) in many {
        let key = matching.scope.apply(&labels);
        let Some((one_labels, one_value)) = partners.get(&key) else {
            continue;
        };
        let (a, b) = if swapped { (*one_value, value) } else { (value, *one_value) };
        let computed = match binary.op {
            BinaryOp::Arithmetic(op) => Some(numeric::arithmetic(op, a, b)),
            BinaryOp::Comparison(op) if binary.returns_bool => Some(truth(op, a, b)),
            BinaryOp::Comparison(op) => numeric::compare(op, a, b).then_some(a),
            BinaryOp::Set(_) => None,
        };
        let Some(computed) = computed else {
            continue;
        };
        if one_to_one && !matched.insert(key.clone()) {
            let side = "left";
            return Err(QueryError::ManyToMany { side, labels: key });
        }
        let labels = matching.result_labels(&labels, one_labels, binary.op, binary.returns_bool);
        results.push((labels, computed));
    }
    check_unique(&results, binary.op.as_str())?;
    Ok(results)
}

/// # Errors
/// Two elements have the same labels.
pub(super) fn check_unique(
    elements: &[Element],
    construct: &'static str,
) -> Result<(), QueryError> {
    let mut labels: Vec<&Labels> = elements.iter().map(|(labels, _)| labels).collect();
    labels.sort_unstable();
    match labels.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(QueryError::SameLabels { construct, labels: pair[0].clone() }),
        None => Ok(()),
    }
}
