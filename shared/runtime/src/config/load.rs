//! The loader: reports every fault of a file in one go.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use toml::Value;

/// One fault: where it is and what is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Path of the key, such as `postgres[0].port`; empty for the file as a whole.
    pub path: String,
    /// What is wrong and what to write instead.
    pub what: String,
}

/// All faults of a configuration file.
#[derive(Debug, Default)]
pub struct ConfigErrors {
    /// The file, if there was one.
    pub file: Option<PathBuf>,
    /// The faults, in order of discovery.
    pub faults: Vec<Fault>,
}

impl ConfigErrors {
    /// Adds a fault, for checks that types cannot express.
    pub fn add(&mut self, path: impl Into<String>, what: impl Into<String>) {
        self.faults.push(Fault { path: path.into(), what: what.into() });
    }

    /// `Ok(value)` when there is no fault.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.faults.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().map_or("configuration".into(), Path::to_string_lossy);
        let count = self.faults.len();
        write!(f, "{file}: {count} {}", if count == 1 { "fault" } else { "faults" })?;
        for Fault { path, what } in &self.faults {
            write!(f, "\n  {}{}{what}", path, if path.is_empty() { "" } else { ": " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Loads a file; `None` yields the defaults. A named file that is missing is a fault.
///
/// `T` and the structs in it carry `#[serde(deny_unknown_fields)]` and defaults, so that an empty file works and a
/// misspelt key is refused with a suggestion.
pub fn load<T: DeserializeOwned>(path: Option<&Path>) -> Result<T, ConfigErrors> {
    let text = match path {
        None => String::new(),
        Some(path) => std::fs::read_to_string(path).map_err(|e| ConfigErrors {
            file: Some(path.to_owned()),
            faults: vec![Fault { path: String::new(), what: format!("cannot be read: {e}") }],
        })?,
    };
    parse(&text).map_err(|errors| ConfigErrors { file: path.map(Path::to_owned), ..errors })
}

/// Parses a text as [`load`] does.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let mut value = match text.parse::<toml::Table>() {
        Ok(table) => Value::Table(table),
        Err(e) => {
            errors.add("", e.to_string().trim_end().to_owned());
            return Err(errors);
        }
    };
    // Serde stops at the first fault, so each one is noted, taken out of the tree, and the rest tried again. Every turn
    // takes something out, so the loop ends.
    let mut taken_out = TakenOut::default();
    loop {
        match serde_path_to_error::deserialize::<_, T>(value.clone()) {
            Ok(parsed) => return errors.into_result(parsed),
            Err(error) => {
                let mut segments: Vec<Segment> = error.path().iter().cloned().collect();
                let message = error.into_inner().message().trim_end().to_owned();
                let fault = describe(&mut segments, &message, &taken_out);
                // A key that was faulty and taken out is not missing as well.
                let name = fault.what.strip_prefix("missing field ").map(|n| n.trim_matches('`'));
                let echo = name.map(|n| format!("{}.{n}", fault.path));
                if !errors.faults.iter().any(|f| Some(&f.path) == echo.as_ref()) {
                    errors.faults.push(fault);
                }
                if !remove(&mut value, &segments) {
                    return Err(errors);
                }
                taken_out.note(&segments);
            }
        }
    }
}

/// Turns serde's message into a fault; for an unknown field `segments` is extended to point at it.
fn describe(segments: &mut Vec<Segment>, message: &str, taken_out: &TakenOut) -> Fault {
    let Some(rest) = message.strip_prefix("unknown field ") else {
        return Fault { path: taken_out.print(segments), what: message.to_owned() };
    };
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let unknown = quoted.next().unwrap_or_default().to_owned();
    let known: Vec<&str> = quoted.collect();
    let points_at_it = matches!(segments.last(), Some(Segment::Map { key }) if *key == unknown);
    if !points_at_it {
        segments.push(Segment::Map { key: unknown.clone() });
    }
    let nearest = known.iter().max_by(|a, b| {
        strsim::jaro_winkler(a, &unknown).total_cmp(&strsim::jaro_winkler(b, &unknown))
    });
    let what = match nearest {
        Some(near) if strsim::jaro_winkler(near, &unknown) > 0.8 => {
            format!("unknown key; did you mean '{near}'?")
        }
        _ => format!("unknown key; known here: {}", known.join(", ")),
    };
    Fault { path: taken_out.print(segments), what }
}

/// List elements that were taken out, so that the indices of later faults are those of the file.
#[derive(Default)]
struct TakenOut(BTreeMap<String, BTreeSet<usize>>);

impl TakenOut {
    fn note(&mut self, segments: &[Segment]) {
        if let Some((Segment::Seq { index }, parents)) = segments.split_last() {
            let list = self.print(parents);
            let index = self.index_in_file(&list, *index);
            self.0.entry(list).or_default().insert(index);
        }
    }

    fn index_in_file(&self, list: &str, mut index: usize) -> usize {
        for taken in self.0.get(list).into_iter().flatten() {
            if *taken <= index {
                index += 1;
            }
        }
        index
    }

    fn print(&self, segments: &[Segment]) -> String {
        let mut text = String::new();
        for segment in segments {
            match segment {
                Segment::Seq { index } => {
                    let index = self.index_in_file(&text, *index);
                    text.push_str(&format!("[{index}]"));
                }
                Segment::Map { key } | Segment::Enum { variant: key } => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(key);
                }
                Segment::Unknown => {}
            }
        }
        text
    }
}

fn remove(value: &mut Value, segments: &[Segment]) -> bool {
    let Some((last, parents)) = segments.split_last() else {
        return false;
    };
    let mut at = value;
    for segment in parents {
        let next = match (segment, at) {
            (Segment::Map { key } | Segment::Enum { variant: key }, Value::Table(t)) => {
                t.get_mut(key)
            }
            (Segment::Seq { index }, Value::Array(a)) => a.get_mut(*index),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return false,
        }
    }
    match (last, at) {
        (Segment::Map { key } | Segment::Enum { variant: key }, Value::Table(t)) => {
            t.remove(key).is_some()
        }
        (Segment::Seq { index }, Value::Array(a)) if *index < a.len() => {
            a.remove(*index);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Span;
    use serde::Deserialize;

    #[derive(Deserialize, Debug, Default)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        interval: Option<Span>,
        port: u16,
        child: Vec<Child>,
    }

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Child {
        #[allow(dead_code, reason = "only its presence is tested")]
        name: String,
    }

    fn faults(text: &str) -> Vec<String> {
        match parse::<Sample>(text) {
            Ok(_) => Vec::new(),
            Err(e) => e.faults.iter().map(|f| format!("{}: {}", f.path, f.what)).collect(),
        }
    }

    /// Scenario: an empty file. Guarantees: it is valid.
    #[test]
    fn empty_works() {
        assert!(faults("").is_empty());
        assert_eq!(parse::<Sample>("port = 7").unwrap().port, 7);
    }

    /// Scenario: a file with several faults of different kinds. Guarantees: all are reported at once, each with its path,
    /// and a misspelt key with the right one.
    #[test]
    fn all_faults_at_once() {
        let found = faults(
            "intervall = \"1s\"\nport = 70000\n[[child]]\nname = \"a\"\n[[child]]\nnam = \"b\"\nname = 3\n",
        );
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(
            found.iter().any(|f| f.starts_with("intervall: unknown key; did you mean 'interval'?")),
            "{found:#?}"
        );
        assert!(found.iter().any(|f| f.starts_with("port: ")), "{found:#?}");
        assert!(
            found.iter().any(|f| f.starts_with("child[1].nam: unknown key; did you mean 'name'?")),
            "{found:#?}"
        );
        assert!(found.iter().any(|f| f.starts_with("child[1].name: ")), "{found:#?}");
    }

    /// Scenario: not TOML at all, a bad unit, a missing field. Guarantees: a fault with its place, no endless loop.
    #[test]
    fn broken_files_are_explained() {
        assert_eq!(faults("port = = 3").len(), 1);
        assert!(faults("interval = \"5\"")[0].contains("write for example"));
        let found = faults("[[child]]\n[[child]]\nname = \"b\"\n[[child]]\n");
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].starts_with("child[0]: missing field"), "{found:#?}");
        assert!(found[1].starts_with("child[2]: missing field"), "{found:#?}");
    }
}
