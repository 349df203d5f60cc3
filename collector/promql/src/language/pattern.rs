//! Regular expressions of matchers: alternations of literals and prefixes, nothing else.
//!
//! They are held as [`Matcher`]s whose values are literals or, with a trailing `*`, prefixes. A prefix that must be followed by
//! something (`a.+`) becomes the prefix and an exclusion of the bare `a`.

use collector_domain::{Matcher, MatcherOp};
use std::fmt::Write;

/// What the subset allows.
pub(super) const ALLOWED: &str = "a pattern is an alternation of literals, each with an optional `.*` or `.+` at its end, \
     such as `a|b|sd.*` (no groups, classes or repetitions; escape other signs with `\\`)";

const META: &str = r"\.+*?()[]{}|^$";

#[derive(Clone, Copy, PartialEq)]
enum Rest {
    Nothing,
    Anything,
    Something,
}

/// The matchers that mean `name =~ pattern` (or `!~` when `negated`); none when the pattern is outside the subset.
pub(super) fn matchers(name: &str, pattern: &str, negated: bool) -> Option<Vec<Matcher>> {
    let alternatives = alternatives(pattern)?;
    let op = if negated { MatcherOp::NoneOf } else { MatcherOp::OneOf };
    let matcher = |op, values: Vec<Box<str>>| Matcher { name: name.into(), op, values };
    // `.+` alone says that the value is not empty.
    if let [(literal, Rest::Something)] = alternatives.as_slice()
        && literal.is_empty()
    {
        let op = if negated { MatcherOp::Equal } else { MatcherOp::NotEqual };
        return Some(vec![matcher(op, vec!["".into()])]);
    }
    let has_something = alternatives.iter().any(|(_, rest)| *rest == Rest::Something);
    if negated && has_something {
        return None;
    }
    let values = alternatives.iter().map(|(literal, rest)| match rest {
        Rest::Nothing => literal.as_str().into(),
        Rest::Anything | Rest::Something => format!("{literal}*").into(),
    });
    let mut result = vec![matcher(op, values.collect())];
    for (literal, _) in alternatives.iter().filter(|(_, r)| *r == Rest::Something) {
        let accepted_otherwise = alternatives.iter().any(|(other, rest)| match rest {
            Rest::Nothing => other == literal,
            Rest::Anything => literal.starts_with(other.as_str()),
            Rest::Something => literal.starts_with(other.as_str()) && literal != other,
        });
        let exclusion = matcher(MatcherOp::NotEqual, vec![literal.as_str().into()]);
        if !accepted_otherwise && !result.contains(&exclusion) {
            result.push(exclusion);
        }
    }
    Some(result)
}

/// The regular expression of a matcher's values.
pub(super) fn regex(values: &[Box<str>]) -> String {
    let mut text = String::new();
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            text.push('|');
        }
        let (literal, rest) = match value.strip_suffix('*') {
            Some(prefix) => (prefix, ".*"),
            None => (&**value, ""),
        };
        for c in literal.chars() {
            if META.contains(c) {
                text.push('\\');
            }
            text.push(c);
        }
        write!(text, "{rest}").expect("writing to a String does not fail");
    }
    text
}

fn alternatives(pattern: &str) -> Option<Vec<(String, Rest)>> {
    let mut all = Vec::new();
    let mut literal = String::new();
    let mut rest = Rest::Nothing;
    let mut chars = pattern.chars();
    loop {
        match (chars.next(), rest) {
            (end @ (None | Some('|')), _) => {
                // A literal that ends in `*` would read as a prefix in a `Matcher`.
                if rest == Rest::Nothing && literal.ends_with('*') {
                    return None;
                }
                all.push((std::mem::take(&mut literal), rest));
                rest = Rest::Nothing;
                if end.is_none() {
                    return Some(all);
                }
            }
            (Some('.'), Rest::Nothing) => match chars.next() {
                Some('*') => rest = Rest::Anything,
                Some('+') => rest = Rest::Something,
                _ => return None,
            },
            (Some('\\'), Rest::Nothing) => {
                literal.push(chars.next().filter(char::is_ascii_punctuation)?);
            }
            (Some(c), Rest::Nothing) if !META.contains(c) => literal.push(c),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(pattern: &str, negated: bool, value: &str) -> Option<bool> {
        let labels = shared_model::Labels::from_pairs([("l", value)]);
        let matchers = matchers("l", pattern, negated)?;
        Some(matchers.iter().all(|m| m.matches(&labels)))
    }

    /// Scenario: patterns of the subset against values. Guarantees: they accept what the regular expression accepts, also
    /// where `.+` meets an alternative that takes the bare literal back in.
    #[test]
    fn patterns_mean_what_the_regex_means() {
        for (pattern, yes, no) in [
            ("a|b", "a b", "ab c"),
            ("sd.*|nvme.*", "sd sda nvme0n1", "xsd nvm"),
            ("sd.+", "sda", "sd x"),
            ("sd.+|sd", "sda sd", "x"),
            ("sd.+|s.+", "sda sd sx", "s x"),
            ("sd.+|s.*", "s sd", "x"),
            (".+", "x", ""),
            (r"10\.0\.0\.1", "10.0.0.1", "10x0.0.1"),
            (r"a\|b", "a|b", "a b"),
            ("心.*", "心跳", "跳心"),
        ] {
            for value in yes.split(' ') {
                assert_eq!(accepts(pattern, false, value), Some(true), "{pattern} {value}");
            }
            for value in no.split(' ') {
                assert_eq!(accepts(pattern, false, value), Some(false), "{pattern} {value}");
            }
        }
        assert_eq!(accepts("a|", false, ""), Some(true));
        assert_eq!(accepts("a|b.*", true, "bc"), Some(false));
        assert_eq!(accepts("a|b.*", true, "c"), Some(true));
        assert_eq!(accepts(".+", true, "x"), Some(false));
    }

    /// Scenario: regular expressions outside the subset. Guarantees: refused, never read as something else.
    #[test]
    fn other_patterns_are_refused() {
        for pattern in [
            "a.b", "(a|b)", "a+", "a?", "[ab]", "a{2}", "^a", "a$", ".*a", "a.*b", r"a\d", r"\*",
            "a.", r"a\",
        ] {
            assert_eq!(matchers("l", pattern, false), None, "{pattern}");
        }
        assert_eq!(matchers("l", "a.+", true), None);
    }
}
