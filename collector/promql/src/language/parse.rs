//! Text to syntax tree. The grammar is `promql-parser`'s; what it accepts beyond the subset is refused here by name.

use super::expr::{Binary, Cardinality, Expr, LabelScope, Matching, Selector};
use super::operators::{Aggregation, BinaryOp, Function, RangeFunction};
use super::pattern;
use crate::error::QueryError;
use collector_domain::{Matcher, MatcherOp};
use promql_parser::label::MatchOp;
use promql_parser::parser::{self as foreign, LabelModifier, VectorMatchCardinality};
use shared_model::NAME;

/// Bytes of an expression: the longest of the standards pack has some 600.
const MAX_TEXT_BYTES: usize = 4_096;
/// Operators in an expression, those of matchers included. With the limits beside it this bounds the recursion of every walk over the tree.
const MAX_OPERATORS: usize = 256;
/// Open brackets of any kind at one place.
const MAX_BRACKETS: usize = 64;

/// Parses an expression of the subset.
///
/// # Errors
/// Text that is not PromQL, is too long or too deep, or uses PromQL outside the subset; the error names the part.
pub fn parse(text: &str) -> Result<Expr, QueryError> {
    check_size(text)?;
    let tree = foreign::parse(text).map_err(QueryError::Syntax)?;
    let convert = Conversion { text };
    match strip(&tree) {
        foreign::Expr::MatrixSelector(matrix) => {
            let selector = convert.selector(&matrix.vs)?;
            Ok(Expr::Range(selector, convert.range(matrix)?))
        }
        tree => convert.expr(tree),
    }
}

/// Bounds the depth of the tree before it is built.
fn check_size(text: &str) -> Result<(), QueryError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(QueryError::TooLong { bytes: text.len(), max: MAX_TEXT_BYTES });
    }
    let (mut brackets, mut operators) = (0_usize, 0_usize);
    let mut quote = None;
    let mut word = String::new();
    let mut chars = text.chars().chain([' ']);
    while let Some(c) = chars.next() {
        if quote.is_none() && (c.is_ascii_alphanumeric() || matches!(c, '_' | ':')) {
            word.push(c.to_ascii_lowercase());
            continue;
        }
        operators += usize::from(matches!(word.as_str(), "and" | "or" | "unless"));
        word.clear();
        match (quote, c) {
            (Some('"' | '\''), '\\') => {
                chars.next();
            }
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(' | '[' | '{') => brackets += 1,
            (None, ')' | ']' | '}') => brackets = brackets.saturating_sub(1),
            (None, '+' | '-' | '*' | '/' | '%' | '^' | '<' | '>' | '=' | '!' | '@') => {
                operators += 1;
            }
            _ => {}
        }
        let too_deep = |what, max| Err(QueryError::TooDeep { what, max });
        if brackets > MAX_BRACKETS {
            return too_deep("brackets within each other", MAX_BRACKETS);
        }
        if operators > MAX_OPERATORS {
            return too_deep("operators", MAX_OPERATORS);
        }
    }
    Ok(())
}

fn strip(mut tree: &foreign::Expr) -> &foreign::Expr {
    while let foreign::Expr::Paren(inner) = tree {
        tree = &inner.expr;
    }
    tree
}

struct Conversion<'a> {
    text: &'a str,
}

impl Conversion<'_> {
    fn expr(&self, tree: &foreign::Expr) -> Result<Expr, QueryError> {
        match strip(tree) {
            foreign::Expr::NumberLiteral(number) => Ok(Expr::Number(number.val)),
            foreign::Expr::VectorSelector(selector) => Ok(Expr::Selector(self.selector(selector)?)),
            foreign::Expr::Call(call) => self.call(call),
            foreign::Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            foreign::Expr::Binary(binary) => self.binary(binary),
            foreign::Expr::Unary(unary) => Ok(match self.expr(&unary.expr)? {
                Expr::Number(value) => Expr::Number(-value),
                arg => Expr::Negate(Box::new(arg)),
            }),
            foreign::Expr::Subquery(_) => Err(self.refused(
                "[",
                "subqueries are not part of the subset, ranges are taken of selectors only",
            )),
            foreign::Expr::MatrixSelector(_) => Err(self.refused(
                "[",
                "a range selector stands alone or as the argument of a range function",
            )),
            foreign::Expr::StringLiteral(string) => {
                Err(self.refused(&string.val, "a text is not a value"))
            }
            other @ (foreign::Expr::Paren(_) | foreign::Expr::Extension(_)) => {
                Err(self.refused(&other.to_string(), "write plain PromQL"))
            }
        }
    }

    fn refused(&self, construct: &str, allowed: &'static str) -> QueryError {
        let place = match self.text.find(construct) {
            Some(at) => format!(" at character {}", self.text[..at].chars().count() + 1),
            None => String::new(),
        };
        QueryError::Unsupported { construct: construct.to_owned(), place, allowed }
    }

    fn selector(&self, selector: &foreign::VectorSelector) -> Result<Selector, QueryError> {
        if selector.offset.is_some() {
            return Err(self.refused("offset", "selectors speak of the evaluated instant"));
        }
        if selector.at.is_some() {
            return Err(self.refused("@", "selectors speak of the evaluated instant"));
        }
        if !selector.matchers.or_matchers.is_empty() {
            return Err(self.refused("or", "matchers are separated by commas, all must hold"));
        }
        let mut matchers = Vec::new();
        if let Some(name) = &selector.name {
            matchers.push(Matcher {
                name: NAME.into(),
                op: MatcherOp::Equal,
                values: vec![name.as_str().into()],
            });
        }
        for matcher in &selector.matchers.matchers {
            let name = self.label(&matcher.name)?;
            let plain = |op| {
                vec![Matcher {
                    name: name.clone(),
                    op,
                    values: vec![matcher.value.as_str().into()],
                }]
            };
            let pattern = |negated| {
                pattern::matchers(&name, &matcher.value, negated)
                    .ok_or_else(|| self.refused(&matcher.value, pattern::ALLOWED))
            };
            matchers.extend(match matcher.op {
                MatchOp::Equal => plain(MatcherOp::Equal),
                MatchOp::NotEqual => plain(MatcherOp::NotEqual),
                MatchOp::Re(_) => pattern(false)?,
                MatchOp::NotRe(_) => pattern(true)?,
            });
        }
        Ok(Selector { matchers })
    }

    fn range(&self, matrix: &foreign::MatrixSelector) -> Result<std::time::Duration, QueryError> {
        let millis = u64::try_from(matrix.range.as_millis()).unwrap_or(u64::MAX);
        // Ten years: beyond any retention, and far inside the range of an instant.
        if millis == 0 || millis > 315_360_000_000 {
            return Err(self.refused("[", "a range is 1 ms to 10 years"));
        }
        Ok(std::time::Duration::from_millis(millis))
    }

    fn label(&self, name: &str) -> Result<Box<str>, QueryError> {
        let mut chars = name.chars();
        let starts = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if starts && chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            Ok(name.into())
        } else {
            Err(self.refused(name, "a label name has ASCII letters, digits and underscores"))
        }
    }

    fn labels(&self, names: &[String]) -> Result<Vec<Box<str>>, QueryError> {
        names.iter().map(|name| self.label(name)).collect()
    }

    fn scope(&self, modifier: Option<&LabelModifier>) -> Result<Option<LabelScope>, QueryError> {
        Ok(match modifier {
            None => None,
            Some(LabelModifier::Include(names)) => {
                Some(LabelScope::Only(self.labels(&names.labels)?))
            }
            Some(LabelModifier::Exclude(names)) => {
                Some(LabelScope::Except(self.labels(&names.labels)?))
            }
        })
    }

    fn call(&self, call: &foreign::Call) -> Result<Expr, QueryError> {
        let name = call.func.name;
        let args = &call.args.args;
        if let Some(function) = RangeFunction::from_name(name) {
            let Some(foreign::Expr::MatrixSelector(matrix)) = args.first().map(|arg| strip(arg))
            else {
                return Err(
                    self.refused(name, "its argument is a selector with a range, such as a[5m]")
                );
            };
            return Ok(Expr::Windowed {
                function,
                selector: self.selector(&matrix.vs)?,
                range: self.range(matrix)?,
            });
        }
        let converted = || args.iter().map(|arg| self.expr(arg)).collect::<Result<Vec<_>, _>>();
        match (name, Function::from_name(name)) {
            ("time", _) => Ok(Expr::Time),
            ("absent", _) => {
                let arg = converted()?.into_iter().next();
                let arg = arg.ok_or_else(|| self.refused(name, "it has one argument"))?;
                Ok(Expr::Absent(Box::new(arg)))
            }
            (_, Some(function)) => Ok(Expr::Call(function, converted()?)),
            _ => Err(self.refused(
                name,
                "functions are rate, increase, delta, irate, idelta, changes, resets, \
                 avg/min/max/sum/count/last_over_time, abs, ceil, floor, round, clamp_min, clamp_max, \
                 time, timestamp and, outside rules, absent",
            )),
        }
    }

    fn aggregate(&self, aggregate: &foreign::AggregateExpr) -> Result<Expr, QueryError> {
        let name = aggregate.op.to_string();
        let op = Aggregation::from_name(&name).filter(|_| aggregate.param.is_none());
        let Some(op) = op else {
            return Err(self.refused(&name, "aggregations are sum, avg, min, max and count"));
        };
        let scope = self.scope(aggregate.modifier.as_ref())?;
        Ok(Expr::Aggregate {
            op,
            grouping: scope.unwrap_or(LabelScope::Only(Vec::new())),
            arg: Box::new(self.expr(&aggregate.expr)?),
        })
    }

    fn binary(&self, binary: &foreign::BinaryExpr) -> Result<Expr, QueryError> {
        let name = binary.op.to_string();
        let op = BinaryOp::from_name(&name).ok_or_else(|| {
            self.refused(&name, "operators are + - * / % ^, comparisons, and, or, unless")
        })?;
        let mut matching = Matching::plain();
        let mut returns_bool = false;
        if let Some(modifier) = &binary.modifier {
            if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
                return Err(self.refused("fill", "series without a partner are left out"));
            }
            returns_bool = modifier.return_bool;
            if let Some(scope) = self.scope(modifier.matching.as_ref())? {
                matching.scope = scope;
            }
            matching.cardinality = match &modifier.card {
                VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => {
                    Cardinality::OneToOne
                }
                VectorMatchCardinality::ManyToOne(taken) => {
                    Cardinality::GroupLeft(self.labels(&taken.labels)?)
                }
                VectorMatchCardinality::OneToMany(taken) => {
                    Cardinality::GroupRight(self.labels(&taken.labels)?)
                }
            };
        }
        let (lhs, rhs) = (self.expr(&binary.lhs)?, self.expr(&binary.rhs)?);
        if lhs.is_scalar() || rhs.is_scalar() {
            if matching != Matching::plain() || matches!(op, BinaryOp::Set(_)) {
                return Err(self.refused(&name, "series are matched between two vectors only"));
            }
            if lhs.is_scalar()
                && rhs.is_scalar()
                && matches!(op, BinaryOp::Comparison(_))
                && !returns_bool
            {
                return Err(self.refused(&name, "a comparison of two numbers needs `bool`"));
            }
        }
        Ok(Expr::Binary(Box::new(Binary { op, lhs, rhs, returns_bool, matching })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every construct of the subset, with and without parentheses. Guarantees: the printed form is the expected
    /// PromQL, and parsing it again gives the same tree.
    #[test]
    fn printed_expressions_parse_to_the_same_tree() {
        for (text, printed) in [
            ("a", "a"),
            (r#"{__name__="a",x!="1"}"#, r#"a{x!="1"}"#),
            (r#"{x=~"a|sd.*",y!~"b\\.c"}"#, r#"{x=~"a|sd.*",y!~"b\\.c"}"#),
            (r#"a{x=~"sd.+"}"#, r#"a{x=~"sd.*",x!="sd"}"#),
            (r#"a{x="q\"\\\n"}"#, r#"a{x="q\"\\\n"}"#),
            (r#"{__name__="inf"}"#, r#"{__name__="inf"}"#),
            ("a[90m]", "a[1h30m]"),
            ("rate( a{b='c'} [1500ms])", r#"rate(a{b="c"}[1s500ms])"#),
            ("(a + b) * c - d", "(a + b) * c - d"),
            ("a - (b - c)", "a - (b - c)"),
            ("(a ^ b) ^ c ^ d", "(a ^ b) ^ c ^ d"),
            ("-a ^ 2", "-(a ^ 2)"),
            ("(-1) ^ 2 + -3", "(-1) ^ 2 + (-3)"),
            ("-(1)", "-1"),
            ("2 ^ -1e300", "2 ^ (-1e300)"),
            ("sum(a)", "sum(a)"),
            ("sum(a) by (x, y)", "sum by (x, y) (a)"),
            ("count without () (a)", "count without () (a)"),
            ("a > bool 1", "a > bool 1"),
            ("a == on (x) group_left (y) b", "a == on (x) group_left (y) b"),
            ("a / ignoring (x) group_right b", "a / ignoring (x) group_right () b"),
            ("a or b and c unless d", "a or b and c unless d"),
            ("(a or b) and on () c", "(a or b) and on () c"),
            ("clamp_min(abs(a), -1)", "clamp_min(abs(a), -1)"),
            ("round(a, 0.5) + time()", "round(a, 0.5) + time()"),
            ("timestamp(a) - absent(b)", "timestamp(a) - absent(b)"),
            ("-abs(-a)", "-abs(-a)"),
            ("a * Inf", "a * Inf"),
        ] {
            let expr = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(expr.to_string(), printed);
            assert_eq!(parse(printed), Ok(expr), "{text}");
        }
    }

    /// Scenario: PromQL outside the subset. Guarantees: each is refused with the construct and its place.
    #[test]
    fn refusals_name_the_construct_and_its_place() {
        for (text, beginning) in [
            ("a offset 5m", "`offset` at character 3 is not supported"),
            ("rate(a[5m] offset 1m)", "`offset` at character 12"),
            ("a @ 100", "`@` at character 3"),
            (
                "histogram_quantile(0.9, a)",
                "`histogram_quantile` at character 1 is not supported: functions are",
            ),
            (r#"label_replace(a, "b", "c", "d", "e")"#, "`label_replace` at character 1"),
            ("topk(3, a)", "`topk` at character 1 is not supported: aggregations are"),
            ("quantile(0.5, a)", "`quantile`"),
            ("stddev(a)", "`stddev`"),
            ("max_over_time(rate(a[5m])[1h:1m])", "`max_over_time`"),
            (r#"a{x=~"(b|c)d"}"#, "`(b|c)d` at character 7 is not supported: a pattern is"),
            ("a atan2 b", "`atan2` at character 3 is not supported: operators are"),
            (r#""text""#, "`text` at character 2"),
            ("心", "not PromQL"),
            ("a[5m] + 1", "not PromQL: binary expression must contain only scalar"),
            ("1 > 2", "not PromQL: comparisons between scalars must use BOOL"),
            ("rate(a)", "not PromQL: expected type"),
            (r#"{x=~".*"}"#, "not PromQL: vector selector must contain"),
            ("a +", "not PromQL"),
            ("", "not PromQL"),
            ("a and 1", "not PromQL"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with(beginning), "{text}: {error}");
        }
    }

    /// Scenario: texts at and above each size limit. Guarantees: refused before the grammar sees them, without a stack overflow.
    #[test]
    fn size_is_limited() {
        let nested = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
        assert!(parse(&nested(MAX_BRACKETS)).is_ok());
        assert!(matches!(parse(&nested(MAX_BRACKETS + 1)), Err(QueryError::TooDeep { .. })));
        let chain = |n: usize| format!("a{}", "+a".repeat(n));
        assert!(parse(&chain(MAX_OPERATORS)).is_ok());
        assert!(matches!(parse(&chain(MAX_OPERATORS + 1)), Err(QueryError::TooDeep { .. })));
        let set_chain = |n: usize| format!("a{}", " OR a".repeat(n));
        assert!(parse(&set_chain(MAX_OPERATORS)).is_ok());
        assert!(matches!(parse(&set_chain(MAX_OPERATORS + 1)), Err(QueryError::TooDeep { .. })));
        let signs = format!("{}a", "-".repeat(MAX_OPERATORS));
        assert!(parse(&signs).is_ok());
        let long = " ".repeat(MAX_TEXT_BYTES);
        assert!(matches!(parse(&format!("a{long}")), Err(QueryError::TooLong { .. })));
        assert!(parse(&format!("a{{x=\"{}\"}}", "(+".repeat(300))).is_ok());
    }

    /// Scenario: a rule's ranges under time scales. Guarantees: divided, floored at 2 s, never lengthened.
    #[test]
    fn ranges_are_scaled() {
        for (scale, expected) in [
            (1, "rate(a[5m]) + avg_over_time(b[1s])"),
            (0, "rate(a[5m]) + avg_over_time(b[1s])"),
            (60, "rate(a[5s]) + avg_over_time(b[1s])"),
            (150, "rate(a[2s]) + avg_over_time(b[1s])"),
            (1000, "rate(a[2s]) + avg_over_time(b[1s])"),
        ] {
            let expr = parse("rate(a[5m]) + avg_over_time(b[1s])").expect("valid");
            assert_eq!(expr.scaled(scale).to_string(), expected);
        }
    }
}
