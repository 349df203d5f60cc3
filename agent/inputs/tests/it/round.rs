//! Running one round of a probe and putting its samples into a comparable form.

use agent_probe::{AsyncProbe, Outcome, Sink};
use shared_model::{Labels, NAME, SimClock, Timestamp};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A clock at 2026-01-01T00:00:00Z.
pub(crate) fn clock() -> Arc<SimClock> {
    Arc::new(SimClock::at(Timestamp::from_secs(1_767_225_600)))
}

/// One round: how it ended, what it complained of, and its samples as the goldens are written.
pub(crate) async fn round(probe: &mut dyn AsyncProbe, sink: &mut Sink) -> (Outcome, String) {
    sink.begin();
    let outcome = probe.read(sink).await;
    let mut lines: Vec<String> = Vec::new();
    for sample in sink.samples() {
        let Some(value) = sample.value() else { continue };
        let labels = sample.labels().iter().map(|(name, value)| (&**name, &**value));
        let labels = Labels::from_pairs(labels.chain([(NAME, sample.metric().name)]));
        lines.push(format!("{labels} {value}\n"));
    }
    lines.sort();
    (outcome, lines.concat())
}

/// What a round complained of, a line each; `sampled`, `absent: …` or `failed: …` without.
pub(crate) fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Sampled => "sampled".to_owned(),
        Outcome::Absent(why) => format!("absent: {why}"),
        Outcome::Failed(error) => format!("failed: {error}"),
        Outcome::Partial(errors) => errors.iter().fold(String::new(), |mut all, error| {
            writeln!(all, "{error}").unwrap();
            all
        }),
    }
}

/// The value of a series.
pub(crate) fn value(samples: &str, series: &str) -> Option<f64> {
    let line = samples
        .lines()
        .find(|line| line.strip_prefix(series).is_some_and(|v| v.starts_with(' ')))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// A file of the project.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Holds samples against a golden; with `UPDATE_GOLDENS` it is written instead, to be reviewed.
pub(crate) fn golden(name: &str, samples: &str) {
    let path = fixture(name);
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, samples).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(samples, expected, "{name}; UPDATE_GOLDENS=1 writes it anew");
}

/// Cases of a property test; in the long form enough for some half a minute each.
pub(crate) fn cases(short: u32) -> u32 {
    if std::env::var("WARDROUND_TESTS").as_deref() == Ok("long") { short * 200 } else { short }
}
