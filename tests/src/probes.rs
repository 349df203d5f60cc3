//! Which probes an agent of a test reads. The machine that runs the tests has faults of its own, which are no part of a scenario.

use agent_probes::NAMES;

/// Configuration that leaves out every probe of the server but those that are kept.
pub fn off_but(keep: &[&str]) -> String {
    let off = NAMES.iter().filter(|name| !keep.contains(name));
    off.map(|name| format!("[probe.{name}]\nenabled = false\n")).collect()
}
