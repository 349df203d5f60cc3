//! Probe `bonding`: how many legs each bond has and how many of them have a link, from `/sys/class/net/<bond>`.

use crate::attribute::{Reader, Round, number};
use crate::context::Context;
use crate::metric::{counter, gauge};
use agent_probe::{Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const NAME: &str = "bonding";

static SLAVES: Metric = gauge(
    "node_bonding_slaves",
    Unit::None,
    "Legs that the bond is configured with.",
    "/sys/class/net/<bond>/bonding/slaves",
);
static ACTIVE: Metric = gauge(
    "node_bonding_active",
    Unit::None,
    "Legs of the bond with a link.",
    "/sys/class/net/<bond>/lower_<leg>/bonding_slave/mii_status",
);
static SLAVE_UP: Metric = gauge(
    "wardround_bonding_slave_up",
    Unit::None,
    "1 when the leg has a link.",
    "/sys/class/net/<bond>/lower_<leg>/bonding_slave/mii_status",
);
static FAILURES: Metric = counter(
    "wardround_bonding_slave_link_failures_total",
    Unit::None,
    "Times that the leg lost its link.",
    "/sys/class/net/<bond>/lower_<leg>/bonding_slave/link_failure_count",
);
static METRICS: &[&Metric] = &[&SLAVES, &ACTIVE, &SLAVE_UP, &FAILURES];

/// More bonds, and more legs of one, than a chassis has ports for.
const MAX_BONDS: usize = 64;
const MAX_LEGS: usize = 64;

pub(crate) struct Bonding {
    class: PathBuf,
    reader: Reader,
}

impl Bonding {
    pub(crate) fn new(context: &Context) -> Self {
        Self { class: context.root.sys("class/net"), reader: Reader::default() }
    }
}

impl Probe for Bonding {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Fast,
            default_interval: Duration::from_secs(5),
            default_timeout: Duration::from_millis(500),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut round = Round::new(&mut self.reader, sink);
        let masters = self.class.join("bonding_masters");
        let bonds = round.text(&masters);
        for bond in bonds.split_ascii_whitespace().take(MAX_BONDS) {
            read_bond(&self.class.join(bond), bond, &mut round);
        }
        round.end(&masters)
    }
}

fn read_bond(folder: &Path, bond: &str, round: &mut Round<'_>) {
    let Some(legs) = round.some_text(&folder.join("bonding/slaves")) else { return };
    let (mut slaves, mut active) = (0, 0);
    for leg in legs.split_ascii_whitespace().take(MAX_LEGS) {
        slaves += 1;
        let [lower, older] = ["lower", "slave"].map(|kind| folder.join(format!("{kind}_{leg}")));
        // Kernels before 3.9 know the link under its older name.
        let leg_folder = if lower.exists() { lower } else { older };
        let Some(is_up) = has_link(&leg_folder, round) else { continue };
        active += u32::from(is_up);
        let labels = [("master", bond), ("slave", leg)];
        round.put(&SLAVE_UP, &labels, f64::from(u8::from(is_up)));
        let failures = leg_folder.join("bonding_slave/link_failure_count");
        if let Some(count) = round.value(&failures, number) {
            round.put(&FAILURES, &labels, count);
        }
    }
    round.put(&SLAVES, &[("master", bond)], f64::from(slaves));
    round.put(&ACTIVE, &[("master", bond)], f64::from(active));
}

/// What the bond found out about the leg; where an old kernel does not tell, the leg's own state.
fn has_link(leg: &Path, round: &mut Round<'_>) -> Option<bool> {
    let status = round.some_text(&leg.join("bonding_slave/mii_status"));
    status.or_else(|| round.some_text(&leg.join("operstate"))).map(|status| status == "up")
}
