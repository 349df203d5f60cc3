//! The log page 0x02, SMART / Health Information (NVM Express Base Specification, section Get Log Page).
//!
//! Numbers are little-endian. Counters have 16 bytes; beyond 2^53 the value loses its last digits, which no drive reaches.

use crate::metric::{counter, gauge};
use agent_probe::Sink;
use shared_model::Unit;

/// Length of the page.
pub(super) const BYTES: usize = 512;

/// Where a number is and what makes it the metric's unit.
#[derive(Clone, Copy)]
pub(super) struct Row {
    at: usize,
    width: usize,
    scale: f64,
    /// Added after scaling; temperatures are in kelvins.
    offset: f64,
}

const fn row(at: usize, width: usize, scale: f64) -> Row {
    Row { at, width, scale, offset: 0.0 }
}

const SOURCE: &str = "NVME_IOCTL_ADMIN_CMD on /dev/<device>, log page 0x02";
/// Data units are thousands of 512 bytes.
const DATA_UNIT: f64 = 512_000.0;
const HOUR: f64 = 3600.0;
const MINUTE: f64 = 60.0;
const PERCENT: f64 = 0.01;

metric_table! { ROWS: Row, METRICS;
    row(0, 1, 1.0) => gauge("wardround_nvme_critical_warning", Unit::None,
        "What the drive warns of, 0 for nothing, else a sum: 1 spare blocks low, 2 too hot or cold, 4 reliability degraded, \
         8 read-only, 16 backup of volatile memory failed, 32 persistent memory unreliable.", SOURCE),
    Row { at: 1, width: 2, scale: 1.0, offset: -273.15 } => gauge("wardround_nvme_temperature_celsius", Unit::None,
        "Composite temperature of the drive.", SOURCE),
    row(3, 1, PERCENT) => gauge("wardround_nvme_available_spare_ratio", Unit::Ratio,
        "Spare blocks that are left.", SOURCE),
    row(4, 1, PERCENT) => gauge("wardround_nvme_available_spare_threshold_ratio", Unit::Ratio,
        "Spare blocks below which the drive warns.", SOURCE),
    row(5, 1, PERCENT) => gauge("wardround_nvme_percentage_used_ratio", Unit::Ratio,
        "Endurance used up by the maker's estimate; goes beyond 1, and stops at 2.55.", SOURCE),
    row(32, 16, DATA_UNIT) => counter("wardround_nvme_data_read_bytes_total", Unit::Bytes,
        "Bytes read from the drive in its life.", SOURCE),
    row(48, 16, DATA_UNIT) => counter("wardround_nvme_data_written_bytes_total", Unit::Bytes,
        "Bytes written to the drive in its life.", SOURCE),
    row(96, 16, MINUTE) => counter("wardround_nvme_controller_busy_seconds_total", Unit::Seconds,
        "Time in which the controller was busy with I/O.", SOURCE),
    row(112, 16, 1.0) => counter("wardround_nvme_power_cycles_total", Unit::None,
        "Times that the drive was switched on.", SOURCE),
    row(128, 16, HOUR) => counter("wardround_nvme_power_on_seconds_total", Unit::Seconds,
        "Time that the drive was on.", SOURCE),
    row(144, 16, 1.0) => counter("wardround_nvme_unsafe_shutdowns_total", Unit::None,
        "Times that the drive lost power without notice.", SOURCE),
    row(160, 16, 1.0) => counter("wardround_nvme_media_errors_total", Unit::None,
        "Times that data could not be recovered.", SOURCE),
    row(176, 16, 1.0) => counter("wardround_nvme_error_log_entries_total", Unit::None,
        "Entries in the error log over the drive's life; harmless refusals of commands count too.", SOURCE),
    row(192, 4, MINUTE) => counter("wardround_nvme_warning_temperature_seconds_total", Unit::Seconds,
        "Time above the warning temperature.", SOURCE),
    row(196, 4, MINUTE) => counter("wardround_nvme_critical_temperature_seconds_total", Unit::Seconds,
        "Time above the critical temperature.", SOURCE),
}

/// The page of one controller.
pub(super) struct Health([u8; BYTES]);

impl Health {
    /// `None` when it has another length.
    pub(super) fn parse(log: &[u8]) -> Option<Self> {
        log.try_into().ok().map(Self)
    }

    pub(super) fn put(&self, device: &str, sink: &mut Sink) {
        for (metric, row) in METRICS.iter().zip(ROWS) {
            let raw = self.number(row);
            // A drive without a sensor says 0 K.
            if row.offset != 0.0 && raw == 0.0 {
                continue;
            }
            // Scaled by division where the factor is a fraction, so that 10 % is 0.1 to the last bit.
            let value = if row.scale < 1.0 { raw / (1.0 / row.scale) } else { raw * row.scale };
            sink.put(metric, &[("device", device)], value + row.offset);
        }
    }

    fn number(&self, row: &Row) -> f64 {
        let bytes = self.0.get(row.at..row.at + row.width).unwrap_or_default();
        bytes.iter().rev().fold(0_u128, |value, byte| value << 8 | u128::from(*byte)) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn values(log: &[u8]) -> BTreeMap<&'static str, f64> {
        let mut sink = Sink::default();
        Health::parse(log).expect("a log").put("nvme0", &mut sink);
        sink.samples().iter().filter_map(|s| Some((s.metric().name, s.value()?))).collect()
    }

    /// Scenario: a log with every number set to something else, and one without a temperature. Guarantees: each number is
    /// read from its place in its unit, and 0 K is no temperature.
    #[test]
    fn numbers_are_found_and_scaled() {
        let mut log = [0; BYTES];
        log[0] = 4;
        log[1..3].copy_from_slice(&323_u16.to_le_bytes());
        log[3..6].copy_from_slice(&[97, 10, 255]);
        for (at, value) in [(32, 2), (112, 3), (128, 5), (144, 7), (160, 11), (176, u64::MAX)] {
            log[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
        }
        log[192..196].copy_from_slice(&13_u32.to_le_bytes());
        let found = values(&log);
        for (name, expected) in [
            ("critical_warning", 4.0),
            ("temperature_celsius", 323.0 - 273.15),
            ("available_spare_ratio", 0.97),
            ("available_spare_threshold_ratio", 0.1),
            ("percentage_used_ratio", 2.55),
            ("data_read_bytes_total", 1_024_000.0),
            ("data_written_bytes_total", 0.0),
            ("power_cycles_total", 3.0),
            ("power_on_seconds_total", 18_000.0),
            ("unsafe_shutdowns_total", 7.0),
            ("media_errors_total", 11.0),
            ("error_log_entries_total", u64::MAX as f64),
            ("warning_temperature_seconds_total", 780.0),
            ("critical_temperature_seconds_total", 0.0),
        ] {
            let value = found.get(format!("wardround_nvme_{name}").as_str()).copied();
            assert_eq!(value.map(f64::to_bits), Some(expected.to_bits()), "{name}: {value:?}");
        }
        assert!(!values(&[0; BYTES]).contains_key("wardround_nvme_temperature_celsius"));
        assert!(Health::parse(&log[1..]).is_none());
    }
}
