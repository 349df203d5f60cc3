//! Families of values as OpenMetrics text, through `prometheus-client`.

use crate::{SelfMetric, SelfMetricKind};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use shared_model::Labels;
use std::fmt;

/// The text of all families, ended by `# EOF`.
pub(super) fn encode(families: Vec<SelfMetric>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot(families)));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Snapshot(Vec<SelfMetric>);

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for family in self.0.iter().filter(|f| !f.values.is_empty()) {
            let (name, kind) = match family.kind {
                // OpenMetrics names the family without the suffix, and the encoder adds it to the samples.
                SelfMetricKind::Counter => (
                    family.name.strip_suffix("_total").unwrap_or(&family.name),
                    MetricType::Counter,
                ),
                SelfMetricKind::Gauge => (family.name.as_str(), MetricType::Gauge),
            };
            let mut metric = encoder.encode_descriptor(name, &family.help, None, kind)?;
            for (labels, value) in &family.values {
                encode_value(&mut metric, family.kind, labels, *value)?;
            }
        }
        Ok(())
    }
}

fn encode_value(
    metric: &mut MetricEncoder,
    kind: SelfMetricKind,
    labels: &Labels,
    value: f64,
) -> fmt::Result {
    let pairs: Vec<(&str, &str)> = labels.iter().collect();
    let write = |encoder: &mut MetricEncoder| match kind {
        SelfMetricKind::Counter => encoder.encode_counter::<NoLabelSet, f64, f64>(&value, None),
        SelfMetricKind::Gauge => encoder.encode_gauge(&value),
    };
    if pairs.is_empty() {
        return write(metric);
    }
    write(&mut metric.encode_family(&pairs)?)
}
