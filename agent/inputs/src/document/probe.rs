//! Reads one document by its mapping.

use super::Document;
use super::apply::Ready;
use super::fetch::{FetchError, fetch};
use super::mapping::Mapping;
use crate::complaint::Complaints;
use crate::metric::gauge;
use crate::names;
use agent_probe::{AsyncProbe, Lane, Outcome, ProbeError, ProbeSpec, Sink};
use shared_model::{Clock, Metric, Unit};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

static UP: Metric = gauge(
    "wardround_document_up",
    Unit::None,
    "1 when the document was read, is young enough and yielded at least one sample, else 0.",
    "the configured file or socket",
);
static AGE: Metric = gauge(
    "wardround_document_age_seconds",
    Unit::Seconds,
    "How long ago the document's file was written.",
    "st_mtime of the configured file",
);
static MISSING: Metric = gauge(
    "wardround_document_missing",
    Unit::None,
    "Values that the mapping names and the document does not hold as declared; the agent's log names the first.",
    "the configured mapping",
);
static METRICS: [&Metric; 3] = [&UP, &AGE, &MISSING];

/// One document.
pub struct DocumentProbe {
    settings: Document,
    mapping: Result<Ready, String>,
    job: &'static str,
    clock: Arc<dyn Clock>,
}

impl DocumentProbe {
    /// A probe; its mapping is read now, its document at its first round.
    pub fn new(settings: &Document, clock: Arc<dyn Clock>) -> Self {
        let mapping = Mapping::load(&settings.mapping).map(Ready::new);
        Self {
            mapping: mapping.map_err(|faults| faults.to_string()),
            job: names::for_ever(settings.job.as_deref().unwrap_or(&settings.name)),
            settings: settings.clone(),
            clock,
        }
    }

    async fn round(&self, sink: &mut Sink) -> Outcome {
        let name = self.settings.name.as_str();
        let label = [("document", name)];
        let mapping = match &self.mapping {
            Ok(mapping) => mapping,
            Err(what) => return Outcome::Failed(ProbeError::Query { what: what.clone() }),
        };
        let mut complaints = Complaints::default();
        let mut down = |sink: &mut Sink, what: String| {
            sink.put(&UP, &label, 0.0);
            complaints.add(|| format!("{name}: {what}"));
            std::mem::take(&mut complaints).outcome()
        };
        let fetched = match fetch(&self.settings).await {
            Ok(fetched) => fetched,
            // Configured and not there: somebody's exporter does not run, which is not the same as having none.
            Err(FetchError::Absent) => return down(sink, "does not exist".to_owned()),
            Err(FetchError::Failed(what)) => return down(sink, what),
        };
        if let Some(written) = fetched.written {
            let age = self.clock.wall().since(written);
            sink.put(&AGE, &label, age.as_secs_f64());
            if self.settings.max_age.is_some_and(|max| age > max.get()) {
                return down(sink, format!("was written {} s ago", age.as_secs()));
            }
        }
        let document = match serde_json::from_slice(&fetched.bytes) {
            Ok(document) => document,
            // The library's words name line and column, never content.
            Err(error) => return down(sink, format!("is not JSON: {error}")),
        };
        drop(fetched);
        let most = self.settings.max_series;
        let applied = mapping.apply(&document, most, name, sink, &mut complaints);
        sink.put(&UP, &label, f64::from(u8::from(applied.samples > 0)));
        sink.put(&MISSING, &label, complaints.count() as f64);
        complaints.outcome()
    }
}

impl AsyncProbe for DocumentProbe {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: "document",
            job: self.job,
            lane: Lane::Slow,
            default_interval: self.settings.interval.get(),
            default_timeout: self.settings.timeout.get(),
        }
    }

    fn instance(&self) -> &str {
        &self.settings.instance
    }

    /// Its own; the mapping declares the others.
    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    // Cancel-safe: nothing is kept between rounds.
    fn read<'a>(
        &'a mut self,
        sink: &'a mut Sink,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.round(sink))
    }

    fn timed_out(&mut self, sink: &mut Sink) -> Outcome {
        sink.put(&UP, &[("document", &self.settings.name)], 0.0);
        let millis = u64::try_from(self.settings.timeout.get().as_millis()).unwrap_or(u64::MAX);
        Outcome::Partial(vec![ProbeError::TimedOut { millis }])
    }
}

impl fmt::Debug for DocumentProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentProbe").field("name", &self.settings.name).finish_non_exhaustive()
    }
}
