//! Recordings of exporters: `HCAP1`, zstd-compressed. After the magic: the number of targets; per target its name, the
//! rounds and their times, the number of series; per series its key as exposed, a type byte (`c` counter, `g` gauge) and
//! one 64-bit float per round. Numbers are little endian, texts have their length before them.

use super::replay::Line;
use anyhow::{Context, Result, bail, ensure};
use shared_model::Kind;
use std::io::Read;
use std::path::Path;

const MAGIC: &[u8] = b"HCAP1\n";
/// Longest recording after decompression, bytes; half an hour of three exporters is 32 MB.
const RAW_MAX: u64 = 512 << 20;
/// Longest text, bytes.
const TEXT_MAX: usize = 4096;

/// The series of the target called `target`.
pub fn load(path: &Path, target: &str) -> Result<Vec<Line>> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut raw = Vec::new();
    let decoder = zstd::Decoder::new(file)?;
    decoder.take(RAW_MAX).read_to_end(&mut raw).with_context(|| path.display().to_string())?;
    parse(&raw, target).with_context(|| path.display().to_string())
}

fn parse(raw: &[u8], target: &str) -> Result<Vec<Line>> {
    let mut cursor = Cursor(raw);
    ensure!(cursor.take(MAGIC.len())? == MAGIC, "not a recording");
    for _ in 0..cursor.count()? {
        let name = cursor.text()?;
        let rounds = cursor.count()?;
        cursor.take(rounds.saturating_mul(8))?;
        let mut lines = Vec::new();
        for _ in 0..cursor.count()? {
            let key = cursor.text()?;
            let kind = if cursor.take(1)? == b"c" { Kind::Counter } else { Kind::Gauge };
            let bytes = cursor.take(rounds.saturating_mul(8))?;
            if name == target {
                lines.push(line(&key, kind, bytes)?);
            }
        }
        if name == target {
            return Ok(lines);
        }
    }
    bail!("the recording has no target '{target}'")
}

fn line(key: &str, kind: Kind, bytes: &[u8]) -> Result<Line> {
    let (name, labels) = split_key(key).with_context(|| format!("the key {key}"))?;
    let (chunks, _) = bytes.as_chunks::<8>();
    let values = chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect();
    Ok(Line { name, labels, kind, values })
}

/// Name and labels of `name{label="value",…}`, labels in order of name and without empty ones, which mean absence.
fn split_key(key: &str) -> Option<(String, Vec<(String, String)>)> {
    let Some((name, rest)) = key.split_once('{') else { return Some((key.to_owned(), Vec::new())) };
    let mut rest = rest.strip_suffix('}')?;
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (label, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        labels.push((label.to_owned(), value));
        rest = quoted[end + 1..].strip_prefix(',').unwrap_or(&quoted[end + 1..]);
    }
    labels.retain(|(_, value)| !value.is_empty());
    labels.sort();
    Some((name.to_owned(), labels))
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).context("the recording is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn count(&mut self) -> Result<usize> {
        let bytes = self.take(4)?.try_into().expect("four bytes were taken");
        Ok(usize::try_from(u32::from_le_bytes(bytes))?)
    }

    fn text(&mut self) -> Result<String> {
        let length = self.count()?;
        ensure!(length <= TEXT_MAX, "a text of {length} bytes");
        Ok(std::str::from_utf8(self.take(length)?)?.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording() -> Vec<u8> {
        let mut raw = MAGIC.to_vec();
        let number = |n: u32| n.to_le_bytes();
        let text =
            |t: &str| [&u32::try_from(t.len()).unwrap().to_le_bytes(), t.as_bytes()].concat();
        raw.extend(number(2));
        for (name, key, kind) in
            [("other", "x", b'g'), ("node", "a_total{z=\"1\",b=\"q\\\"\\n\",c=\"\"}", b'c')]
        {
            raw.extend(text(name));
            raw.extend(number(2));
            raw.extend([0; 16]);
            raw.extend(number(1));
            raw.extend(text(key));
            raw.push(kind);
            raw.extend([1.5f64, 2.0].iter().flat_map(|v| v.to_le_bytes()));
        }
        raw
    }

    /// Scenario: a recording of two targets. Guarantees: the asked one comes back with its labels unescaped and in order.
    #[test]
    fn recordings_are_read() {
        let labels = vec![("b".to_owned(), "q\"\n".to_owned()), ("z".to_owned(), "1".to_owned())];
        let expected = Line {
            name: "a_total".to_owned(),
            labels,
            kind: Kind::Counter,
            values: vec![1.5, 2.0],
        };
        assert_eq!(parse(&recording(), "node").unwrap(), [expected]);
        assert!(parse(&recording(), "pg").is_err());
    }

    /// Scenario: the recording cut at every length, and keys that are not ones. Guarantees: an error, never a panic.
    #[test]
    fn damage_is_an_error() {
        let whole = recording();
        for length in 0..whole.len() {
            assert!(parse(&whole[..length], "node").is_err(), "{length}");
        }
        for key in ["a{", "a{b}", "a{b=\"c}", "a{b=\"c\\", "a{b=\"c\""] {
            assert_eq!(split_key(key), None, "{key}");
        }
    }
}
