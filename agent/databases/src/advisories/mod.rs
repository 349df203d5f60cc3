//! Versions against an offline list of advisories (clause 3.5 排查漏洞、安装补丁). The list is a file that somebody brings; nothing is
//! fetched, and an old list never says "patched".

mod probe;
mod version;

pub use probe::Advised;
use serde::{Deserialize, Deserializer, de};
use shared_model::Timestamp;
use std::path::{Path, PathBuf};
use version::Version;

/// A list that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AdvisoriesError {
    /// It cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// It is not such a list.
    #[error("{} is not a list of advisories: see docs/advisories.md", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Where and what.
        #[source]
        source: serde_json::Error,
    },
}

/// The list, as `docs/advisories.md` has it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisories {
    /// The day on which it was put together.
    #[serde(deserialize_with = "day")]
    issued: Timestamp,
    /// Lines of releases that get fixes of their own.
    branches: Vec<Branch>,
}

/// A line of releases.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Branch {
    product: Product,
    /// What its versions begin with: `15`, `10.11`.
    branch: Version,
    /// Its newest release.
    latest: Version,
    /// The day on which its support ends.
    #[serde(default, deserialize_with = "optional_day")]
    ends: Option<Timestamp>,
    #[serde(default)]
    fixes: Vec<Fix>,
}

/// A release that closes holes.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fix {
    id: String,
    severity: Severity,
    /// The first release of the branch without the hole.
    fixed_in: Version,
}

/// What a version belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Product {
    PostgreSql,
    MariaDb,
    MySql,
    Oracle,
    SqlServer,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Critical,
    High,
    Medium,
    Low,
}

impl Severity {
    const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// What the list says of a version.
#[derive(PartialEq, Debug)]
struct Verdict<'a> {
    branch: &'a Branch,
    open: Vec<&'a Fix>,
    is_behind: bool,
    has_ended: bool,
}

impl Advisories {
    /// Reads a list.
    pub fn load(path: &Path) -> Result<Self, AdvisoriesError> {
        let path = || path.to_owned();
        let bytes = std::fs::read(path())
            .map_err(|source| AdvisoriesError::Read { path: path(), source })?;
        serde_json::from_slice(&bytes)
            .map_err(|source| AdvisoriesError::Format { path: path(), source })
    }

    /// What it says of a version at `now`; `None` when it does not know its branch.
    fn judge(&self, product: Product, version: &Version, now: Timestamp) -> Option<Verdict<'_>> {
        let fits = |b: &&Branch| b.product == product && version.is_of(&b.branch);
        let branch = self.branches.iter().filter(fits).max_by_key(|b| b.branch.depth())?;
        Some(Verdict {
            branch,
            open: branch.fixes.iter().filter(|fix| *version < fix.fixed_in).collect(),
            is_behind: *version < branch.latest,
            has_ended: branch.ends.is_some_and(|ends| now >= ends),
        })
    }
}

fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |_| de::Error::custom(format!("'{text}' is not a day such as 2026-11-23"));
    format!("{text}T00:00:00Z").parse().map_err(wrong)
}

fn optional_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    day(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../../docs/advisories.md");

    fn at(day: &str) -> Timestamp {
        format!("{day}T00:00:00Z").parse().unwrap()
    }

    /// Scenario: versions just before, at and after a fix and the latest release, the day before support ends and that day, branches
    /// within each other, products and branches that the list does not know. Guarantees: each verdict is exact, and there is none
    /// about what is not known.
    #[test]
    fn versions_are_judged() {
        let list: Advisories = serde_json::from_str(
            r#"{"issued": "2026-11-01", "branches": [
                {"product": "postgresql", "branch": "15", "latest": "15.15", "ends": "2027-11-11",
                 "fixes": [{"id": "CVE-1", "severity": "high", "fixed_in": "15.14"}]},
                {"product": "mariadb", "branch": "10", "latest": "10.9"},
                {"product": "mariadb", "branch": "10.11", "latest": "10.11.15"}]}"#,
        )
        .unwrap();
        let judge = |product, version: &str, day| {
            let verdict = list.judge(product, &Version::of(version).unwrap(), at(day))?;
            Some((verdict.open.len(), verdict.is_behind, verdict.has_ended))
        };
        let postgresql = |version, day| judge(Product::PostgreSql, version, day);
        assert_eq!(postgresql("15.13 (Debian 15.13-1)", "2027-11-10"), Some((1, true, false)));
        assert_eq!(postgresql("15.14", "2027-11-11"), Some((0, true, true)));
        assert_eq!(postgresql("15.15", "2026-11-01"), Some((0, false, false)));
        assert_eq!(postgresql("15.16", "2026-11-01"), Some((0, false, false)));
        assert_eq!(postgresql("16.1", "2026-11-01"), None);
        let mariadb = |version| judge(Product::MariaDb, version, "2026-11-01");
        assert_eq!(mariadb("10.11.14-MariaDB-0+deb12u2-log"), Some((0, true, false)));
        assert_eq!(mariadb("10.9.0"), Some((0, false, false)));
        assert_eq!(judge(Product::MySql, "8.0.36", "2026-11-01"), None);
    }

    /// Scenario: the list in the documentation; lists with a wrong day, a version without a number, an unknown key. Guarantees:
    /// the example can be read; each fault is an error that says where.
    #[test]
    fn lists_are_checked() {
        let (_, rest) = DOCUMENT.split_once("```json").unwrap();
        let (list, _) = rest.split_once("```").unwrap();
        assert_eq!(serde_json::from_str::<Advisories>(list).unwrap().branches.len(), 2);
        for (text, said) in [
            (r#"{"issued": "2026-02-30", "branches": []}"#, "'2026-02-30' is not a day"),
            (r#"{"issued": "2026-11-01"}"#, "missing field `branches`"),
            (
                r#"{"issued": "2026-11-01", "branches": [{"product": "mysql", "branch": "v8", "latest": "8"}]}"#,
                "'v8' is not a version",
            ),
            (r#"{"issued": "2026-11-01", "branches": [], "more": 1}"#, "unknown field `more`"),
        ] {
            let error = serde_json::from_str::<Advisories>(text).unwrap_err().to_string();
            assert!(error.contains(said) && error.contains("line 1"), "{error}");
        }
        let error = Advisories::load(Path::new("/nowhere/list.json")).unwrap_err();
        assert_eq!(error.to_string(), "read /nowhere/list.json");
    }
}
