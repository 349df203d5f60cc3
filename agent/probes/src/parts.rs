//! Probe `parts`: a fingerprint of what the machine is made of, so that an exchanged, added or missing part is noticed,
//! also when it was exchanged while the machine was off: the collector remembers the last fingerprint.

mod identity;
mod smbios;

use crate::context::Context;
use crate::metric::gauge;
use agent_probe::{HostRoot, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "parts";

static FINGERPRINT: Metric = gauge(
    "wardround_parts_fingerprint",
    Unit::None,
    "A number made of the identities of all parts of a kind (48 bits of FNV-1a): another number is another set of parts.",
    "/sys/class/dmi/id, /sys/firmware/dmi/tables/DMI, /proc/cpuinfo, /sys/block, /sys/class/{nvme,net,infiniband}",
);
static COUNT: Metric = gauge(
    "wardround_parts_count",
    Unit::None,
    "Parts of a kind; of the processor its logical ones.",
    "the same",
);
static METRICS: [&Metric; 2] = [&FINGERPRINT, &COUNT];

pub(crate) struct Parts {
    root: HostRoot,
}

impl Parts {
    pub(crate) fn new(context: &Context) -> Self {
        Self { root: context.root.clone() }
    }
}

impl Probe for Parts {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(60),
            default_timeout: Duration::from_secs(10),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut found = false;
        for (part, identities) in identity::all(&self.root) {
            if identities.is_empty() {
                continue;
            }
            found = true;
            sink.put(&FINGERPRINT, &[("part", part)], fingerprint(identities.clone()));
            sink.put(&COUNT, &[("part", part)], identities.len() as f64);
        }
        match found {
            true => Outcome::Sampled,
            false => Outcome::Absent("no part that says what it is".to_owned()),
        }
    }
}

/// The same for the same parts in any order; exact as a sample.
fn fingerprint(mut identities: Vec<String>) -> f64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    const START: u64 = 0xcbf2_9ce4_8422_2325;
    identities.sort_unstable();
    let bytes = identities.iter().flat_map(|one| one.bytes().chain([b'\n']));
    let hash = bytes.fold(START, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    (hash >> 16) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the same disks in another order, one exchanged, one gone. Guarantees: only a change of parts changes it, and
    /// it is a whole number that a sample holds exactly.
    #[test]
    fn only_other_parts_are_another_fingerprint() {
        let of = |names: &[&str]| fingerprint(names.iter().map(|n| (*n).to_owned()).collect());
        let two = of(&["a 1", "b 2"]);
        assert_eq!(two.to_bits(), of(&["b 2", "a 1"]).to_bits());
        for other in [&["a 1", "b 3"][..], &["a 1"], &["a 1b 2"], &["a 1", "b 2", "b 2"]] {
            assert!((two - of(other)).abs() >= 1.0, "{other:?}");
        }
        assert!(two < 2_f64.powi(48) && two.fract() == 0.0);
    }
}
