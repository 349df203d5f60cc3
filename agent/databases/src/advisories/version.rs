//! Versions as products write them: numbers with dots, and anything after them.

use serde::{Deserialize, Deserializer, de};
use std::cmp::Ordering;
use std::fmt;

/// The numbers of a version.
#[derive(Clone, Debug)]
pub(super) struct Version(Vec<u64>);

impl Version {
    /// The numbers that a text begins with; `None` when it begins with none.
    pub(super) fn of(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let digits = text.get(..end)?.trim_end_matches('.');
        let numbers: Result<Vec<u64>, _> = digits.split('.').map(str::parse).collect();
        numbers.ok().map(Self)
    }

    /// Whether it begins with the numbers of a branch.
    pub(super) fn is_of(&self, branch: &Self) -> bool {
        self.0.starts_with(&branch.0)
    }

    /// How many numbers it has.
    pub(super) fn depth(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u64::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

/// By number; one that is left out counts as 0.
impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let number = |version: &Self, at: usize| version.0.get(at).copied().unwrap_or(0);
        let places = 0..self.depth().max(other.depth());
        places.fold(Ordering::Equal, |order, at| {
            order.then_with(|| number(self, at).cmp(&number(other, at)))
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || de::Error::custom(format!("'{text}' is not a version such as 15.14"));
        Self::of(&text).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: versions of every product, of unlike length, and texts that are none. Guarantees: numbers are compared as numbers, what
    /// follows them does not count, no number is no version.
    #[test]
    fn versions_are_compared() {
        let of = |text| Version::of(text).unwrap();
        assert!(of("15.9") < of("15.10") && of("9.6.24") < of("10.1"));
        assert!(of("15.0") == of("15") && of("8.0.36-0ubuntu0.22.04.1") == of("8.0.36"));
        assert!(of("15.0.4261.1") < of("15.0.4316.3"));
        assert!(of("10.11.14-MariaDB").is_of(&of("10.11")) && !of("10.1.2").is_of(&of("10.11")));
        for text in ["", "v8", ".", "99999999999999999999"] {
            assert!(Version::of(text).is_none(), "{text}");
        }
    }
}
