//! What the controller keeps: sensor data records and log entries in the standard's layout (IPMI 2.0, chapters 32 and 43).

/// Sensor number, instance and name of each power supply.
pub(super) const SUPPLIES: [(u8, u8, &str); 2] = [(1, 1, "PSU1 Status"), (2, 2, "PSU2 Status")];

/// Discrete states that such a sensor has (table 42-3): present, failure detected, predictive failure, input lost.
const SUPPLY_STATES: u16 = 0b1111;

const POWER_SUPPLY: u8 = 0x08;
const MEMORY: u8 = 0x0c;
/// Event/reading type code of states that belong to the type of the sensor.
const SENSOR_SPECIFIC: u8 = 0x6f;

/// An entry of the event log that asserts a state.
#[derive(Clone, Copy)]
pub(super) struct Event {
    sensor_type: u8,
    sensor: u8,
    offset: u8,
}

impl Event {
    /// Failure detected, by the first supply's sensor.
    pub(super) const SUPPLY_FAILED: Self = Self { sensor_type: POWER_SUPPLY, sensor: 1, offset: 1 };

    /// Uncorrectable ECC, by a sensor that only logs.
    pub(super) const MEMORY_ERROR: Self = Self { sensor_type: MEMORY, sensor: 0x10, offset: 1 };

    /// A system event record (table 32-1). The time counts entries, so that each is another.
    pub(super) fn record(self, id: u16) -> [u8; 16] {
        let ([low, high], [first, second, ..]) = (id.to_le_bytes(), u32::from(id).to_le_bytes());
        let data = [self.sensor_type, self.sensor, SENSOR_SPECIFIC, self.offset, 0xff, 0xff];
        let mut record = [0; 16];
        record[..10].copy_from_slice(&[low, high, 0x02, first, second, 0, 0x60, 0x20, 0, 0x04]);
        record[10..].copy_from_slice(&data);
        record
    }
}

/// The sensor data records, in order.
pub(super) fn sensors() -> Vec<Vec<u8>> {
    let numbered = (1..).zip(SUPPLIES);
    numbered.map(|(id, (number, instance, name))| supply(id, number, instance, name)).collect()
}

/// A compact sensor record (type 2, table 43-2): a discrete sensor of a power supply.
fn supply(id: u16, number: u8, instance: u8, name: &str) -> Vec<u8> {
    let [low, high] = SUPPLY_STATES.to_le_bytes();
    let mut body = vec![
        0x20,
        0x00,
        number, // the controller itself, logical unit 0
        0x0a,
        instance, // entity: power supply
        0x63,
        0x40, // scanning and events on
        POWER_SUPPLY,
        SENSOR_SPECIFIC,
    ];
    // Masks: what is asserted, deasserted, read.
    body.extend([low, high, low, high, low, high]);
    // Units: no analog reading. Sharing, hysteresis, reserved, OEM: none.
    body.extend([0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    body.push(0xc0 | u8::try_from(name.len()).unwrap());
    body.extend(name.bytes());
    let [low, high] = id.to_le_bytes();
    let mut record = vec![low, high, 0x51, 0x02, u8::try_from(body.len()).unwrap()];
    record.extend(body);
    record
}
