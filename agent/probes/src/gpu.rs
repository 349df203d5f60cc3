//! Probe `gpu`: NVIDIA GPUs, through their management library, which is loaded when it is there.
//!
//! The library is asked in `library.rs`; what its answers mean is in `reading.rs`, which knows nothing of it. A driver that
//! hangs holds up the thread of this probe only.

mod library;
mod reading;

use crate::context::Context;
use crate::tally::Tally;
use agent_probe::{Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use library::Library;
use shared_model::Metric;
use std::time::Duration;

pub(crate) const NAME: &str = "gpu";

/// Rounds until the library is looked for again: it comes with the installation of a driver.
const RETRY_ROUNDS: u32 = 60;

pub(crate) struct Gpu {
    is_live: bool,
    library: Option<Library>,
    why_absent: String,
    rounds_to_retry: u32,
}

impl Gpu {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            is_live: context.root.is_live(),
            library: None,
            why_absent: String::new(),
            rounds_to_retry: 0,
        }
    }
}

impl Probe for Gpu {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(5),
            default_timeout: Duration::from_secs(4),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &reading::METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        if !self.is_live {
            return Outcome::Absent("a captured tree has no GPU".to_owned());
        }
        if self.library.is_none() {
            if self.rounds_to_retry > 0 {
                self.rounds_to_retry -= 1;
                return Outcome::Absent(self.why_absent.clone());
            }
            self.rounds_to_retry = RETRY_ROUNDS;
            match Library::load() {
                Ok(library) => self.library = Some(library),
                Err(why) => self.why_absent = why,
            }
        }
        let Some(library) = &mut self.library else {
            return Outcome::Absent(self.why_absent.clone());
        };
        let mut tally = Tally::default();
        match library.read() {
            Ok(readings) => {
                for reading in &readings {
                    reading.put(sink);
                    tally.sampled();
                }
                if readings.is_empty() {
                    return Outcome::Absent("no NVIDIA GPU".to_owned());
                }
            }
            Err(what) => tally.complain(ProbeError::Query { what }),
        }
        tally.outcome()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_probe::HostRoot;
    use shared_model::{SimClock, Timestamp};
    use std::sync::Arc;

    /// Scenario: a machine without the library. Guarantees: absent with the reason, in every round, and no sample; on a
    /// machine that has it the readings are there.
    #[test]
    fn a_missing_library_is_absent() {
        let clock = Arc::new(SimClock::at(Timestamp::from_secs(1_767_225_600)));
        let mut probe = Gpu::new(&Context::new(HostRoot::live(), clock));
        let mut sink = Sink::default();
        for _ in 0..3 {
            sink.begin();
            match probe.read(&mut sink) {
                Outcome::Absent(why) => {
                    assert!(!why.is_empty() && sink.samples().is_empty(), "{why}");
                }
                other => assert!(!sink.samples().is_empty(), "{other:?}"),
            }
        }
    }
}
