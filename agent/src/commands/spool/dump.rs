//! `spool dump`: readings, events and declared losses, in order of their numbers.

use agent_uplink::spool::{SpoolItem, dump, read_catalog, reason};
use anyhow::Context;
use clap::{Args, ValueEnum};
use serde::Serialize;
use shared_model::{
    Batch, Block, Catalog, Event, EventContent, Labels, NAME, SeqRange, SeriesSet, Timestamp,
};
use std::collections::HashMap;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

/// Arguments of `spool dump`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  wardround-agent spool dump                              all that is there
  wardround-agent spool dump --since 2026-11-25T08:00:00Z | grep node_load1
  wardround-agent spool dump --from 1200 --to 1300 --format json

A line is NAME{LABELS} VALUE MILLISECONDS, as Prometheus writes it; events and
losses are comments. JSON is one object a line.
Exit status: 0 printed, 1 there is no spool or it cannot be read, 2 wrong usage.")]
pub(in crate::commands) struct DumpArgs {
    /// First sequence number
    #[arg(long, value_name = "SEQ", default_value_t = 1)]
    from: u64,
    /// Last sequence number [default: the last there is]
    #[arg(long, value_name = "SEQ")]
    to: Option<u64>,
    /// Only what was read or happened at this time or later, UTC
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Prometheus)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// Samples with their time, the rest as comments
    Prometheus,
    /// One object a line
    Json,
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    text.parse().map_err(|_| "write a time in UTC, such as 2026-11-25T08:00:00Z")
}

impl DumpArgs {
    pub(super) fn run(&self, data_dir: &Path) -> anyhow::Result<()> {
        let names = Names::new(&read_catalog(data_dir)?);
        let mut out = BufWriter::new(std::io::stdout().lock());
        for item in dump(data_dir)? {
            let item = item?;
            if !self.wants(range(&item)) {
                continue;
            }
            match self.print(&item, &names, &mut out) {
                // Whoever reads has seen enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                printed => printed.context("write to standard output")?,
            }
        }
        match out.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed.context("write to standard output"),
        }
    }

    fn wants(&self, range: SeqRange) -> bool {
        range.to.0 >= self.from && self.to.is_none_or(|to| range.from.0 <= to)
    }

    fn is_late(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| at >= since)
    }

    fn print(&self, item: &SpoolItem, names: &Names, out: &mut impl Write) -> std::io::Result<()> {
        match (item, self.format) {
            (SpoolItem::Batch(seq, Ok(batch)), Format::Prometheus) => {
                let mut rows = self.samples(batch, names).peekable();
                if rows.peek().is_some() {
                    writeln!(out, "# batch {seq}")?;
                }
                rows.try_for_each(|(labels, at, value)| {
                    writeln!(out, "{labels} {value} {}", at.as_millis())
                })
            }
            (SpoolItem::Batch(seq, Ok(batch)), Format::Json) => {
                let samples: Vec<SampleJson> = self.samples(batch, names).map(sample).collect();
                if samples.is_empty() {
                    return Ok(());
                }
                line(out, &ItemJson { seq: seq.0, to: None, what: WhatJson::Batch { samples } })
            }
            (SpoolItem::Event(_, event), _) if !self.is_late(event.at) => Ok(()),
            (SpoolItem::Gap(_, gap), _) if gap.last.is_some_and(|at| !self.is_late(at)) => Ok(()),
            (other, Format::Prometheus) => writeln!(out, "# {}", words(other)),
            (other, Format::Json) => line(out, &other_json(other)),
        }
    }

    /// The samples of a batch that have a value and are late enough.
    fn samples<'a>(
        &'a self,
        batch: &'a Batch,
        names: &'a Names,
    ) -> impl Iterator<Item = (&'a Labels, Timestamp, f64)> {
        let late = move |(_, at, _): &(&Labels, Timestamp, f64)| self.is_late(*at);
        batch.blocks.iter().flat_map(|block| names.samples(block)).filter(late)
    }
}

/// The labels of each column of each set.
struct Names(HashMap<u32, Vec<Labels>>);

impl Names {
    fn new(catalog: &Catalog) -> Self {
        let labels = |set: &SeriesSet| {
            let columns = set.references.iter().map(|reference| {
                let at = usize::try_from(*reference).ok().and_then(|r| r.checked_sub(1));
                let def = at.and_then(|at| catalog.series.get(at));
                let own = def.into_iter().flat_map(|def| {
                    let labels = def.labels.iter().map(|(n, v)| (&**n, &**v));
                    labels.chain([(NAME, &*def.name)])
                });
                let of_set = [("job", &*set.job), ("instance", &*set.instance)];
                Labels::from_pairs(own.chain(of_set))
            });
            (set.id, columns.collect())
        };
        Self(catalog.sets.iter().map(labels).collect())
    }

    /// The samples of a block that have a value; none for a set that the catalog does not know.
    fn samples<'a>(
        &'a self,
        block: &'a Block,
    ) -> impl Iterator<Item = (&'a Labels, Timestamp, f64)> {
        let columns = self.0.get(&block.set).map_or(&[][..], Vec::as_slice);
        let rows = block.times.iter().zip(block.values.chunks(columns.len().max(1)));
        rows.flat_map(move |(at, row)| {
            columns.iter().zip(row).filter_map(|(labels, value)| Some((labels, *at, (*value)?)))
        })
    }
}

fn range(item: &SpoolItem) -> SeqRange {
    match item {
        SpoolItem::Batch(seq, _) | SpoolItem::Gap(seq, _) | SpoolItem::Event(seq, _) => {
            SeqRange { from: *seq, to: *seq }
        }
        SpoolItem::Damaged(range) => *range,
    }
}

/// What is no sample, in one line.
fn words(item: &SpoolItem) -> String {
    match item {
        SpoolItem::Batch(seq, Ok(batch)) => format!("batch {seq} of {} blocks", batch.blocks.len()),
        SpoolItem::Batch(seq, Err(error)) => format!("batch {seq} cannot be read: {error}"),
        SpoolItem::Gap(seq, gap) => {
            format!("gap {seq}: {} are lost, reason {}", gap.lost, reason(gap.reason))
        }
        SpoolItem::Event(seq, event) => format!("event {seq} at {}: {}", event.at, said(event)),
        SpoolItem::Damaged(range) => format!("damaged {range}"),
    }
}

fn said(event: &Event) -> String {
    match &event.content {
        EventContent::ClockStep { step_us } => {
            format!("clock_step of {:.6} s", *step_us as f64 / 1e6)
        }
        EventContent::AgentStarted { version } => format!("agent_started, version {version}"),
        EventContent::SpoolDegraded { reason } => format!("spool_degraded: {reason}"),
        EventContent::SpoolRestored { degraded } => {
            format!("spool_restored after {:.3} s", degraded.as_secs_f64())
        }
        EventContent::Evidence { topic, lines } => {
            format!("evidence {topic} of {}: {}", event.key, lines.join(" | "))
        }
        EventContent::Other { kind, body } => format!("kind {kind}, {} bytes", body.len()),
    }
}

/// One record, as JSON has it.
#[derive(Serialize)]
struct ItemJson<'a> {
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
    #[serde(flatten)]
    what: WhatJson<'a>,
}

#[derive(Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum WhatJson<'a> {
    Batch {
        samples: Vec<SampleJson<'a>>,
    },
    Unreadable {
        error: String,
    },
    Gap {
        lost_from: u64,
        lost_to: u64,
        reason: &'static str,
        first: Option<String>,
        last: Option<String>,
    },
    Event {
        at: String,
        key: &'a str,
        event: String,
    },
    Damaged,
}

#[derive(Serialize)]
struct SampleJson<'a> {
    labels: HashMap<&'a str, &'a str>,
    time: String,
    /// `null` when it is not a finite number.
    value: f64,
}

fn sample<'a>((labels, at, value): (&'a Labels, Timestamp, f64)) -> SampleJson<'a> {
    SampleJson { labels: labels.iter().collect(), time: at.to_string(), value }
}

fn other_json(item: &SpoolItem) -> ItemJson<'_> {
    let seqs = range(item);
    let what = match item {
        SpoolItem::Batch(_, Ok(_)) => WhatJson::Batch { samples: Vec::new() },
        SpoolItem::Batch(_, Err(error)) => WhatJson::Unreadable { error: error.to_string() },
        SpoolItem::Gap(_, gap) => WhatJson::Gap {
            lost_from: gap.lost.from.0,
            lost_to: gap.lost.to.0,
            reason: reason(gap.reason),
            first: gap.first.map(|at| at.to_string()),
            last: gap.last.map(|at| at.to_string()),
        },
        SpoolItem::Event(_, event) => {
            WhatJson::Event { at: event.at.to_string(), key: &event.key, event: said(event) }
        }
        SpoolItem::Damaged(_) => WhatJson::Damaged,
    };
    let to = (seqs.to > seqs.from).then_some(seqs.to.0);
    ItemJson { seq: seqs.from.0, to, what }
}

fn line(out: &mut impl Write, item: &ItemJson<'_>) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, item)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_model::Seq;
    use shared_model::{BootTime, Gap, GapReason, Kind, SeriesDef, Unit};

    fn names() -> Names {
        let series = SeriesDef {
            reference: 1,
            name: "node_load1".into(),
            kind: Kind::Gauge,
            unit: Unit::None,
            labels: vec![("cpu".into(), "0".into())],
        };
        let set = SeriesSet { id: 4, job: "node".into(), instance: "".into(), references: vec![1] };
        Names::new(&Catalog { generation: 1, base: 0, series: vec![series], sets: vec![set] })
    }

    fn items() -> Vec<SpoolItem> {
        let times = [8, 9].map(Timestamp::from_secs).to_vec();
        let block = Block { set: 4, times, values: vec![Some(1.5), Some(2.5)] };
        let unknown =
            Block { set: 5, times: vec![Timestamp::from_secs(9)], values: vec![Some(7.0)] };
        let batch = Batch { generation: 1, blocks: vec![block, unknown] };
        let lost = SeqRange { from: Seq(1), to: Seq(2) };
        let gap = Gap { lost, reason: GapReason::Budget, first: None, last: None };
        let content = EventContent::ClockStep { step_us: -1_500_000 };
        let (at, boot) = (Timestamp::from_secs(8), BootTime::default());
        let event = Event { at, boot, key: "".into(), content };
        vec![
            SpoolItem::Batch(Seq(3), Ok(batch)),
            SpoolItem::Gap(Seq(4), gap),
            SpoolItem::Event(Seq(5), event),
            SpoolItem::Damaged(SeqRange { from: Seq(6), to: Seq(8) }),
        ]
    }

    fn printed(args: &DumpArgs) -> Vec<String> {
        let mut out = Vec::new();
        for item in items().iter().filter(|item| args.wants(range(item))) {
            args.print(item, &names(), &mut out).unwrap();
        }
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    /// Scenario: one record of each kind, whole, by number, since a time, as text and as JSON.
    /// Guarantees: samples carry their names and times; the limits leave out what is before and after them.
    #[test]
    fn records_are_printed_as_an_engineer_reads_them() {
        let all = DumpArgs { from: 1, to: None, since: None, format: Format::Prometheus };
        let text = printed(&all);
        assert_eq!(
            text,
            [
                "# batch 3",
                "node_load1{cpu=\"0\",job=\"node\"} 1.5 8000",
                "node_load1{cpu=\"0\",job=\"node\"} 2.5 9000",
                "# gap 4: 1..2 are lost, reason budget",
                "# event 5 at 1970-01-01T00:00:08.000Z: clock_step of -1.500000 s",
                "# damaged 6..8",
            ]
        );
        let since = Some(Timestamp::from_secs(9));
        let late = printed(&DumpArgs { since, ..all });
        assert_eq!(late, [&text[0], &text[2], &text[3], &text[5]].map(String::clone));
        let some = DumpArgs { from: 4, to: Some(7), since: None, format: Format::Prometheus };
        assert_eq!(printed(&some), text[3..]);
        let json = printed(&DumpArgs { format: Format::Json, ..some });
        assert_eq!(json.len(), 3);
        assert!(
            json[0].contains("\"record\":\"gap\"") && json[0].contains("\"lost_to\":2"),
            "{json:?}"
        );
        let json = printed(&DumpArgs { from: 3, to: Some(3), since: None, format: Format::Json });
        let parsed: serde_json::Value = serde_json::from_str(&json[0]).unwrap();
        assert_eq!(parsed["samples"][1]["labels"][NAME], "node_load1");
        assert_eq!(parsed["samples"][1]["value"], 2.5);
    }
}
