//! Binds an expression to the series that exist: output labels depend on input labels only, so the vectors are resolved once.

use super::program::{List, Node, NodeId, Nodes, Program};
use super::requirement::Slot;
use super::window::{MAX_RANGE, max_range};
use crate::error::QueryError;
use crate::language::{
    Aggregation, Binary, BinaryOp, Expr, Function, LabelScope, RangeFunction, Selector,
};
use shared_model::{Labels, NAME};
use std::collections::BTreeMap;
use std::time::Duration;

/// Nodes and list members of one binding: a thousand nodes with a hundred series each, joined twice, stay below.
const MAX_NODES: usize = 4_000_000;

/// One output series.
#[derive(Clone, PartialEq, Debug)]
pub struct BoundSeries {
    /// Its labels, unique among the outputs.
    pub labels: Labels,
    /// How its value is computed.
    pub program: Program,
}

/// Binds `expr` to `series`; those that no selector matches are ignored. Outputs are sorted by labels. An expression of
/// scalars alone gives one output with empty labels.
///
/// # Errors
/// The expression cannot be used in a rule (`absent`, a range by itself, a range that is too long for its function), or the
/// labels do not fit: series that do not match one to one, two outputs with the same labels.
pub fn bind(expr: &Expr, series: &[(Slot, Labels)]) -> Result<Vec<BoundSeries>, QueryError> {
    let mut binding = Binding { graph: Nodes::default() };
    let outputs = match binding.expr(expr, series)? {
        Operand::Scalar(node) => {
            vec![Element { labels: Labels::default(), node, is_alternative: false }]
        }
        Operand::Vector(elements) => binding.unique(elements, "the expression")?,
    };
    let outputs = outputs.into_iter().map(|element| BoundSeries {
        program: Program::extract(&binding.graph, element.node),
        labels: element.labels,
    });
    Ok(outputs.collect())
}

/// A value of an expression.
enum Operand {
    Scalar(NodeId),
    Vector(Vec<Element>),
}

/// One series of a vector.
#[derive(Clone)]
pub(super) struct Element {
    pub(super) labels: Labels,
    pub(super) node: NodeId,
    /// It comes from the right of an `or` and is there only when its partners are not, so it may share their labels.
    pub(super) is_alternative: bool,
}

pub(super) struct Binding {
    pub(super) graph: Nodes,
}

impl Binding {
    fn expr(&mut self, expr: &Expr, series: &[(Slot, Labels)]) -> Result<Operand, QueryError> {
        Ok(match expr {
            Expr::Number(value) => Operand::Scalar(self.add(Node::Number(*value))?),
            Expr::Time => Operand::Scalar(self.add(Node::Time)?),
            Expr::Selector(selector) => {
                Operand::Vector(self.leaves(selector, series, Node::Last)?)
            }
            Expr::Windowed { function, selector, range } => {
                Operand::Vector(self.windowed(*function, selector, *range, series)?)
            }
            Expr::Call(function, args) => Operand::Vector(self.call(*function, args, series)?),
            Expr::Aggregate { op, grouping, arg } => {
                let elements = self.vector(arg, series)?;
                Operand::Vector(self.aggregate(*op, grouping, elements)?)
            }
            Expr::Binary(binary) => self.binary(binary, series)?,
            Expr::Negate(arg) => match self.expr(arg, series)? {
                Operand::Scalar(node) => Operand::Scalar(self.add(Node::Negate(node))?),
                Operand::Vector(elements) => {
                    Operand::Vector(self.each(elements, "the unary minus", Node::Negate)?)
                }
            },
            Expr::Range(..) => {
                return Err(QueryError::NotForRules {
                    construct: expr.to_string(),
                    allowed: "a rule needs one number per series, such as rate(a[5m])",
                });
            }
            Expr::Absent(_) => {
                return Err(QueryError::NotForRules {
                    construct: expr.to_string(),
                    allowed: "what happens without data is the rule's `no_data`",
                });
            }
        })
    }

    fn vector(
        &mut self,
        expr: &Expr,
        series: &[(Slot, Labels)],
    ) -> Result<Vec<Element>, QueryError> {
        match self.expr(expr, series)? {
            Operand::Vector(elements) => Ok(elements),
            // Types were checked by the parser; a number alone is a series without labels.
            Operand::Scalar(node) => {
                Ok(vec![Element { labels: Labels::default(), node, is_alternative: false }])
            }
        }
    }

    pub(super) fn add(&mut self, node: Node) -> Result<NodeId, QueryError> {
        if self.graph.len() >= MAX_NODES {
            let what = "operations once it is bound to its series";
            return Err(QueryError::TooDeep { what, max: MAX_NODES });
        }
        Ok(self.graph.add(node))
    }

    fn leaves(
        &mut self,
        selector: &Selector,
        series: &[(Slot, Labels)],
        node: impl Fn(Slot) -> Node,
    ) -> Result<Vec<Element>, QueryError> {
        let mut elements = Vec::new();
        for (slot, labels) in series {
            if selector.matchers.iter().all(|matcher| matcher.matches(labels)) {
                elements.push(Element {
                    labels: labels.clone(),
                    node: self.add(node(*slot))?,
                    is_alternative: false,
                });
            }
        }
        self.unique(elements, "the selector")
    }

    fn windowed(
        &mut self,
        function: RangeFunction,
        selector: &Selector,
        range: Duration,
        series: &[(Slot, Labels)],
    ) -> Result<Vec<Element>, QueryError> {
        if range > max_range(function) {
            return Err(QueryError::NotForRules {
                construct: format!("{} over {} h", function.as_str(), range.as_secs() / 3_600),
                allowed: if range > MAX_RANGE {
                    "a rule's range is at most 31 days"
                } else {
                    "its result depends on every sample, so its range is at most 2 hours"
                },
            });
        }
        let leaves = self.leaves(selector, series, |slot| Node::Window(slot, function, range))?;
        if function == RangeFunction::LastOverTime {
            return Ok(leaves);
        }
        let nameless = leaves.into_iter().map(without_name).collect();
        self.unique(nameless, function.as_str())
    }

    fn call(
        &mut self,
        function: Function,
        args: &[Expr],
        series: &[(Slot, Labels)],
    ) -> Result<Vec<Element>, QueryError> {
        let Some((vector, arguments)) = args.split_first() else {
            return Ok(Vec::new());
        };
        if let (Function::Timestamp, Expr::Selector(selector)) = (function, vector) {
            let leaves = self.leaves(selector, series, Node::SampleTime)?;
            return self.unique(leaves.into_iter().map(without_name).collect(), "timestamp");
        }
        let elements = self.vector(vector, series)?;
        let argument = match arguments.first().map(|arg| self.expr(arg, series)).transpose()? {
            Some(Operand::Scalar(node)) => Some(node),
            _ => None,
        };
        let now = self.add(Node::Time)?;
        self.each(elements, function.as_str(), |node| match (function, argument) {
            (Function::Timestamp, _) => Node::When(node, now),
            (_, Some(argument)) => Node::CallWith(function, node, argument),
            (_, None) => Node::Call(function, node),
        })
    }

    fn aggregate(
        &mut self,
        op: Aggregation,
        grouping: &LabelScope,
        elements: Vec<Element>,
    ) -> Result<Vec<Element>, QueryError> {
        let mut groups: BTreeMap<Labels, Vec<NodeId>> = BTreeMap::new();
        for element in elements {
            let group = groups.entry(grouping.apply(&element.labels)).or_default();
            group.push(element.node);
        }
        let mut aggregated = Vec::with_capacity(groups.len());
        for (labels, members) in groups {
            let list = self.graph.list(&members);
            aggregated.push(Element {
                labels,
                node: self.add(Node::Aggregate(op, list))?,
                is_alternative: false,
            });
        }
        Ok(aggregated)
    }

    fn binary(
        &mut self,
        binary: &Binary,
        series: &[(Slot, Labels)],
    ) -> Result<Operand, QueryError> {
        let lhs = self.expr(&binary.lhs, series)?;
        let rhs = self.expr(&binary.rhs, series)?;
        let (elements, scalar, scalar_is_left) = match (lhs, rhs) {
            (Operand::Scalar(a), Operand::Scalar(b)) => {
                return Ok(Operand::Scalar(self.pair(binary, a, b, a)?));
            }
            (Operand::Vector(lhs), Operand::Vector(rhs)) => {
                return Ok(Operand::Vector(match binary.op {
                    BinaryOp::Set(op) => self.set(op, &binary.matching.scope, lhs, rhs)?,
                    _ => self.join(binary, lhs, rhs)?,
                }));
            }
            (Operand::Vector(elements), Operand::Scalar(scalar)) => (elements, scalar, false),
            (Operand::Scalar(scalar), Operand::Vector(elements)) => (elements, scalar, true),
        };
        let drops_name = binary.returns_bool || matches!(binary.op, BinaryOp::Arithmetic(_));
        let mut computed = Vec::with_capacity(elements.len());
        for mut element in elements {
            let (a, b) =
                if scalar_is_left { (scalar, element.node) } else { (element.node, scalar) };
            element.node = self.pair(binary, a, b, element.node)?;
            computed.push(if drops_name { without_name(element) } else { element });
        }
        Ok(Operand::Vector(self.unique(computed, binary.op.as_str())?))
    }

    /// A function of each value; the results have no metric name.
    fn each(
        &mut self,
        elements: Vec<Element>,
        construct: &'static str,
        node: impl Fn(NodeId) -> Node,
    ) -> Result<Vec<Element>, QueryError> {
        let mut computed = Vec::with_capacity(elements.len());
        for mut element in elements {
            element.node = self.add(node(element.node))?;
            computed.push(without_name(element));
        }
        self.unique(computed, construct)
    }

    /// Elements by labels. Of several with the same labels, which only alternatives may be, the one that is there counts.
    ///
    /// # Errors
    /// Two that can be there at once have the same labels.
    pub(super) fn unique(
        &mut self,
        mut elements: Vec<Element>,
        construct: &'static str,
    ) -> Result<Vec<Element>, QueryError> {
        elements.sort_by(|a, b| a.labels.cmp(&b.labels));
        let mut unique = Vec::with_capacity(elements.len());
        for group in elements.chunk_by(|a, b| a.labels == b.labels) {
            if let [one] = group {
                unique.push(one.clone());
                continue;
            }
            if group.iter().filter(|e| !e.is_alternative).count() > 1 {
                let labels = group[0].labels.clone();
                return Err(QueryError::SameLabels { construct, labels });
            }
            let members: Vec<NodeId> = group.iter().map(|e| e.node).collect();
            let list: List = self.graph.list(&members);
            unique.push(Element {
                labels: group[0].labels.clone(),
                node: self.add(Node::Only(list))?,
                is_alternative: group.iter().all(|e| e.is_alternative),
            });
        }
        Ok(unique)
    }
}

fn without_name(mut element: Element) -> Element {
    if !element.labels.name().is_empty() {
        element.labels = element.labels.only(|name| name != NAME);
    }
    element
}
