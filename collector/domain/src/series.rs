//! Series as the collector knows them.

use serde::{Deserialize, Serialize};
use shared_model::{Labels, Timestamp};

/// The collector's number for a series, dense from 0. Stable within one run of the collector only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeriesId(pub u32);

/// How a label is compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MatcherOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`: the whole value matches one of the alternatives in [`Matcher::values`].
    OneOf,
    /// `!~`: the whole value matches none of them.
    NoneOf,
}

/// One label matcher. A missing label counts as an empty value, as in PromQL.
///
/// Regular expressions are accepted only as alternations of literals (`a|b|c`) and prefixes (`sd.*`), held as
/// patterns here: a trailing `*` in a value stands for any rest.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Matcher {
    /// Label name; [`shared_model::NAME`] for the metric name.
    pub name: Box<str>,
    /// The comparison.
    pub op: MatcherOp,
    /// One value for `=` and `!=`, the alternatives for the others.
    pub values: Vec<Box<str>>,
}

impl Matcher {
    /// Whether `labels` satisfy this matcher.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name).unwrap_or("");
        let literal = || self.values.iter().any(|v| **v == *value);
        let pattern = || {
            self.values.iter().any(|v| match v.strip_suffix('*') {
                Some(prefix) => value.starts_with(prefix),
                None => **v == *value,
            })
        };
        match self.op {
            MatcherOp::Equal => literal(),
            MatcherOp::NotEqual => !literal(),
            MatcherOp::OneOf => pattern(),
            MatcherOp::NoneOf => !pattern(),
        }
    }
}

/// One series with the samples that were asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct SeriesData {
    /// Labels with the metric name.
    pub labels: Labels,
    /// Samples in ascending time, at most one per instant.
    pub samples: Vec<(Timestamp, f64)>,
}

/// Reads series. Implemented by `collector-store`; everything that answers questions takes one of these.
pub trait SeriesReader: Send + Sync {
    /// Series that satisfy all matchers, with their samples in `from..=to`. Series without a sample there are left out.
    fn select(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Vec<SeriesData>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: each comparison against a present and a missing label. Guarantees: a missing label is an empty value.
    #[test]
    fn matchers_follow_promql() {
        let labels = Labels::from_pairs([("device", "sda1")]);
        let check = |name: &str, op, values: &[&str]| {
            let values = values.iter().map(|v| (*v).into()).collect();
            Matcher { name: name.into(), op, values }.matches(&labels)
        };
        assert!(check("device", MatcherOp::Equal, &["sda1"]));
        assert!(check("device", MatcherOp::OneOf, &["nvme*", "sd*"]));
        assert!(!check("device", MatcherOp::NoneOf, &["sd*"]));
        assert!(check("mode", MatcherOp::Equal, &[""]));
        assert!(check("mode", MatcherOp::NotEqual, &["idle"]));
    }
}
