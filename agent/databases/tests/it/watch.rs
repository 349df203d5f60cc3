//! A probe that is read round by round.

use crate::mariadb_server::MariaDb;
use crate::server::Server;
use agent_databases::{
    CoreService, CoreServiceProbe, MysqlInstance, MysqlProbe, PostgresInstance, PostgresProbe,
};
use agent_probe::{AsyncProbe, Outcome, Sample, Sink};
use shared_runtime::SystemClock;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// Time between rounds while a state is waited for.
const PACE: Duration = Duration::from_millis(20);

/// Rounds after which a state that a test waits for counts as never reached: at 20 ms each, 30 s.
pub(crate) const ROUNDS_MAX: u32 = 1_500;

/// A probe and what its last round sampled.
pub(crate) struct Watch {
    pub(crate) probe: Box<dyn AsyncProbe>,
    pub(crate) sink: Sink,
    /// Time between rounds while a state is waited for.
    pace: Duration,
}

impl Watch {
    pub(crate) fn instance(server: &Server, extra: &str) -> Self {
        let settings: PostgresInstance = toml::from_str(&server.keys(extra)).unwrap();
        Self::over(Box::new(PostgresProbe::new(&settings, Arc::new(SystemClock))))
    }

    pub(crate) fn service(server: &Server, query: &str) -> Self {
        let extra = format!("name = \"registration\"\nquery = \"{query}\"");
        let settings: CoreService = toml::from_str(&server.keys(&extra)).unwrap();
        Self::over(Box::new(CoreServiceProbe::new(&settings, Arc::new(SystemClock))))
    }

    pub(crate) fn mariadb(server: &MariaDb, extra: &str) -> Self {
        let settings: MysqlInstance = toml::from_str(&server.keys(extra)).unwrap();
        let probe = Self::over(Box::new(MysqlProbe::new(&settings, Arc::new(SystemClock))));
        // The server gathers its tables of locks anew only when nobody has read them for 100 ms (trx0i_s.cc).
        Self { pace: Duration::from_millis(150), ..probe }
    }

    pub(crate) fn mariadb_service(server: &MariaDb, query: &str) -> Self {
        let extra = format!("name = \"registration\"\nengine = \"mysql\"\nquery = \"{query}\"");
        let settings: CoreService = toml::from_str(&server.keys(&extra)).unwrap();
        Self::over(Box::new(CoreServiceProbe::new(&settings, Arc::new(SystemClock))))
    }

    pub(crate) fn over(probe: Box<dyn AsyncProbe>) -> Self {
        Self { probe, sink: Sink::default(), pace: PACE }
    }

    /// A new session that goes on with what was said before, as the runner does.
    pub(crate) fn following(self, before: Self) -> Self {
        Self { sink: before.sink, ..self }
    }

    /// One round, as the runner does it.
    pub(crate) async fn round(&mut self) -> Outcome {
        let timeout = self.probe.spec().default_timeout;
        self.sink.begin();
        let read = tokio::time::timeout(timeout, self.probe.read(&mut self.sink)).await;
        match read {
            Ok(outcome) => outcome,
            Err(_) => {
                self.sink.begin();
                self.probe.timed_out(&mut self.sink)
            }
        }
    }

    /// Waits until the probe itself says that something changed.
    pub(crate) async fn changed(&mut self) {
        let changed = tokio::time::timeout(Duration::from_secs(30), self.probe.changed()).await;
        changed.expect("the end of the session is told");
    }

    pub(crate) async fn sampled(&mut self) {
        let outcome = self.round().await;
        assert!(matches!(outcome, Outcome::Sampled), "{outcome:?}");
    }

    /// The value of a series given as `name{label="value",…}`.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        self.sink.samples().iter().find(|s| print(s) == series).and_then(Sample::value)
    }

    /// Whether every series has the value.
    pub(crate) fn shows(&self, expected: &[(&str, f64)]) -> bool {
        expected.iter().all(|(series, value)| self.value(series) == Some(*value))
    }

    pub(crate) fn expect(&self, expected: &[(&str, f64)]) {
        for (series, value) in expected {
            assert_eq!(self.value(series), Some(*value), "{series}");
        }
    }

    /// What was said last of a topic.
    pub(crate) fn said(&self, topic: &str) -> Vec<&str> {
        let shown = self.sink.shown().iter().find(|shown| shown.topic == topic);
        shown.map(|shown| shown.lines.iter().map(|line| &**line).collect()).unwrap_or_default()
    }

    /// Rounds every 20 ms until `reached`; a state that is never reached fails.
    pub(crate) async fn until(&mut self, what: &str, reached: impl Fn(&Self) -> bool) {
        let mut pace = tokio::time::interval(self.pace);
        for _ in 0..ROUNDS_MAX {
            pace.tick().await;
            self.round().await;
            if reached(self) {
                return;
            }
        }
        panic!("{what} was not seen within {ROUNDS_MAX} rounds");
    }
}

pub(crate) fn print(sample: &Sample) -> String {
    let mut text = sample.metric().name.to_owned();
    let mut separator = '{';
    for (name, value) in sample.labels() {
        write!(text, "{separator}{name}=\"{value}\"").unwrap();
        separator = ',';
    }
    if separator == ',' {
        text.push('}');
    }
    text
}
