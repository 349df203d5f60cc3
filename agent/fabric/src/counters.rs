//! Counters of a port, out of the attributes `PortCounters` and `PortCountersExtended` of performance management
//! (InfiniBand Architecture Specification, volume 1, 16.1.3.5 and 16.1.4.11).

use crate::bytes::{be16, be32, be64};
use crate::metrics::{COUNTERS, Counter, Width};

/// Values in the order of [`COUNTERS`], as they stand in the attributes; `None` for what was not read.
pub(crate) type Values = [Option<u64>; COUNTERS.len()];

/// Takes the error counters out of an answer to `PortCounters`, and those of traffic out of one to `PortCountersExtended`:
/// the short attribute's are full within two seconds.
pub(crate) fn decode(errors: Option<&[u8]>, traffic: Option<&[u8]>) -> Values {
    let mut values = [None; COUNTERS.len()];
    for (value, counter) in values.iter_mut().zip(COUNTERS) {
        let data = if counter.width == Width::Extended { traffic } else { errors };
        *value = data.and_then(|data| read(data, counter));
    }
    values
}

fn read(data: &[u8], counter: &Counter) -> Option<u64> {
    let byte = || data.get(counter.at).copied();
    Some(match counter.width {
        Width::HighNibble => u64::from(byte()? >> 4),
        Width::LowNibble => u64::from(byte()? & 0x0F),
        Width::Byte => u64::from(byte()?),
        Width::Word => u64::from(be16(data, counter.at)?),
        Width::Long => u64::from(be32(data, counter.at)?),
        Width::Extended => be64(data, counter.at)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(values: &Values, name: &str) -> Option<u64> {
        let at = COUNTERS.iter().position(|counter| counter.name == name).unwrap();
        values[at]
    }

    /// Scenario: every byte of both attributes holds its own place. Guarantees: each counter is read from where the
    /// specification puts it.
    #[test]
    fn counters_are_read_as_specified() {
        let data: Vec<u8> = (0..192).collect();
        let values = decode(Some(&data), Some(&data));
        for (name, value) in [
            ("symbol_errors", 0x0405),
            ("link_error_recovery", 0x06),
            ("link_downed", 0x07),
            ("receive_errors", 0x0809),
            ("receive_remote_physical_errors", 0x0A0B),
            ("receive_switch_relay_errors", 0x0C0D),
            ("transmit_discards", 0x0E0F),
            ("transmit_constraint_errors", 0x10),
            ("receive_constraint_errors", 0x11),
            ("local_link_integrity_errors", 0x1),
            ("excessive_buffer_overrun_errors", 0x3),
            ("vl15_dropped", 0x1617),
            ("transmit_wait", 0x2829_2A2B),
            ("data_transmitted", 0x0809_0A0B_0C0D_0E0F),
            ("data_received", 0x1011_1213_1415_1617),
            ("packets_transmitted", 0x1819_1A1B_1C1D_1E1F),
            ("packets_received", 0x2021_2223_2425_2627),
        ] {
            assert_eq!(named(&values, name), Some(value), "{name}");
        }
        assert_eq!(COUNTERS.len(), 17);
        let errors_only = decode(Some(&data), None);
        assert_eq!(
            (named(&errors_only, "link_downed"), named(&errors_only, "data_received")),
            (Some(7), None)
        );
    }

    proptest! {
        /// Scenario: any bytes as both attributes. Guarantees: no panic, and no value wider than its counter.
        #[test]
        fn any_bytes_are_survived(errors in prop::collection::vec(any::<u8>(), 0..200), traffic in prop::collection::vec(any::<u8>(), 0..200)) {
            for (value, counter) in decode(Some(&errors), Some(&traffic)).into_iter().zip(COUNTERS) {
                let highest = counter.width.highest().unwrap_or(u64::MAX);
                prop_assert!(value.is_none_or(|value| value <= highest));
            }
        }
    }
}
