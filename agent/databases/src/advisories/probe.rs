//! A probe of a database whose version is judged beside its readings.

use super::version::Version;
use super::{Advisories, Product, Severity};
use crate::metric::gauge;
use agent_probe::{AsyncProbe, Outcome, ProbeSpec, Sample, Sink};
use shared_model::{Clock, Metric, Unit, topic};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

static AGE: Metric = gauge(
    "wardround_db_advisories_age_seconds",
    Unit::Seconds,
    "Age of the list of advisories that the node has.",
    "advisory_file: issued",
);
static BEHIND: Metric = gauge(
    "wardround_db_version_behind",
    Unit::None,
    "1 when the list knows a later release of the server's branch. Absent when it does not know the branch.",
    "advisory_file: latest",
);
static ENDED: Metric = gauge(
    "wardround_db_version_ended",
    Unit::None,
    "1 once the support of the server's branch has ended. Absent when the list does not know the branch.",
    "advisory_file: ends",
);
static VULNERABILITIES: Metric = gauge(
    "wardround_db_known_vulnerabilities",
    Unit::None,
    "Advisories that a later release of the server's branch answers, by severity. Absent when the list does not know the branch.",
    "advisory_file: fixes",
);

/// A probe whose readings are followed by what the list says of the server's version.
pub struct Advised {
    inner: Box<dyn AsyncProbe>,
    advisories: Arc<Advisories>,
    clock: Arc<dyn Clock>,
    metrics: &'static [&'static Metric],
}

impl Advised {
    /// Lets a list judge what a probe of a database reads.
    pub fn new(
        inner: Box<dyn AsyncProbe>,
        advisories: Arc<Advisories>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let own = [&AGE, &BEHIND, &ENDED, &VULNERABILITIES];
        // Probes live as long as the process.
        let metrics = inner.metrics().iter().copied().chain(own).collect::<Vec<_>>().leak();
        Self { inner, advisories, clock, metrics }
    }

    async fn round(&mut self, sink: &mut Sink) -> Outcome {
        let outcome = self.inner.read(sink).await;
        if let Some((product, version)) = sink.samples().iter().find_map(identity) {
            self.judge(product, &version, sink);
        }
        outcome
    }

    fn judge(&self, product: Product, version: &Version, sink: &mut Sink) {
        let now = self.clock.wall();
        sink.put(&AGE, &[], now.as_secs_f64() - self.advisories.issued.as_secs_f64());
        let Some(verdict) = self.advisories.judge(product, version, now) else {
            return;
        };
        sink.put(&BEHIND, &[], f64::from(u8::from(verdict.is_behind)));
        sink.put(&ENDED, &[], f64::from(u8::from(verdict.has_ended)));
        for severity in Severity::ALL {
            let count = verdict.open.iter().filter(|fix| fix.severity == severity).count();
            sink.put(&VULNERABILITIES, &[("severity", severity.as_str())], count as f64);
        }
        let latest = &verdict.branch.latest;
        let behind = verdict.is_behind.then(|| format!("{version}, latest is {latest}"));
        let open = verdict
            .open
            .iter()
            .map(|fix| format!("{} {}, fixed in {}", fix.id, fix.severity.as_str(), fix.fixed_in));
        sink.show(topic::VERSIONS, behind.into_iter().chain(open));
    }
}

/// What a server says it is. A fork that speaks the same protocol has numbers of its own, which the list does not know.
fn identity(sample: &Sample) -> Option<(Product, Version)> {
    let label = |name: &str| {
        sample.labels().iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value)
    };
    let text = label("version")?;
    let (product, number) = match sample.metric().name {
        "pg_static" => (Product::PostgreSql, text.strip_prefix("PostgreSQL ")?),
        "mysql_version_info" if text.contains("MariaDB") => (Product::MariaDb, text),
        "mysql_version_info" if !is_fork(text) => (Product::MySql, text),
        "wardround_db_version_info" => match label("product")? {
            "oracle" => (Product::Oracle, text),
            "sqlserver" => (Product::SqlServer, text),
            _ => return None,
        },
        _ => return None,
    };
    Some((product, Version::of(number)?))
}

/// TiDB and OceanBase give the version of the MySQL that they resemble, and their own after it.
fn is_fork(version: &str) -> bool {
    ["TiDB", "OceanBase", "GoldenDB"].iter().any(|fork| version.contains(fork))
}

impl AsyncProbe for Advised {
    fn spec(&self) -> ProbeSpec {
        self.inner.spec()
    }

    fn instance(&self) -> &str {
        self.inner.instance()
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        self.metrics
    }

    fn read<'a>(
        &'a mut self,
        sink: &'a mut Sink,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.round(sink))
    }

    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.inner.changed()
    }

    fn timed_out(&mut self, sink: &mut Sink) -> Outcome {
        self.inner.timed_out(sink)
    }
}

impl fmt::Debug for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advised").field("instance", &self.instance()).finish_non_exhaustive()
    }
}
