//! Running one round of a probe and putting its samples into a comparable form.

use agent_probe::{HostRoot, Outcome, Probe, Sink};
use agent_probes::Context;
use shared_model::{Labels, NAME, SimClock, Timestamp};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The samples of one round by series.
pub(crate) type Samples = BTreeMap<Labels, f64>;

/// A clock at 2026-01-01T00:00:00Z.
pub(crate) fn clock() -> Arc<SimClock> {
    Arc::new(SimClock::at(Timestamp::from_secs(1_767_225_600)))
}

/// The probe `name` on the tree `root`.
pub(crate) fn probe(root: &Path, name: &str) -> Box<dyn Probe> {
    let context = Context::new(HostRoot::at(root), clock());
    agent_probes::by_name(&context, name).expect("a known probe")
}

/// One round of `probe`.
pub(crate) fn round(probe: &mut dyn Probe, sink: &mut Sink) -> (Outcome, Samples) {
    sink.begin();
    let outcome = probe.read(sink);
    let declared = probe.metrics();
    let samples = sink.samples().iter().filter_map(|sample| {
        let metric = sample.metric();
        assert!(
            declared.iter().any(|known| std::ptr::eq(*known, metric)),
            "{} is not declared",
            metric.name
        );
        let labels = sample.labels().iter().map(|(name, value)| (&**name, &**value));
        Some((Labels::from_pairs(labels.chain([(NAME, metric.name)])), sample.value()?))
    });
    (outcome, samples.collect())
}

/// The first round of the probe `name` on the tree `root`.
pub(crate) fn first_round(root: &Path, name: &str) -> (Outcome, Samples) {
    round(&mut *probe(root, name), &mut Sink::default())
}

/// The value of the series that is printed as `series`.
pub(crate) fn value(samples: &Samples, series: &str) -> Option<f64> {
    let mut found = samples.iter().filter(|(labels, _)| labels.to_string() == series);
    found.next().map(|(_, value)| *value)
}

/// As the goldens are written.
pub(crate) fn print(samples: &Samples) -> String {
    let mut lines: Vec<_> =
        samples.iter().map(|(labels, value)| format!("{labels} {value}\n")).collect();
    lines.sort();
    lines.concat()
}

/// A tree of the project.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A copy of a tree of the project, to be broken.
pub(crate) fn copy(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    copy_folder(&fixture(name), copy.path());
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let (entry, target) =
            entry.map(|entry| (entry.path(), to.join(entry.file_name()))).expect("an entry");
        if entry.is_symlink() {
            // Copied as what it is: sysfs has links back up.
            let points_to = fs::read_link(&entry).expect("a link");
            std::os::unix::fs::symlink(points_to, &target).expect("a new link");
        } else if entry.is_dir() {
            fs::create_dir(&target).expect("a new folder");
            copy_folder(&entry, &target);
        } else {
            fs::copy(&entry, &target).expect("a copy");
        }
    }
}
