//! What can be said of an expression without data.

use super::expr::{Expr, Selector};
use super::operators::BinaryOp;
use collector_domain::Matcher;

/// The selectors of an expression, in the order of its text.
pub(crate) fn selectors(expr: &Expr) -> Vec<&Selector> {
    match expr {
        Expr::Number(_) | Expr::Time => Vec::new(),
        Expr::Selector(selector) | Expr::Range(selector, _) | Expr::Windowed { selector, .. } => {
            vec![selector]
        }
        Expr::Call(_, args) => args.iter().flat_map(selectors).collect(),
        Expr::Aggregate { arg, .. } | Expr::Negate(arg) | Expr::Absent(arg) => selectors(arg),
        Expr::Binary(binary) => {
            let mut all = selectors(&binary.lhs);
            all.extend(selectors(&binary.rhs));
            all
        }
    }
}

/// The matchers of each selector, in the order of the text. A series that satisfies none of them does not matter.
pub fn required_matchers(expr: &Expr) -> Vec<Vec<Matcher>> {
    let all = selectors(expr).into_iter();
    all.map(|selector| selector.matchers.clone()).collect()
}

/// Whether every output is computed only from inputs with the same value of `label` (a missing label counts as a value).
/// An expression for which this holds may be evaluated for each value of the label by itself.
pub fn keeps_label(expr: &Expr, label: &str) -> bool {
    match expr {
        Expr::Number(_)
        | Expr::Time
        | Expr::Selector(_)
        | Expr::Range(..)
        | Expr::Windowed { .. } => true,
        Expr::Call(_, args) => args.iter().all(|arg| keeps_label(arg, label)),
        Expr::Aggregate { grouping, arg, .. } => {
            grouping.includes(label) && keeps_label(arg, label)
        }
        Expr::Binary(binary) => {
            let sides = keeps_label(&binary.lhs, label) && keeps_label(&binary.rhs, label);
            let one_vector = binary.lhs.is_scalar() || binary.rhs.is_scalar();
            let matched = one_vector && !matches!(binary.op, BinaryOp::Set(_));
            sides && (matched || binary.matching.scope.includes(label))
        }
        Expr::Negate(arg) => keeps_label(arg, label),
        Expr::Absent(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    /// Scenario: expressions that do and do not stay within one `instance`. Guarantees: only those whose every step keeps
    /// the label are accepted.
    #[test]
    fn keeping_a_label_is_decided_step_by_step() {
        for (text, keeps) in [
            ("a", true),
            ("rate(a[5m]) > 1", true),
            ("sum by (instance) (a)", true),
            ("sum without (cpu) (a)", true),
            ("sum without (instance) (a)", false),
            ("sum(a)", false),
            ("sum by (cpu) (a)", false),
            ("a / on (instance) group_left sum by (instance) (b)", true),
            ("a / on (cpu) group_left b", false),
            ("a / ignoring (cpu) b", true),
            ("a and ignoring (instance) b", false),
            ("a or on () b", false),
            ("a unless b", true),
            ("a / 2 - time()", true),
            ("abs(max(a))", false),
            ("a + max(b)", false),
            ("absent(a)", false),
            ("-sum(a)", false),
        ] {
            let expr = parse(text).expect(text);
            assert_eq!(keeps_label(&expr, "instance"), keeps, "{text}");
        }
    }

    /// Scenario: an expression with three selectors. Guarantees: their matchers come in the order of the text.
    #[test]
    fn selectors_are_listed() {
        let expr = parse(r#"a{x="1"} / (rate(b[5m]) + abs(c))"#).expect("valid");
        let names: Vec<_> = required_matchers(&expr)
            .iter()
            .map(|matchers| (matchers[0].values[0].to_string(), matchers.len()))
            .collect();
        assert_eq!(names, [("a".into(), 2), ("b".into(), 1), ("c".into(), 1)]);
    }
}
