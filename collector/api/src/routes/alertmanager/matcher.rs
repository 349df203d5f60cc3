//! Matchers as amtool and Grafana write them: `name="value"`, with `=`, `!=`, `=~` and `!~`. Expressions are alternatives of literals.

use crate::problem::{Code, Problem};
use std::collections::BTreeMap;

/// One condition on an alert's labels. A missing label is an empty value.
pub(super) struct Matcher {
    name: String,
    values: Vec<String>,
    wanted: bool,
}

impl Matcher {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let invalid =
            |what: &str| Problem::new(Code::InvalidQuery, format!("filter '{text}' {what}"));
        let at = text.find(['=', '!']).ok_or_else(|| invalid("has no =, !=, =~ or !~"))?;
        let (name, rest) = text.split_at(at);
        let (operator, value) = ["!~", "!=", "=~", "="]
            .into_iter()
            .find_map(|operator| Some((operator, rest.strip_prefix(operator)?)))
            .ok_or_else(|| invalid("has no =, !=, =~ or !~"))?;
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
        let is_expression = operator.ends_with('~');
        if is_expression && value.contains(['*', '+', '?', '(', '[', '{', '^', '$', '\\', '.']) {
            return Err(invalid("is more than alternatives of literals, such as a|b"));
        }
        let values = match is_expression {
            true => value.split('|').map(str::to_owned).collect(),
            false => vec![value.to_owned()],
        };
        Ok(Self { name: name.trim().to_owned(), values, wanted: !operator.starts_with('!') })
    }

    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.name).map_or("", String::as_str);
        self.values.iter().any(|v| v == value) == self.wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every operator over a present and a missing label, and what is none. Guarantees: Alertmanager's meaning.
    #[test]
    fn matchers_mean_what_alertmanagers_do() {
        let labels = BTreeMap::from([("host".to_owned(), "db1".to_owned())]);
        for (text, matches) in [
            ("host=\"db1\"", true),
            ("host=db1", true),
            ("host=\"db2\"", false),
            ("host!=\"db2\"", true),
            ("host=~\"db1|db2\"", true),
            ("host!~\"db1|db2\"", false),
            ("job=\"\"", true),
            ("job!=\"\"", false),
        ] {
            assert_eq!(Matcher::parse(text).unwrap().matches(&labels), matches, "{text}");
        }
        for text in ["host", "host~x", "host=~\"db.*\""] {
            assert!(Matcher::parse(text).is_err(), "{text}");
        }
    }
}
