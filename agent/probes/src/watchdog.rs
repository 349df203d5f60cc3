//! Probe `watchdog`: the hardware that restarts a node which hangs, from `/sys/class/watchdog`.

use crate::attribute::{Reader, Round, Row, number};
use crate::context::Context;
use crate::metric::{gauge, info};
use agent_probe::{Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const NAME: &str = "watchdog";

static INFO: Metric = info(
    "node_watchdog_info",
    "What the watchdog is and whether it is active.",
    "/sys/class/watchdog/<name>/{identity,options,pretimeout_governor,state,status}",
);

metric_table! { ROWS: Row, VALUES;
    ("bootstatus", number) => gauge("node_watchdog_bootstatus", Unit::None, "Why the node was started: not 0 when the watchdog did it.", "/sys/class/watchdog/<name>/bootstatus"),
    ("timeout", number) => gauge("node_watchdog_timeout_seconds", Unit::Seconds, "Silence after which the watchdog restarts the node.", "/sys/class/watchdog/<name>/timeout"),
    ("pretimeout", number) => gauge("node_watchdog_pretimeout_seconds", Unit::Seconds, "Time before the restart at which it warns.", "/sys/class/watchdog/<name>/pretimeout"),
    ("timeleft", number) => gauge("node_watchdog_timeleft_seconds", Unit::Seconds, "Time left until the restart.", "/sys/class/watchdog/<name>/timeleft"),
    ("nowayout", number) => gauge("node_watchdog_nowayout", Unit::None, "1 when it cannot be stopped any more.", "/sys/class/watchdog/<name>/nowayout"),
    ("access_cs0", number) => gauge("node_watchdog_access_cs0", Unit::None, "Which flash the node was started from, where the watchdog chooses.", "/sys/class/watchdog/<name>/access_cs0"),
    ("fw_version", number) => gauge("node_watchdog_fw_version", Unit::None, "Firmware of the watchdog.", "/sys/class/watchdog/<name>/fw_version"),
}

static METRICS: [&Metric; 1 + VALUES.len()] = {
    let mut all = [&INFO; 1 + VALUES.len()];
    let mut at = 1;
    while at < all.len() {
        all[at] = VALUES[at - 1];
        at += 1;
    }
    all
};

/// The kernel's own limit (`MAX_DOGS`).
const MAX_DOGS: usize = 32;

pub(crate) struct Watchdog {
    class: PathBuf,
    reader: Reader,
}

impl Watchdog {
    pub(crate) fn new(context: &Context) -> Self {
        Self { class: context.root.sys("class/watchdog"), reader: Reader::default() }
    }
}

impl Probe for Watchdog {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            // The time left is asked of the board, over IPMI on some.
            lane: Lane::Slow,
            default_interval: Duration::from_secs(60),
            default_timeout: Duration::from_secs(10),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut round = Round::new(&mut self.reader, sink);
        for name in round.names(&self.class, MAX_DOGS) {
            let folder = self.class.join(&*name);
            let texts = ["identity", "options", "pretimeout_governor", "state", "status"]
                .map(|file| (file, round.text(&folder.join(file))));
            let [identity, options, governor, state, status] =
                texts.each_ref().map(|(file, text)| (*file, text.as_str()));
            let labels = [("name", &*name), identity, options, governor, state, status];
            round.put(&INFO, &labels, 1.0);
            round.put_rows(&folder, (ROWS, &VALUES), &[("name", &*name)]);
        }
        round.end(&self.class)
    }
}
