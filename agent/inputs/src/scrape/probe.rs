//! Reads one endpoint and takes over what it says, under foreign names that cannot be mistaken for ours.

use super::Scrape;
use crate::complaint::Complaints;
use crate::exposition::{self, Sample};
use crate::http::Endpoint;
use crate::metric::gauge;
use crate::names::{self, OWN_PREFIX};
use agent_probe::{AsyncProbe, Lane, Outcome, ProbeError, ProbeSpec, Sink};
use proto::limits::{MAX_LABELS, MAX_NAME_BYTES, MAX_VALUE_BYTES, RESERVED_LABELS};
use shared_model::{Clock, Kind, Metric, Timestamp, Unit};
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

static UP: Metric = gauge(
    "wardround_scrape_up",
    Unit::None,
    "1 when the endpoint answered with at least one sample, else 0.",
    "the endpoint's answer",
);
static SAMPLES: Metric = gauge(
    "wardround_scrape_samples",
    Unit::None,
    "Samples taken over from the endpoint's last answer.",
    "the endpoint's answer",
);
static REFUSED: Metric = gauge(
    "wardround_scrape_refused",
    Unit::None,
    "Lines of the endpoint's last answer that could not be taken over; the agent's log names the first.",
    "the endpoint's answer",
);
static METRICS: [&Metric; 3] = [&UP, &SAMPLES, &REFUSED];

/// A sample that the endpoint itself says is older than this is none: Prometheus' lookback.
const STALE_AFTER: Duration = Duration::from_secs(300);

/// One endpoint.
pub struct ScrapeProbe {
    settings: Scrape,
    endpoint: Result<Endpoint, String>,
    job: &'static str,
    instance: String,
    clock: Arc<dyn Clock>,
}

impl ScrapeProbe {
    /// A probe; it asks nothing before its first round.
    pub fn new(settings: &Scrape, clock: Arc<dyn Clock>) -> Self {
        Self {
            endpoint: settings.endpoint(),
            job: names::for_ever(settings.job.as_deref().unwrap_or(&settings.name)),
            instance: settings.instance(),
            settings: settings.clone(),
            clock,
        }
    }

    async fn round(&mut self, sink: &mut Sink) -> Outcome {
        let mut complaints = Complaints::default();
        let name = self.settings.name.as_str();
        let answer = match &mut self.endpoint {
            Ok(endpoint) => endpoint.get().await.map_err(|e| format!("{}: {e}", endpoint.target())),
            Err(what) => Err(what.clone()),
        };
        let body = match answer {
            Ok(body) => body,
            Err(what) => {
                sink.put(&UP, &[], 0.0);
                complaints.add(|| format!("{name}: {what}"));
                return complaints.outcome();
            }
        };
        let now = self.clock.wall();
        let mut taken = Taken { settings: &self.settings, sink, now, samples: 0, is_full: false };
        exposition::read(&body, name, &mut complaints, |sample, kind, line, complaints| {
            taken.take(sample, kind, line, complaints);
        })
        .await;
        let Taken { samples, is_full, .. } = taken;
        if is_full {
            let limit = self.settings.max_series;
            complaints.add(|| format!("{name}: more than {limit} series, the others are left out"));
        }
        if samples == 0 && complaints.count() == 0 {
            complaints.add(|| format!("{name}: the answer holds none of the wanted metrics"));
        }
        sink.put(&UP, &[], f64::from(u8::from(samples > 0)));
        sink.put(&SAMPLES, &[], samples as f64);
        sink.put(&REFUSED, &[], complaints.count() as f64);
        complaints.outcome()
    }
}

/// What was taken over so far in a round.
struct Taken<'a> {
    settings: &'a Scrape,
    sink: &'a mut Sink,
    now: Timestamp,
    samples: usize,
    is_full: bool,
}

impl Taken<'_> {
    fn take(&mut self, sample: &Sample<'_>, kind: Kind, line: usize, complaints: &mut Complaints) {
        let from = &self.settings.name;
        let include = &self.settings.include;
        if !include.is_empty() && !include.iter().any(|p| sample.name.starts_with(p.as_str())) {
            return;
        }
        // Prometheus' mark of a series that ended, or a quotient of nothing: no value.
        if sample.value.is_nan() {
            return;
        }
        let expected = match self.put(sample, kind) {
            Ok(()) => return,
            Err(expected) => expected,
        };
        complaints.add(|| format!("{from}:{line}: expected {expected}"));
    }

    fn put(&mut self, sample: &Sample<'_>, kind: Kind) -> Result<(), &'static str> {
        if sample.name.starts_with(OWN_PREFIX) {
            return Err("a name that does not begin with wardround_");
        }
        let is_old = |millis: i64| self.now.as_millis().saturating_sub(millis) > MILLIS_STALE;
        if sample.millis.is_some_and(is_old) {
            return Err("a sample of the last 5 minutes");
        }
        let labels = foreign_labels(sample)?;
        if self.samples >= self.settings.max_series {
            self.is_full = true;
            return Ok(());
        }
        let help = "Taken over from a Prometheus endpoint.";
        let metric = names::definition(sample.name, kind, Unit::None, help)
            .ok_or("no more foreign names than the agent keeps")?;
        let labels: Vec<_> = labels.iter().map(|(name, value)| (&**name, *value)).collect();
        self.sink.put(metric, &labels, sample.value);
        self.samples += 1;
        Ok(())
    }
}

const MILLIS_STALE: i64 = STALE_AFTER.as_millis() as i64;

/// A sample's labels as they travel: those whose names are ours are renamed to `exported_…` as Prometheus does.
fn foreign_labels<'a>(
    sample: &'a Sample<'_>,
) -> Result<Vec<(Cow<'a, str>, &'a str)>, &'static str> {
    let mut labels: Vec<(Cow<'a, str>, &'a str)> = Vec::with_capacity(sample.labels.len());
    for (name, value) in sample.labels.iter().filter(|(_, value)| !value.is_empty()) {
        if value.len() > MAX_VALUE_BYTES {
            return Err("label values of at most 1024 bytes");
        }
        let mut name = Cow::Borrowed(*name);
        if RESERVED_LABELS.contains(&&*name) {
            name = Cow::Owned(format!("exported_{name}"));
            while sample.label(&name).is_some() {
                name = Cow::Owned(format!("exported_{name}"));
            }
        }
        if name.len() > MAX_NAME_BYTES {
            return Err("label names of at most 128 bytes");
        }
        labels.push((name, value));
    }
    if labels.len() > MAX_LABELS {
        return Err("at most 32 labels");
    }
    Ok(labels)
}

impl AsyncProbe for ScrapeProbe {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: "scrape",
            job: self.job,
            lane: Lane::Slow,
            default_interval: self.settings.interval.get(),
            default_timeout: self.settings.timeout.get(),
        }
    }

    fn instance(&self) -> &str {
        &self.instance
    }

    /// Its own; what the endpoint names is known at its answer only.
    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    // Cancel-safe: nothing is kept between rounds but the settings.
    fn read<'a>(
        &'a mut self,
        sink: &'a mut Sink,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.round(sink))
    }

    fn timed_out(&mut self, sink: &mut Sink) -> Outcome {
        sink.put(&UP, &[], 0.0);
        let millis = u64::try_from(self.settings.timeout.get().as_millis()).unwrap_or(u64::MAX);
        Outcome::Partial(vec![ProbeError::TimedOut { millis }])
    }
}

impl fmt::Debug for ScrapeProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScrapeProbe").field("name", &self.settings.name).finish_non_exhaustive()
    }
}
