//! One line of the text format.

use std::borrow::Cow;

/// Most labels that are looked at; what travels is fewer.
const MAX_LABELS: usize = 64;

/// A sample as it stands there.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sample<'a> {
    /// Its metric.
    pub(crate) name: &'a str,
    /// Its labels in the order of the text.
    pub(crate) labels: Vec<(&'a str, Cow<'a, str>)>,
    /// Its value; may be NaN or infinite.
    pub(crate) value: f64,
    /// When it was taken, if the program says so, milliseconds since 1970.
    pub(crate) millis: Option<i64>,
}

impl Sample<'_> {
    /// The value of a label.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value)
    }
}

/// What a line holds.
#[derive(PartialEq, Debug)]
pub(super) enum Line<'a> {
    Sample(Sample<'a>),
    Type { name: &'a str, kind: &'a str },
    Nothing,
}

/// Reads a line; an error says what was expected.
pub(super) fn parse(line: &str) -> Result<Line<'_>, &'static str> {
    let line = line.trim_matches([' ', '\t', '\r']);
    if line.is_empty() {
        return Ok(Line::Nothing);
    }
    if let Some(comment) = line.strip_prefix('#') {
        let mut words = comment.split_ascii_whitespace();
        return Ok(match (words.next(), words.next(), words.next()) {
            (Some("TYPE"), Some(name), Some(kind)) => Line::Type { name, kind },
            _ => Line::Nothing,
        });
    }
    let end = line.find(['{', ' ', '\t']).ok_or("a value behind the name")?;
    let (name, rest) = line.split_at(end);
    if !crate::names::is_metric_name(name) {
        return Err("a metric name");
    }
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    // What follows ` # ` is an exemplar of OpenMetrics.
    let rest = rest.split_once(" # ").map_or(rest, |(rest, _)| rest);
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().and_then(number).ok_or("a number as the value")?;
    let millis = match words.next() {
        None => None,
        Some(word) => Some(millis(word).ok_or("a time stamp behind the value")?),
    };
    if words.next().is_some() {
        return Err("nothing behind the time stamp");
    }
    Ok(Line::Sample(Sample { name, labels, value, millis }))
}

/// Labels with their values, in the order of the text.
type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// Reads `name="value",…}` and what is left behind it.
fn labels(mut rest: &str) -> Result<(Labels<'_>, &str), &'static str> {
    let mut labels: Labels<'_> = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, behind) = rest.split_once('=').ok_or("'=' behind a label's name")?;
        let name = name.trim_end();
        if !crate::names::is_label_name(name) {
            return Err("a label name");
        }
        if labels.iter().any(|(known, _)| *known == name) {
            return Err("each label once");
        }
        let behind = behind.trim_start().strip_prefix('"').ok_or("a quoted label value")?;
        let (value, behind) = quoted(behind)?;
        if labels.len() >= MAX_LABELS {
            return Err("at most 64 labels");
        }
        labels.push((name, value));
        rest = behind.trim_start();
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind,
            None if rest.starts_with('}') => {}
            None => return Err("',' or '}' behind a label"),
        }
    }
}

/// Reads up to the closing quote, with `\\`, `\"` and `\n` resolved.
fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    const OPEN: &str = "a closing quote";
    let end = text.find(['"', '\\']).ok_or(OPEN)?;
    if text.as_bytes().get(end) == Some(&b'"') {
        return Ok((Cow::Borrowed(&text[..end]), &text[end + 1..]));
    }
    let mut value = String::with_capacity(text.len().min(256));
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Cow::Owned(value), &text[at + 1..])),
            '\\' => match chars.next().ok_or(OPEN)?.1 {
                'n' => value.push('\n'),
                c @ ('"' | '\\') => value.push(c),
                _ => return Err("\\\\, \\\" or \\n behind a backslash"),
            },
            c => value.push(c),
        }
    }
    Err(OPEN)
}

/// A number as Go's `ParseFloat` writes and reads it, of which Prometheus speaks.
fn number(word: &str) -> Option<f64> {
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    if word.bytes().all(plain) {
        return word.parse().ok();
    }
    match word.to_ascii_lowercase().as_str() {
        "nan" => Some(f64::NAN),
        "inf" | "+inf" | "infinity" | "+infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Milliseconds of the classic format, or OpenMetrics' seconds with a fraction.
fn millis(word: &str) -> Option<i64> {
    if let Ok(millis) = word.parse() {
        return Some(millis);
    }
    let seconds: f64 = word.parse().ok().filter(|s: &f64| s.abs() < 1e12)?;
    Some((seconds * 1e3) as i64)
}
