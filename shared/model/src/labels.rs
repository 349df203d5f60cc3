//! Label sets.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The label that holds a series' metric name.
pub const NAME: &str = "__name__";

/// A label set: sorted by name, names unique, no empty value. Cloning is cheap.
///
/// On the collector a series is identified by its labels with [`NAME`] among them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(Box<str>, Box<str>)>", into = "Vec<(Box<str>, Box<str>)>")]
pub struct Labels(Arc<[(Box<str>, Box<str>)]>);

impl Labels {
    /// From pairs in any order; of equal names the last wins, and empty values are dropped as Prometheus does.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let pairs = pairs.into_iter().map(|(n, v)| (n.as_ref().into(), v.as_ref().into()));
        Self::from(pairs.collect::<Vec<(Box<str>, Box<str>)>>())
    }

    /// The value of `name`, if the label is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(n, _)| (**n).cmp(name)).ok()?;
        self.0.get(at).map(|(_, v)| &**v)
    }

    /// The metric name, empty when there is none.
    pub fn name(&self) -> &str {
        self.get(NAME).unwrap_or("")
    }

    /// All pairs in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (&**n, &**v))
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These labels with one more or replaced; an empty value removes it.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        Self::from_pairs(self.iter().filter(|(n, _)| *n != name).chain([(name, value)]))
    }

    /// Only the labels that `keep` names.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self::from_pairs(self.iter().filter(|(n, _)| keep(n)))
    }
}

impl From<Vec<(Box<str>, Box<str>)>> for Labels {
    fn from(mut pairs: Vec<(Box<str>, Box<str>)>) -> Self {
        // A stable sort keeps the order of equal names, so the last of them is kept below.
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        let mut unique: Vec<(Box<str>, Box<str>)> = Vec::with_capacity(pairs.len());
        for pair in pairs {
            match unique.last_mut() {
                Some(last) if last.0 == pair.0 => *last = pair,
                _ => unique.push(pair),
            }
        }
        unique.retain(|(_, v)| !v.is_empty());
        Self(unique.into())
    }
}

impl From<Labels> for Vec<(Box<str>, Box<str>)> {
    fn from(labels: Labels) -> Self {
        labels.0.to_vec()
    }
}

/// As Prometheus prints a series: `up{host="db1"}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let mut separator = "{";
        for (name, value) in self.iter().filter(|(n, _)| *n != NAME) {
            write!(f, "{separator}{name}=\"")?;
            for c in value.chars() {
                match c {
                    '"' => f.write_str("\\\"")?,
                    '\\' => f.write_str("\\\\")?,
                    '\n' => f.write_str("\\n")?,
                    c => write!(f, "{c}")?,
                }
            }
            f.write_str("\"")?;
            separator = ",";
        }
        match (separator, self.name().is_empty()) {
            (",", _) => f.write_str("}"),
            (_, true) => f.write_str("{}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: pairs unsorted, doubled and empty. Guarantees: sorted, last wins, empty ones gone.
    #[test]
    fn pairs_are_normalised() {
        let labels = Labels::from_pairs([("b", "1"), ("a", ""), ("b", "2"), (NAME, "up")]);
        assert_eq!(labels.to_string(), "up{b=\"2\"}");
        assert_eq!((labels.get("b"), labels.get("a")), (Some("2"), None));
    }

    /// Scenario: values with quotes, backslashes and line feeds. Guarantees: escaped as the exposition format asks.
    #[test]
    fn values_are_escaped() {
        assert_eq!(Labels::from_pairs([("a", "x\"\\\n")]).to_string(), "{a=\"x\\\"\\\\\\n\"}");
        assert_eq!(Labels::default().to_string(), "{}");
    }
}
