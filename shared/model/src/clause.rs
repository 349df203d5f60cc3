//! Clauses of the maintenance standard.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One clause or several of the standard, as printed: `3.1`, `2.2/3.1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Clause(Box<str>);

impl Clause {
    /// The text as printed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is not a clause number.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidClause(pub String);

impl fmt::Display for InvalidClause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not a clause: write for example 3.1 or 2.2/3.1", self.0)
    }
}

impl std::error::Error for InvalidClause {}

impl FromStr for Clause {
    type Err = InvalidClause;

    fn from_str(text: &str) -> Result<Self, InvalidClause> {
        let numbers = |part: &str| {
            !part.is_empty()
                && part.len() <= 8
                && part.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        };
        if text.len() <= 32 && text.split('/').all(numbers) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidClause(text.chars().take(32).collect()))
        }
    }
}

impl TryFrom<String> for Clause {
    type Error = InvalidClause;

    fn try_from(text: String) -> Result<Self, InvalidClause> {
        text.parse()
    }
}

impl From<Clause> for String {
    fn from(clause: Clause) -> Self {
        clause.0.into()
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: clause texts. Guarantees: only numbers with dots, joined by slashes, pass.
    #[test]
    fn only_clause_numbers_pass() {
        for (text, ok) in
            [("3.1", true), ("2.2/3.1", true), ("", false), ("3.", false), ("三", false)]
        {
            assert_eq!(text.parse::<Clause>().is_ok(), ok, "{text}");
        }
    }
}
