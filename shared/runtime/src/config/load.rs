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
    /// Other keys that it was concluded from; `[]` stands for every index.
    needs: Vec<String>,
}

impl Fault {
    fn new(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self { path: path.into(), what: what.into(), needs: Vec::new() }
    }
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
    /// Adds a fault, for checks that types cannot express. It is dropped when the key itself cannot be read.
    pub fn add(&mut self, path: impl Into<String>, what: impl Into<String>) {
        self.faults.push(Fault::new(path, what));
    }

    /// Adds a fault that holds only if the keys `needs`, too, are what the file says: it is dropped when one of them cannot be
    /// read. `database_service[].name` stands for the names of all.
    pub fn add_from<N: Into<String>>(
        &mut self,
        needs: impl IntoIterator<Item = N>,
        path: impl Into<String>,
        what: impl Into<String>,
    ) {
        let needs = needs.into_iter().map(Into::into).collect();
        self.faults.push(Fault { needs, ..Fault::new(path, what) });
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
        for Fault { path, what, .. } in &self.faults {
            write!(f, "\n  {}{}{what}", path, if path.is_empty() { "" } else { ": " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Loads a file; `None` yields the defaults. A named file that is missing is a fault.
///
/// `T` and the structs in it carry `#[serde(deny_unknown_fields)]` and defaults, so that an empty file works and a
/// misspelt key is refused with a suggestion. `check` adds what types cannot express.
pub fn load<T: DeserializeOwned>(
    path: Option<&Path>,
    check: impl FnOnce(&T, &mut ConfigErrors),
) -> Result<T, ConfigErrors> {
    let text = match path {
        None => String::new(),
        Some(path) => std::fs::read_to_string(path).map_err(|e| ConfigErrors {
            file: Some(path.to_owned()),
            faults: vec![Fault::new("", format!("cannot be read: {e}"))],
        })?,
    };
    parse(&text, check).map_err(|errors| ConfigErrors { file: path.map(Path::to_owned), ..errors })
}

/// Parses a text as [`load`] does.
pub fn parse<T: DeserializeOwned>(
    text: &str,
    check: impl FnOnce(&T, &mut ConfigErrors),
) -> Result<T, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let mut value = match text.parse::<toml::Table>() {
        Ok(table) => Value::Table(table),
        Err(e) => {
            errors.add("", e.to_string().trim_end().to_owned());
            return Err(errors);
        }
    };
    // Serde stops at the first fault, so each one is noted, mended or taken out of the tree, and the rest tried again.
    // Every turn takes something out or fills in a key that was never tried, so the loop ends.
    let mut taken_out = TakenOut::default();
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(value.clone()) {
            Ok(parsed) => {
                add_checks(&mut errors, &taken_out, |found| check(&parsed, found));
                return errors.into_result(parsed);
            }
            Err(error) => error,
        };
        let mut segments: Vec<Segment> = error.path().iter().cloned().collect();
        let message = error.into_inner().message().trim_end().to_owned();
        if let Some(name) = message.strip_prefix("missing field ") {
            let name = name.trim_matches('`');
            let table = taken_out.print(&segments);
            let path = join(&table, name);
            // A key that was faulty and taken out, or misspelt, is not missing as well.
            if !taken_out.doubtful.contains(&path) {
                errors.faults.push(Fault::new(table, message.as_str()));
            }
            taken_out.doubtful.insert(path.clone());
            // What else its table says is judged too: the key is filled in, once, with a text that no one chose.
            if taken_out.filled.insert(path) && fill(&mut value, &segments, name) {
                continue;
            }
        } else if taken_out.filled.contains(&taken_out.print(&segments)) {
            // The text that was filled in does not fit here: its table goes.
            segments.pop();
        } else {
            let fault = describe(&mut segments, &message, &mut taken_out);
            errors.faults.push(fault);
        }
        if !remove(&mut value, &segments) {
            return Err(errors);
        }
        taken_out.note(&segments);
    }
}

/// Adds what `check` finds in the rest of the file, but not what only follows from a fault that is known.
fn add_checks(
    errors: &mut ConfigErrors,
    taken_out: &TakenOut,
    check: impl FnOnce(&mut ConfigErrors),
) {
    let mut found = ConfigErrors::default();
    check(&mut found);
    for mut fault in found.faults {
        fault.path = taken_out.in_file(&fault.path);
        let needs = fault.needs.iter().map(|need| taken_out.in_file(need));
        let holds = !taken_out.is_doubtful(&fault.path)
            && !needs
                .into_iter()
                .any(|need| taken_out.is_doubtful(&need) || taken_out.has_doubtful_within(&need));
        if holds {
            errors.faults.push(fault);
        }
    }
}

/// Turns serde's message into a fault; for an unknown field `segments` is extended to point at it.
fn describe(segments: &mut Vec<Segment>, message: &str, taken_out: &mut TakenOut) -> Fault {
    let Some(rest) = message.strip_prefix("unknown field ") else {
        let path = taken_out.print(segments);
        taken_out.doubtful.insert(path.clone());
        return Fault::new(path, message);
    };
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let unknown = quoted.next().unwrap_or_default().to_owned();
    let known: Vec<&str> = quoted.collect();
    let points_at_it = matches!(segments.last(), Some(Segment::Map { key }) if *key == unknown);
    let table = match segments.split_last() {
        Some((_, parents)) if points_at_it => taken_out.print(parents),
        _ => taken_out.print(segments),
    };
    if !points_at_it {
        segments.push(Segment::Map { key: unknown.clone() });
    }
    let nearest = known.iter().max_by(|a, b| {
        strsim::jaro_winkler(a, &unknown).total_cmp(&strsim::jaro_winkler(b, &unknown))
    });
    let what = match nearest {
        Some(near) if strsim::jaro_winkler(near, &unknown) > 0.8 => {
            taken_out.doubtful.insert(join(&table, near));
            format!("unknown key; did you mean '{near}'?")
        }
        _ => format!("unknown key; known here: {}", known.join(", ")),
    };
    Fault::new(taken_out.print(segments), what)
}

/// What the tree lacks or has besides what the file says.
#[derive(Default)]
struct TakenOut {
    /// Indices in the file of the elements that were taken out of each list, so that later faults tell those of the file.
    elements: BTreeMap<String, BTreeSet<usize>>,
    /// Keys that were missing and filled in.
    filled: BTreeSet<String>,
    /// Keys that are not in the tree as the file means them: they cannot be read, are missing or misspelt.
    doubtful: BTreeSet<String>,
}

impl TakenOut {
    fn note(&mut self, segments: &[Segment]) {
        if let Some((Segment::Seq { index }, parents)) = segments.split_last() {
            let list = self.print(parents);
            let index = self.index_in_file(&list, *index);
            self.elements.entry(list).or_default().insert(index);
        }
    }

    /// Whether what stands at `path` is not what the file says there.
    fn is_doubtful(&self, path: &str) -> bool {
        self.doubtful.iter().any(|doubtful| starts_with(path, &like(doubtful, path)))
    }

    /// Whether that holds of anything within it.
    fn has_doubtful_within(&self, path: &str) -> bool {
        self.doubtful.iter().any(|doubtful| starts_with(&like(doubtful, path), path))
    }

    fn index_in_file(&self, list: &str, mut index: usize) -> usize {
        for taken in self.elements.get(list).into_iter().flatten() {
            if *taken <= index {
                index += 1;
            }
        }
        index
    }

    /// A path as a check wrote it, `postgres[0].port`, with the indices of the file.
    fn in_file(&self, path: &str) -> String {
        let mut text = String::new();
        for (at, part) in path.split('[').enumerate() {
            let index = part.split_once(']').and_then(|(i, rest)| Some((i.parse().ok()?, rest)));
            match index {
                Some((index, rest)) if at > 0 => {
                    let index = self.index_in_file(&text, index);
                    text.push_str(&format!("[{index}]{rest}"));
                }
                _ if at > 0 => text.push_str(&format!("[{part}")),
                _ => text.push_str(part),
            }
        }
        text
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

/// Whether `path` is `start` or lies within it.
fn starts_with(path: &str, start: &str) -> bool {
    let within = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
    path.strip_prefix(start).is_some_and(within)
}

/// `path` with `[]` for each index when `pattern` has that.
fn like(path: &str, pattern: &str) -> String {
    if !pattern.contains("[]") {
        return path.to_owned();
    }
    let mut text = String::new();
    for part in path.split_inclusive(['[', ']']) {
        let is_index = part.strip_suffix(']').is_some_and(|i| i.parse::<usize>().is_ok());
        text.push_str(if is_index { "]" } else { part });
    }
    text
}

/// The key `name` of the table called `parent`.
fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

fn find<'v>(value: &'v mut Value, segments: &[Segment]) -> Option<&'v mut Value> {
    segments.iter().try_fold(value, |at, segment| match (segment, at) {
        (Segment::Map { key } | Segment::Enum { variant: key }, Value::Table(t)) => t.get_mut(key),
        (Segment::Seq { index }, Value::Array(a)) => a.get_mut(*index),
        _ => None,
    })
}

fn fill(value: &mut Value, table: &[Segment], name: &str) -> bool {
    match find(value, table) {
        Some(Value::Table(table)) => {
            table.insert(name.to_owned(), Value::String(String::new()));
            true
        }
        _ => false,
    }
}

fn remove(value: &mut Value, segments: &[Segment]) -> bool {
    let Some((last, parents)) = segments.split_last() else {
        return false;
    };
    let Some(at) = find(value, parents) else {
        return false;
    };
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
mod tests;
