//! A mapping over a document.

use super::mapping::{LabelSource, Mapped, Mapping};
use super::pointer::Found;
use crate::complaint::Complaints;
use crate::names;
use agent_probe::Sink;
use proto::limits::MAX_VALUE_BYTES;
use serde_json::Value;
use std::borrow::Cow;

/// Most members that are looked at in a round, found or missing: what bounds the time of a mapping with many `*`.
const MAX_VISITS: usize = 200_000;

/// What came of a document.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Applied {
    /// Samples put in.
    pub(super) samples: usize,
}

/// A mapping with its metrics' definitions.
pub(super) struct Ready {
    metrics: Vec<(Mapped, &'static str)>,
}

impl Ready {
    /// Prepares a mapping.
    pub(super) fn new(mapping: Mapping) -> Self {
        let help = |mapped: &Mapped| names::for_ever(&mapped.help);
        Self { metrics: mapping.metric.into_iter().map(|m| (m.clone(), help(&m))).collect() }
    }

    /// Puts what the mapping names into `sink`, at most `max_series`. A value that is missing, null or not as declared is left
    /// out and complained of by its pointer; `from` names the document.
    pub(super) fn apply(
        &self,
        document: &Value,
        max_series: usize,
        from: &str,
        sink: &mut Sink,
        complaints: &mut Complaints,
    ) -> Applied {
        let (mut samples, mut visits) = (0, 0);
        for (mapped, help) in &self.metrics {
            mapped.value.each(document, &mut |found| {
                visits += 1;
                if visits > MAX_VISITS || samples >= max_series {
                    return false;
                }
                let Found::Value(value, stars) = found else {
                    if !mapped.optional {
                        complaints.add(|| format!("{from}: {}: no value", place(mapped, &found)));
                    }
                    return true;
                };
                match put(mapped, help, document, value, stars, sink) {
                    Ok(()) => samples += 1,
                    Err(expected) => complaints
                        .add(|| format!("{from}: {}: expected {expected}", place(mapped, &found))),
                }
                true
            });
        }
        if visits > MAX_VISITS || samples >= max_series {
            complaints
                .add(|| format!("{from}: more than {max_series} series, or too many members"));
        }
        Applied { samples }
    }
}

/// The metric and where it was looked for, without what stands there.
fn place(mapped: &Mapped, found: &Found<'_>) -> String {
    let (Found::Value(_, stars) | Found::Missing(stars)) = found;
    match stars {
        [] => mapped.name.clone(),
        // Keys of a document are foreign text; a few characters of them show the place.
        stars => {
            let short = |key: &String| key.chars().take(32).collect::<String>();
            format!("{} [{}]", mapped.name, stars.iter().map(short).collect::<Vec<_>>().join(", "))
        }
    }
}

fn put(
    mapped: &Mapped,
    help: &'static str,
    document: &Value,
    value: &Value,
    stars: &[String],
    sink: &mut Sink,
) -> Result<(), &'static str> {
    let number = number(mapped, value)?;
    let mut labels: Vec<(&str, Cow<'_, str>)> = Vec::with_capacity(mapped.labels.len());
    for (name, source) in &mapped.labels {
        let value = match source {
            LabelSource::Text(text) => Cow::Borrowed(text.as_str()),
            LabelSource::Star(at) => Cow::Borrowed(stars.get(*at).map_or("", String::as_str)),
            LabelSource::At(pointer) => {
                text(pointer.at(document, stars).ok_or("a value for each label")?)
                    .ok_or("a text, number or truth for each label")?
            }
        };
        if value.len() > MAX_VALUE_BYTES {
            return Err("label values of at most 1024 bytes");
        }
        labels.push((name, value));
    }
    let metric = names::definition(&mapped.name, mapped.kind(), mapped.unit(), help)
        .ok_or("no more foreign names than the agent keeps")?;
    let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, &**value)).collect();
    sink.put(metric, &labels, number);
    Ok(())
}

fn number(mapped: &Mapped, value: &Value) -> Result<f64, &'static str> {
    let number = if mapped.r#enum.is_empty() {
        match value {
            Value::Number(number) => number.as_f64().ok_or("a number")?,
            Value::Bool(truth) => f64::from(u8::from(*truth)),
            Value::String(text) => {
                text.trim().parse().map_err(|_| "a number, truth, or text that is a number")?
            }
            _ => return Err("a number, truth, or text that is a number"),
        }
    } else {
        let text = text(value).ok_or("a text of the enumeration")?;
        *mapped.r#enum.get(&*text).ok_or("a text of the enumeration")?
    };
    Some(number * mapped.scale).filter(|n| n.is_finite()).ok_or("a finite number")
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        _ => None,
    }
}
