//! Readings as text: the Prometheus exposition format 0.0.4, or JSON.

use agent_probe::{Sample, Sink};
use serde::Serialize;
use shared_model::{Kind, Labels, Metric};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How to print.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Format {
    /// As a Prometheus exporter would answer
    Prometheus,
    /// One array of objects
    Json,
}

/// What one probe yielded.
pub(crate) struct Reading {
    /// The label `job`.
    pub(crate) job: &'static str,
    /// The label `instance`; empty for the node itself, which only the collector can name.
    pub(crate) instance: String,
    /// Its samples.
    pub(crate) sink: Sink,
}

/// Everything that has a value.
pub(crate) fn print(readings: &[Reading], format: Format) -> Result<String, serde_json::Error> {
    match format {
        Format::Prometheus => Ok(prometheus(readings)),
        Format::Json => json(readings),
    }
}

/// A metric and its samples.
type Family = (&'static Metric, Vec<(Labels, f64)>);

fn prometheus(readings: &[Reading]) -> String {
    // All samples of a metric stand together, as the format asks, also when several instances yield them.
    let mut families: BTreeMap<&str, Family> = BTreeMap::new();
    for (reading, sample, value) in samples(readings) {
        let metric = sample.metric();
        let family = families.entry(metric.name).or_insert((metric, Vec::new()));
        family.1.push((labels(reading, sample).with(shared_model::NAME, metric.name), value));
    }
    let mut text = String::new();
    for (name, (metric, samples)) in families {
        let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
        let help = metric.help.replace('\\', "\\\\").replace('\n', "\\n");
        write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n")
            .expect("writing to a String cannot fail");
        for (labels, value) in samples {
            writeln!(text, "{labels} {}", number(value)).expect("writing to a String cannot fail");
        }
    }
    for reading in readings {
        for shown in reading.sink.shown() {
            for line in &shown.lines {
                writeln!(text, "# {} {}: {line}", shown.topic, reading.instance)
                    .expect("writing to a String cannot fail");
            }
        }
    }
    text
}

fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        value => value.to_string(),
    }
}

/// One sample, as JSON has it.
#[derive(Serialize)]
struct SampleJson<'a> {
    name: &'a str,
    kind: &'static str,
    job: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
    /// `null` when it is not a finite number.
    value: f64,
}

fn json(readings: &[Reading]) -> Result<String, serde_json::Error> {
    let mut all = Vec::new();
    for (reading, sample, value) in samples(readings) {
        let mut labels: BTreeMap<&str, &str> =
            sample.labels().iter().map(|(n, v)| (&**n, &**v)).collect();
        if !reading.instance.is_empty() {
            labels.insert("instance", &reading.instance);
        }
        let kind = match sample.metric().kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Info => "info",
        };
        all.push(SampleJson { name: sample.metric().name, kind, job: reading.job, labels, value });
    }
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

fn samples(readings: &[Reading]) -> impl Iterator<Item = (&Reading, &Sample, f64)> {
    readings.iter().flat_map(|reading| {
        let with_value = move |sample| Some((reading, sample, Sample::value(sample)?));
        reading.sink.samples().iter().filter_map(with_value)
    })
}

fn labels(reading: &Reading, sample: &Sample) -> Labels {
    let own = sample.labels().iter().map(|(n, v)| (&**n, &**v));
    Labels::from_pairs(own.chain([("instance", reading.instance.as_str())]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_model::Unit;

    static USED: Metric = Metric {
        name: "used_bytes",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        help: "Space \\ in use.",
        source: "s",
    };
    static READ: Metric = Metric {
        name: "read_total",
        kind: Kind::Counter,
        unit: Unit::None,
        help: "Reads.",
        source: "s",
    };

    fn readings() -> Vec<Reading> {
        let reading = |instance: &str, value: f64| {
            let mut sink = Sink::default();
            sink.begin();
            sink.put(&USED, &[("gone", "x")], 1.0);
            sink.begin();
            sink.put(&USED, &[("path", "a\"b")], value);
            sink.put(&READ, &[], 0.5);
            if !instance.is_empty() {
                sink.show("db.blocking", ["7 root".to_owned()]);
            }
            Reading { job: "postgres", instance: instance.into(), sink }
        };
        vec![reading("", 1.5), reading("db:1", f64::INFINITY)]
    }

    /// Scenario: two instances with the same metrics, a value that is gone, quotes and infinity. Guarantees: families are
    /// together with one heading, texts are escaped, what has no value is not printed; what
    /// is said in words stands below as comments.
    #[test]
    fn prometheus_text() {
        assert_eq!(
            print(&readings(), Format::Prometheus).unwrap(),
            "# HELP read_total Reads.\n# TYPE read_total counter\nread_total 0.5\n\
             read_total{instance=\"db:1\"} 0.5\n\
             # HELP used_bytes Space \\\\ in use.\n# TYPE used_bytes gauge\nused_bytes{path=\"a\\\"b\"} 1.5\n\
             used_bytes{instance=\"db:1\",path=\"a\\\"b\"} +Inf\n\
             # db.blocking db:1: 7 root\n"
        );
    }

    /// Scenario: the same as JSON. Guarantees: it parses, labels and kinds are there, infinity is null.
    #[test]
    fn json_text() {
        let text = print(&readings(), Format::Json).unwrap();
        let all: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(all.as_array().unwrap().len(), 4);
        assert_eq!(all[2]["labels"]["instance"], "db:1");
        assert_eq!(all[1]["kind"], "counter");
        assert!(all[2]["value"].is_null());
        assert_eq!(print(&[], Format::Json).unwrap(), "[]\n");
        assert_eq!(print(&[], Format::Prometheus).unwrap(), "");
    }
}
