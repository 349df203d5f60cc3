//! The text format of Prometheus, as foreign programs write it.
//!
//! <https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md>: one sample a line,
//! `name{label="value"} 1.5 [milliseconds]`, and comments of which `# TYPE name kind` says how values behave.
//! OpenMetrics' exemplars and `# EOF` are read over. A line that is not understood is a complaint with its number and loses
//! no other line.

mod line;
#[cfg(test)]
mod tests;

pub(crate) use line::Sample;

use crate::complaint::Complaints;
use line::Line;
use shared_model::Kind;
use std::collections::BTreeMap;

/// Longest line, bytes: a sample with the most labels of the longest values that travel.
const MAX_LINE_BYTES: usize = 64 << 10;
/// Most `# TYPE` lines that are remembered.
const MAX_TYPES: usize = 8_192;
/// Lines read in one go on the thread that also talks to the collector.
const LINES_AT_ONCE: usize = 1_000;

/// Reads `body` and hands each sample to `take`, with how its values behave. After every thousand lines other tasks have
/// their turn. `from` names the body in complaints.
pub(crate) async fn read(
    body: &[u8],
    from: &str,
    complaints: &mut Complaints,
    mut take: impl FnMut(&Sample<'_>, Kind, usize, &mut Complaints),
) {
    let mut types = BTreeMap::new();
    for (at, line) in body.split(|b| *b == b'\n').enumerate() {
        let number = at + 1;
        if number % LINES_AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
        match understand(line) {
            Ok(Line::Sample(sample)) => {
                let kind = kind_of(&sample, &types);
                take(&sample, kind, number, complaints);
            }
            Ok(Line::Type { name, kind }) if types.len() < MAX_TYPES => {
                types.insert(name, kind);
            }
            Ok(Line::Type { .. } | Line::Nothing) => {}
            Err(expected) => complaints.add(|| format!("{from}:{number}: expected {expected}")),
        }
    }
}

fn understand(line: &[u8]) -> Result<Line<'_>, &'static str> {
    if line.len() > MAX_LINE_BYTES {
        return Err("a line of at most 64 KiB");
    }
    let line = std::str::from_utf8(line).map_err(|_| "UTF-8")?;
    line::parse(line)
}

/// How a sample's values behave: what its family declares, or what the endings of histograms and summaries mean.
fn kind_of(sample: &Sample<'_>, types: &BTreeMap<&str, &str>) -> Kind {
    let plain = |kind: &str| match kind {
        "counter" => Some(Kind::Counter),
        "info" => Some(Kind::Info),
        "gauge" | "untyped" | "unknown" | "stateset" => Some(Kind::Gauge),
        _ => None,
    };
    if let Some(kind) = types.get(sample.name).and_then(|kind| plain(kind)) {
        return kind;
    }
    for (ending, kind) in [
        ("_bucket", Kind::Counter),
        ("_count", Kind::Counter),
        ("_sum", Kind::Counter),
        ("_total", Kind::Counter),
        ("_created", Kind::Gauge),
        ("_info", Kind::Info),
    ] {
        let family = sample.name.strip_suffix(ending).and_then(|family| types.get(family));
        match (family, ending) {
            (Some(&"histogram" | &"summary"), "_bucket" | "_count" | "_sum" | "_created")
            | (Some(&"counter"), "_total" | "_created")
            | (Some(&"info"), "_info") => return kind,
            _ => {}
        }
    }
    Kind::Gauge
}
