//! Probe `timex`: how the kernel disciplines its clock and whether somebody keeps it synchronised, from `adjtimex(2)`.
//!
//! Only on a live host: a captured tree has no clock.

mod call;

use crate::context::Context;
use crate::metric::gauge;
use agent_probe::{Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use call::Reading;
use shared_model::{Metric, Unit};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const NAME: &str = "timex";

type Value = fn(&Reading) -> f64;

// `timex.status` bit STA_NANO says whether offset and jitter are nanoseconds or microseconds.
metric_table! { VALUES: Value, METRICS;
    |r| f64::from(u8::from(r.is_synchronised)) => gauge("node_timex_sync_status", Unit::None, "1 when somebody (NTP, PTP) keeps the clock synchronised.", "adjtimex(2), not TIME_ERROR"),
    |r| r.offset as f64 / r.per_second() => gauge("node_timex_offset_seconds", Unit::Seconds, "How far the clock is from its reference.", "adjtimex(2) offset"),
    |r| r.max_error_micros as f64 / 1e6 => gauge("node_timex_maxerror_seconds", Unit::Seconds, "Most that the clock may be wrong; grows without synchronisation.", "adjtimex(2) maxerror"),
    |r| r.estimated_error_micros as f64 / 1e6 => gauge("node_timex_estimated_error_seconds", Unit::Seconds, "How much the clock is likely wrong.", "adjtimex(2) esterror"),
    |r| 1.0 + r.frequency as f64 / (1e6 * 65536.0) => gauge("node_timex_frequency_adjustment_ratio", Unit::Ratio, "By how much the clock is made to run faster.", "adjtimex(2) freq"),
    |r| f64::from(r.status) => gauge("node_timex_status", Unit::None, "Status bits of the clock.", "adjtimex(2) status"),
    |r| r.time_constant as f64 => gauge("node_timex_loop_time_constant", Unit::None, "Time constant of the phase-locked loop.", "adjtimex(2) constant"),
    |r| r.tick_micros as f64 / 1e6 => gauge("node_timex_tick_seconds", Unit::Seconds, "Time between two ticks of the clock.", "adjtimex(2) tick"),
    |r| f64::from(r.tai_offset_seconds) => gauge("node_timex_tai_offset_seconds", Unit::Seconds, "By how much atomic time is ahead of the clock.", "adjtimex(2) tai"),
}

pub(crate) struct Timex {
    is_live: bool,
}

impl Timex {
    pub(crate) fn new(context: &Context) -> Self {
        Self { is_live: context.root.is_live() }
    }
}

impl Probe for Timex {
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
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        if !self.is_live {
            return Outcome::Absent("a captured tree has no clock".to_owned());
        }
        match call::read() {
            Ok(reading) => {
                for (value, metric) in VALUES.iter().zip(METRICS) {
                    sink.put(metric, &[], value(&reading));
                }
                Outcome::Sampled
            }
            Err(source) => {
                Outcome::Failed(ProbeError::Read { path: PathBuf::from("adjtimex"), source })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(reading: &Reading) -> Vec<f64> {
        VALUES.iter().map(|value| value(reading)).collect()
    }

    /// Scenario: a clock that counts in nanoseconds, the same in microseconds. Guarantees: seconds either way.
    #[test]
    fn units_follow_the_status() {
        let mut reading = Reading {
            is_synchronised: true,
            is_nanoseconds: true,
            offset: -1500,
            max_error_micros: 16_000_000,
            estimated_error_micros: 250,
            frequency: 65_536_000_000,
            status: 0x2001,
            time_constant: 7,
            tick_micros: 10_000,
            tai_offset_seconds: 37,
        };
        assert_eq!(values(&reading), [1.0, -1.5e-6, 16.0, 0.00025, 2.0, 8193.0, 7.0, 0.01, 37.0]);
        reading.is_nanoseconds = false;
        reading.is_synchronised = false;
        assert_eq!(values(&reading)[..2], [0.0, -1.5e-3]);
    }

    /// Scenario: the live clock. Guarantees: the call is allowed to anybody and the tick is that of the kernel.
    #[test]
    fn the_live_clock_is_read() {
        let reading = call::read().expect("adjtimex needs no right when nothing is set");
        assert!((9_000..=11_000).contains(&reading.tick_micros), "{reading:?}");
    }
}
