//! The pack: all rules of the standard, read from YAML, checked together, in order of id.

mod check;
mod file;
mod limit;
mod span;

pub use check::{Wrong, WrongPack};
pub use file::NoData;
pub use limit::{InvalidLimit, Limit};
pub use span::InvalidSpan;

pub(crate) use span::parse_span;

use collector_domain::{Contract, Rule};
use collector_promql::{Expr, QueryError};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The standard's own files, one per section. Adding a section is one line here.
const HIS: &[PackFile<'static>] = &[
    PackFile { name: "his/2.1-fabric.yaml", text: include_str!("../packs/his/2.1-fabric.yaml") },
    PackFile {
        name: "his/2.1-distributed-storage.yaml",
        text: include_str!("../packs/his/2.1-distributed-storage.yaml"),
    },
    PackFile { name: "his/2.1-peers.yaml", text: include_str!("../packs/his/2.1-peers.yaml") },
    PackFile { name: "his/2.1-scope.yaml", text: include_str!("../packs/his/2.1-scope.yaml") },
    PackFile { name: "his/2.1-server.yaml", text: include_str!("../packs/his/2.1-server.yaml") },
    PackFile { name: "his/2.1-disks.yaml", text: include_str!("../packs/his/2.1-disks.yaml") },
    PackFile {
        name: "his/2.2-response.yaml",
        text: include_str!("../packs/his/2.2-response.yaml"),
    },
    PackFile {
        name: "his/3.1-daily-inspection.yaml",
        text: include_str!("../packs/his/3.1-daily-inspection.yaml"),
    },
    PackFile { name: "his/3.1-storage.yaml", text: include_str!("../packs/his/3.1-storage.yaml") },
    PackFile {
        name: "his/3.3-performance.yaml",
        text: include_str!("../packs/his/3.3-performance.yaml"),
    },
    PackFile {
        name: "his/3.1-databases.yaml",
        text: include_str!("../packs/his/3.1-databases.yaml"),
    },
    PackFile {
        name: "his/3.3-databases.yaml",
        text: include_str!("../packs/his/3.3-databases.yaml"),
    },
    PackFile {
        name: "his/3.5-security.yaml",
        text: include_str!("../packs/his/3.5-security.yaml"),
    },
];

/// `value:` of the rule that judges silence of hosts: no PromQL can see what was never sent.
pub(crate) const NODE_SILENCE: &str = "builtin:node_silence";

/// Placeholder in `value:` for [`Contract::standby_lag_max`] in seconds.
pub(crate) const STANDBY_LAG: &str = "$standby_lag_max_seconds";

/// A file of rules, already read.
#[derive(Clone, Copy, Debug)]
pub struct PackFile<'a> {
    /// Name for messages; part of the digest.
    pub name: &'a str,
    /// YAML.
    pub text: &'a str,
}

/// The rules in force.
#[derive(Debug)]
pub struct Pack {
    rules: Vec<Rule>,
    standards: Vec<Standard>,
    digest: String,
}

/// How a rule computes and judges its value: the other half of [`Rule`].
#[derive(Clone, PartialEq, Debug)]
pub struct Standard {
    /// Unit of the value, for people: `ratio`, `seconds`, `ports`.
    pub unit: String,
    /// What is judged, as written.
    pub value: String,
    /// The contract limit: a value that satisfies it is bad.
    pub breach: Limit,
    /// The margin: a value that satisfies it ends a breach. Never overlaps `breach`.
    pub clear: Limit,
    /// `for`: covered time that makes a breach, before the contract's time scale.
    pub sustained: Duration,
    /// Consecutive bad samples that make a breach, at least 1, never scaled.
    pub min_samples: u32,
    /// What happens without data.
    pub no_data: NoData,
}

/// What computes a rule's value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    /// An expression, not scaled yet.
    Expression(Expr),
    /// Silence of hosts.
    NodeSilence,
}

impl Pack {
    /// The pack of the maintenance standard, which is part of the program.
    ///
    /// # Errors
    /// Only when the program was built with a wrong pack; a test holds that it is right.
    pub fn builtin() -> Result<Self, WrongPack> {
        Self::from_files(HIS)
    }

    /// Reads and checks files of rules.
    ///
    /// # Errors
    /// Everything that is wrong in any of them, each with its file and rule.
    pub fn from_files(files: &[PackFile<'_>]) -> Result<Self, WrongPack> {
        let mut digest = Sha256::new();
        for file in files {
            for part in [file.name, file.text] {
                digest.update((part.len() as u64).to_be_bytes());
                digest.update(part.as_bytes());
            }
        }
        let mut checked = check::check(files)?;
        checked.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
        let (rules, standards) = checked.into_iter().unzip();
        Ok(Self { rules, standards, digest: data_encoding::HEXLOWER.encode(&digest.finalize()) })
    }

    /// All rules in order of id.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// How the rules judge, in the order of [`Self::rules`].
    pub fn standards(&self) -> &[Standard] {
        &self.standards
    }

    /// The rule `id`.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.get(self.position(id)?)
    }

    /// Where `id` stands in [`Self::rules`].
    pub(crate) fn position(&self, id: &str) -> Option<usize> {
        self.rules.binary_search_by(|rule| (*rule.id).cmp(id)).ok()
    }

    /// SHA-256 over names and texts of all files, in lower-case hexadecimal: which rules decided.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// Compiles a rule's `value` under a contract, which fills in its limits.
pub(crate) fn compile(value: &str, contract: &Contract) -> Result<Value, QueryError> {
    if value == NODE_SILENCE {
        return Ok(Value::NodeSilence);
    }
    let lag = contract.standby_lag_max.as_secs_f64().to_string();
    collector_promql::parse(&value.replace(STANDBY_LAG, &lag)).map(Value::Expression)
}

#[cfg(test)]
mod tests;
