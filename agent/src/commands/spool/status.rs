//! `spool status`: the spool in numbers.

use crate::commands::write;
use agent_uplink::spool::{SpoolSummary, summary};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Arguments of `spool status`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  wardround-agent spool status
  wardround-agent spool status --format json

Records that are confirmed but not removed yet are counted: what is confirmed is
known to the running agent only, which tells it as
wardround_spool_unacknowledged_records.
Exit status: 0 printed, 1 there is no spool or it cannot be read, 2 wrong usage.")]
pub(in crate::commands) struct StatusArgs {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object
    Json,
}

impl StatusArgs {
    pub(super) fn run(&self, data_dir: &Path) -> anyhow::Result<()> {
        let found = summary(data_dir)?;
        match self.format {
            Format::Text => write(text(&found).as_bytes()),
            Format::Json => write((serde_json::to_string_pretty(&json(&found))? + "\n").as_bytes()),
        }
    }
}

/// The summary, as JSON has it.
#[derive(Serialize)]
struct StatusJson {
    stream: String,
    first_seq: u64,
    next_seq: u64,
    bytes: u64,
    batches: u64,
    events: u64,
    gaps: BTreeMap<&'static str, GapsJson>,
    damaged_records: u64,
    degraded: Option<&'static str>,
}

#[derive(Serialize)]
struct GapsJson {
    declarations: u64,
    records: u64,
}

fn json(found: &SpoolSummary) -> StatusJson {
    let gap = |(reason, (declarations, records)): (&&'static str, &(u64, u64))| {
        (*reason, GapsJson { declarations: *declarations, records: *records })
    };
    StatusJson {
        stream: found.stream.to_string(),
        first_seq: found.first.0,
        next_seq: found.next.0,
        bytes: found.bytes,
        batches: found.batches,
        events: found.events,
        gaps: found.gaps.iter().map(gap).collect(),
        damaged_records: found.damaged,
        degraded: found.degraded,
    }
}

fn text(found: &SpoolSummary) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        writeln!(text, "{name:<10}{value}").expect("writing to a String cannot fail");
    };
    line("stream", found.stream.to_string());
    line("numbers", format!("{} to {}", found.first, found.next.0.saturating_sub(1)));
    line("bytes", found.bytes.to_string());
    line("batches", found.batches.to_string());
    line("events", found.events.to_string());
    for (reason, (declarations, records)) in &found.gaps {
        line(
            "lost",
            format!("{records} records for reason {reason}, in {declarations} declarations"),
        );
    }
    if found.damaged > 0 {
        line("damaged", format!("{} records", found.damaged));
    }
    line("degraded", found.degraded.map_or("no".to_owned(), |why| format!("yes: {why}")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::StreamId;
    use shared_model::Seq;

    fn found() -> SpoolSummary {
        SpoolSummary {
            stream: StreamId([0xab; 16]),
            first: Seq(3),
            next: Seq(10),
            bytes: 4_096,
            batches: 5,
            events: 1,
            gaps: BTreeMap::from([("budget", (1, 2))]),
            damaged: 0,
            degraded: Some("the file system is full"),
        }
    }

    /// Scenario: a spool with a loss on a full disk. Guarantees: every number stands in the text and in the JSON.
    #[test]
    fn all_numbers_are_told() {
        let text = text(&found());
        for part in [
            "3 to 9",
            "4096",
            "2 records for reason budget, in 1 declarations",
            "yes: the file system is full",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let json = serde_json::to_value(json(&found())).unwrap();
        assert_eq!(json["stream"], "ab".repeat(16));
        assert_eq!((&json["first_seq"], &json["next_seq"]), (&3.into(), &10.into()));
        assert_eq!(json["gaps"]["budget"]["records"], 2);
        assert_eq!(json["degraded"], "the file system is full");
    }
}
