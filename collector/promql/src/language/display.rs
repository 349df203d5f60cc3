//! Prints an expression as PromQL that parses to the same expression again.

use super::expr::{Binary, Cardinality, Expr, LabelScope, Matching, Selector};
use super::operators::{Arithmetic, BinaryOp};
use super::pattern;
use collector_domain::MatcherOp;
use shared_model::NAME;
use std::fmt;
use std::time::Duration;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => number(f, *value),
            Self::Time => f.write_str("time()"),
            Self::Selector(selector) => selector.fmt(f),
            Self::Range(selector, range) => write!(f, "{selector}[{}]", Span(*range)),
            Self::Windowed { function, selector, range } => {
                write!(f, "{}({selector}[{}])", function.as_str(), Span(*range))
            }
            Self::Call(function, args) => {
                write!(f, "{}(", function.as_str())?;
                for (i, arg) in args.iter().enumerate() {
                    write!(f, "{}{arg}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Self::Aggregate { op, grouping, arg } => {
                f.write_str(op.as_str())?;
                match grouping {
                    LabelScope::Only(names) if names.is_empty() => {}
                    LabelScope::Only(names) => write!(f, " by ({}) ", names.join(", "))?,
                    LabelScope::Except(names) => write!(f, " without ({}) ", names.join(", "))?,
                }
                write!(f, "({arg})")
            }
            Self::Binary(binary) => binary.fmt(f),
            Self::Negate(arg) => match **arg {
                Self::Binary(_) | Self::Negate(_) | Self::Number(_) => write!(f, "-({arg})"),
                _ => write!(f, "-{arg}"),
            },
            Self::Absent(arg) => write!(f, "absent({arg})"),
        }
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.op.precedence();
        let power = self.op == BinaryOp::Arithmetic(Arithmetic::Power);
        operand(f, &self.lhs, own, power)?;
        write!(f, " {}", self.op.as_str())?;
        if self.returns_bool {
            f.write_str(" bool")?;
        }
        self.matching.fmt(f)?;
        f.write_str(" ")?;
        operand(f, &self.rhs, own, !power)
    }
}

/// `strict`: an operator of the same precedence needs parentheses too.
fn operand(f: &mut fmt::Formatter<'_>, expr: &Expr, own: u8, strict: bool) -> fmt::Result {
    let parenthesised = match expr {
        Expr::Binary(inner) => {
            let inner = inner.op.precedence();
            inner < own || (inner == own && strict)
        }
        Expr::Negate(_) => true,
        Expr::Number(value) => value.is_sign_negative(),
        _ => false,
    };
    if parenthesised { write!(f, "({expr})") } else { write!(f, "{expr}") }
}

impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            LabelScope::Only(names) => write!(f, " on ({})", names.join(", "))?,
            LabelScope::Except(names)
                if names.is_empty() && self.cardinality == Cardinality::OneToOne => {}
            LabelScope::Except(names) => write!(f, " ignoring ({})", names.join(", "))?,
        }
        match &self.cardinality {
            Cardinality::OneToOne => Ok(()),
            Cardinality::GroupLeft(taken) => write!(f, " group_left ({})", taken.join(", ")),
            Cardinality::GroupRight(taken) => write!(f, " group_right ({})", taken.join(", ")),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut matchers = self.matchers.as_slice();
        if let [first, rest @ ..] = matchers
            && *first.name == *NAME
            && first.op == MatcherOp::Equal
            && is_metric_name(&first.values)
        {
            f.write_str(&first.values[0])?;
            if rest.is_empty() {
                return Ok(());
            }
            matchers = rest;
        }
        f.write_str("{")?;
        for (i, matcher) in matchers.iter().enumerate() {
            let (op, value) = match matcher.op {
                MatcherOp::Equal => ("=", matcher.values.concat()),
                MatcherOp::NotEqual => ("!=", matcher.values.concat()),
                MatcherOp::OneOf => ("=~", pattern::regex(&matcher.values)),
                MatcherOp::NoneOf => ("!~", pattern::regex(&matcher.values)),
            };
            let separator = if i > 0 { "," } else { "" };
            write!(f, "{separator}{}{op}\"", matcher.name)?;
            escape(f, &value)?;
            f.write_str("\"")?;
        }
        f.write_str("}")
    }
}

fn is_metric_name(values: &[Box<str>]) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    // A name that is also a keyword or number cannot be told from it without braces.
    let reserved = |name: &str| {
        promql_parser::parser::parse(name)
            .map_or(true, |e| !matches!(e, promql_parser::parser::Expr::VectorSelector(_)))
    };
    values.len() == 1 && values[0].chars().all(plain) && !reserved(&values[0])
}

fn escape(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    for c in value.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            c => write!(f, "{c}")?,
        }
    }
    Ok(())
}

fn number(f: &mut fmt::Formatter<'_>, value: f64) -> fmt::Result {
    let size = value.abs();
    if value.is_nan() {
        f.write_str("NaN")
    } else if value.is_infinite() {
        f.write_str(if value > 0.0 { "Inf" } else { "-Inf" })
    } else if size != 0.0 && !(1e-5..1e15).contains(&size) {
        write!(f, "{value:e}")
    } else {
        write!(f, "{value}")
    }
}

/// A duration as PromQL writes it, such as `1h30m`.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut millis = self.0.as_millis();
        for (unit, size) in
            [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)]
        {
            if millis >= size {
                write!(f, "{}{unit}", millis / size)?;
                millis %= size;
            }
        }
        Ok(())
    }
}
