//! One port: its state, its rate and the counters that its driver offers.

use super::counters::{self, Row};
use super::identity::PortIdentity;
use crate::field;
use crate::metric::gauge;
use crate::tally::Tally;
use agent_probe::{HostFile, ProbeError, Sink};
use shared_model::{Metric, Unit};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

static STATE: Metric = gauge(
    "node_infiniband_state_id",
    Unit::None,
    "State of the port: 0 no change, 1 down, 2 init (no subnet manager), 3 armed, 4 active, 5 active defer.",
    "/sys/class/infiniband/<device>/ports/<port>/state",
);
static PHYSICAL_STATE: Metric = gauge(
    "node_infiniband_physical_state_id",
    Unit::None,
    "Physical state of the port: 0 no change, 1 sleep, 2 polling, 3 disabled, 4 training, 5 link up, 6 link error \
     recovery, 7 phy test.",
    "/sys/class/infiniband/<device>/ports/<port>/phys_state",
);
static RATE: Metric = gauge(
    "node_infiniband_rate_bytes_per_second",
    Unit::BytesPerSecond,
    "Signalling rate of the link as it is now.",
    "/sys/class/infiniband/<device>/ports/<port>/rate, Gb/s of 10^9 bits",
);
static SATURATED: Metric = gauge(
    "wardround_infiniband_counter_saturated",
    Unit::None,
    "1 when the counter stands at its highest value and stays there until it is reset, so that new errors are not seen.",
    "/sys/class/infiniband/<device>/ports/<port>/counters, compared with the width of the PortCounters attribute",
);
pub(super) const METRICS: [&Metric; 4] = [&STATE, &PHYSICAL_STATE, &RATE, &SATURATED];

type Parse = fn(&[u8]) -> Option<f64>;

pub(super) struct Port {
    name: Box<str>,
    folder: PathBuf,
    readings: [(&'static Metric, HostFile, Parse, &'static str); 3],
    identity: PortIdentity,
    /// In the order of the table, for the sink's sake.
    counters: Vec<Counter>,
}

struct Counter {
    row: usize,
    file: HostFile,
}

impl Port {
    pub(super) fn new(name: Box<str>, ports: &Path) -> Self {
        let folder = ports.join(&*name);
        let file = |name| HostFile::new(folder.join(name));
        let readings: [(&'static Metric, HostFile, Parse, &'static str); 3] = [
            (&STATE, file("state"), state, "a state such as 4: ACTIVE"),
            (&PHYSICAL_STATE, file("phys_state"), state, "a state such as 5: LinkUp"),
            (&RATE, file("rate"), rate, "a rate such as 100 Gb/sec (4X EDR)"),
        ];
        Self { name, folder, readings, identity: PortIdentity::default(), counters: Vec::new() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Reads what changes seldom.
    pub(super) fn describe(&mut self, tally: &mut Tally) {
        self.identity = PortIdentity::read(&self.folder, tally);
    }

    /// Looks which counters the driver offers now.
    pub(super) fn find_counters(&mut self) {
        let mut known = std::mem::take(&mut self.counters).into_iter().peekable();
        for (row, Row { path, .. }) in counters::ROWS.iter().enumerate() {
            let path = self.folder.join(path);
            let kept = known.next_if(|counter| counter.row == row);
            if path.exists() {
                let counter = kept.unwrap_or_else(|| Counter { row, file: HostFile::new(path) });
                self.counters.push(counter);
            }
        }
    }

    /// Puts in everything that can be read; `false` when something could not.
    pub(super) fn read(&mut self, device: &str, sink: &mut Sink, tally: &mut Tally) -> bool {
        let labels = [("device", device), ("port", &*self.name)];
        let mut complete = true;
        for (metric, file, parse, expected) in &mut self.readings {
            match file.read().map(|text| parse(text.trim_ascii())) {
                Ok(Some(value)) => sink.put(metric, &labels, value),
                Ok(None) => tally.bad_line(1, expected),
                Err(error) => {
                    tally.complain(error);
                    complete = false;
                }
            }
            tally.end_file(file.path());
        }
        self.identity.put(labels, sink);
        for counter in &mut self.counters {
            complete &= counter.read(labels, sink, tally);
        }
        complete
    }
}

impl Counter {
    fn read(&mut self, labels: [(&str, &str); 2], sink: &mut Sink, tally: &mut Tally) -> bool {
        let (Some(row), Some(metric)) =
            (counters::ROWS.get(self.row), counters::METRICS.get(self.row))
        else {
            return true;
        };
        match self.file.read().map(<[u8]>::trim_ascii) {
            // A port without a performance management agent says `N/A (no PMA)`.
            Ok(text) if text.starts_with(b"N/A") => {}
            Ok(text) => match field::number(text) {
                Some(value) => {
                    sink.put(metric, &labels, value as f64 * row.scale);
                    put_saturated(row, value, labels, sink);
                }
                None => tally.bad_line(1, "a number"),
            },
            Err(error) if is_unsupported(&error) => {}
            Err(error) => {
                tally.complain(error);
                return false;
            }
        }
        tally.end_file(self.file.path());
        true
    }
}

fn put_saturated(row: &Row, value: u64, [device, port]: [(&str, &str); 2], sink: &mut Sink) {
    let Some(bits) = row.saturates_at_bits else { return };
    let is_saturated = value == (1 << bits) - 1;
    let counter = row.path.rsplit('/').next().unwrap_or(row.path);
    sink.put(&SATURATED, &[device, port, ("counter", counter)], f64::from(u8::from(is_saturated)));
}

/// Drivers answer EINVAL or EOPNOTSUPP for counters that their hardware does not have.
fn is_unsupported(error: &ProbeError) -> bool {
    let unsupported = [ErrorKind::InvalidInput, ErrorKind::Unsupported];
    matches!(error, ProbeError::Read { source, .. } if unsupported.contains(&source.kind()))
}

/// `4: ACTIVE`.
fn state(text: &[u8]) -> Option<f64> {
    let colon = text.iter().position(|b| *b == b':')?;
    field::number(text.get(..colon)?).map(|id| id as f64)
}

/// `100 Gb/sec (4X EDR)`.
fn rate(text: &[u8]) -> Option<f64> {
    const BYTES_PER_GIGABIT: f64 = 125_000_000.0;
    let mut words = field::words(text);
    let gigabits = field::decimal(words.next()?)?;
    (words.next()? == b"Gb/sec").then_some(gigabits * BYTES_PER_GIGABIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: rates of old and new links, and texts that are none. Guarantees: bytes per second, or nothing.
    #[test]
    fn rates_are_bytes_per_second() {
        for (text, expected) in [
            ("2.5 Gb/sec (1X SDR)", Some(312_500_000.0)),
            ("100 Gb/sec (4X EDR)", Some(12_500_000_000.0)),
            ("400 Gb/sec (4X NDR)", Some(50_000_000_000.0)),
            ("0 Gb/sec", Some(0.0)),
            ("100", None),
            ("100 Mb/sec", None),
            ("", None),
        ] {
            assert_eq!(
                rate(text.as_bytes()).map(f64::to_bits),
                expected.map(f64::to_bits),
                "{text:?}"
            );
        }
    }
}
