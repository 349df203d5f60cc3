//! A node with its certificate, spool and clock.

use super::collector::Collector;
use crate::spool::SpoolLimits;
use crate::{Uplink, UplinkConfig, start};
use rustls::ClientConfig;
use shared_model::{
    Batch, Block, BootTime, Catalog, Clock, Kind, NodeIdentity, SeriesDef, SeriesSet, Timestamp,
    Unit,
};
use shared_runtime::SystemClock;
use shared_runtime::tls::{Authority, NodeCredentials, NodeKey, client_config};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The system's clock, whose time since boot can be moved ahead.
#[derive(Default)]
pub(super) struct TestClock(AtomicU64);

impl TestClock {
    pub(super) fn jump(&self, span: Duration) {
        self.0.fetch_add(span.as_micros() as u64, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn wall(&self) -> Timestamp {
        SystemClock.wall()
    }

    fn boot(&self) -> BootTime {
        SystemClock.boot().plus(Duration::from_micros(self.0.load(Ordering::Relaxed)))
    }
}

/// A running agent's uplink.
pub(super) struct Node {
    pub(super) uplink: Uplink,
    pub(super) clock: Arc<TestClock>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Node {
    /// Starts with the spool in `dir` towards a collector.
    pub(super) fn start(dir: &Path, collector: &Collector) -> Self {
        Self::start_with(dir, &collector.address, credentials(&collector.authority))
    }

    pub(super) fn start_with(dir: &Path, address: &str, tls: Arc<ClientConfig>) -> Self {
        let clock = Arc::new(TestClock::default());
        let config = UplinkConfig {
            address: address.to_owned(),
            data_dir: dir.to_owned(),
            identity: identity(),
            boot_id: [1; 16],
            limits: SpoolLimits::default(),
            agent_version: "0.1.0".into(),
        };
        let shared: Arc<TestClock> = Arc::clone(&clock);
        let (uplink, task) = start(config, tls, shared).unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(task.run(async {
            let _told = stopped.await;
        }));
        Self { uplink, clock, stop, task }
    }

    /// Stops in order.
    pub(super) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }

    /// Dies: nothing is said or synced.
    pub(super) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err());
    }
}

pub(super) fn identity() -> NodeIdentity {
    NodeIdentity::new("acme", "h1", "a1", "db-1").unwrap()
}

/// A client configuration with a fresh certificate of an authority.
pub(super) fn credentials(authority: &Authority) -> Arc<ClientConfig> {
    credentials_trusting(authority, authority)
}

pub(super) fn credentials_trusting(issuer: &Authority, trusted: &Authority) -> Arc<ClientConfig> {
    let key = NodeKey::generate().unwrap();
    let request = key.request_der().unwrap();
    let issued = issuer
        .issue_node(&request, &identity(), SystemClock.wall(), Duration::from_secs(30 * 86_400))
        .unwrap();
    let credentials = NodeCredentials {
        key_pem: key.pem(),
        certificate_pem: issued.certificate_pem,
        ca_pem: trusted.certificate_pem().to_owned(),
    };
    Arc::new(client_config(&credentials).unwrap())
}

/// An authority in a folder of its own.
pub(super) fn authority() -> (Arc<Authority>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Arc::new(Authority::open(dir.path(), SystemClock.wall()).unwrap()), dir)
}

/// The catalog of generation `n`: `n` series in one set each.
pub(super) fn catalog(n: u32) -> Catalog {
    let series = (1..=n).map(|reference| SeriesDef {
        reference,
        name: format!("m{reference}").into(),
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: vec![],
    });
    let sets = (1..=n).map(|id| SeriesSet {
        id,
        job: "node".into(),
        instance: "".into(),
        references: vec![id],
    });
    Catalog { generation: n, base: 0, series: series.collect(), sets: sets.collect() }
}

/// What generation `n` adds to the one before.
pub(super) fn delta(n: u32) -> Catalog {
    let full = catalog(n);
    let at = n as usize - 1;
    Catalog {
        generation: n,
        base: n - 1,
        series: full.series[at..].to_vec(),
        sets: full.sets[at..].to_vec(),
    }
}

/// A round of one value, for generation 1.
pub(super) fn round(value: u64) -> Batch {
    let times = vec![Timestamp::from_secs(1_763_867_045 + value as i64)];
    Batch { generation: 1, blocks: vec![Block { set: 1, times, values: vec![Some(value as f64)] }] }
}
