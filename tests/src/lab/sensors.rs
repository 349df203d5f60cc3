//! The sensors of the emulated management controller (BMC), as a file of sensor data records (IPMI 2.0, chapter 43).

/// Number of the first power supply's sensor.
pub const FIRST_SUPPLY: u8 = 1;

/// Discrete states of a power supply (table 42-3): present, failure detected, predictive failure, input lost.
const SUPPLY_STATES: u16 = 0b1111;

/// Two power supplies.
pub fn records() -> Vec<u8> {
    let second = FIRST_SUPPLY + 1;
    [supply(FIRST_SUPPLY, 1, "PSU1 Status"), supply(second, 2, "PSU2 Status")].concat()
}

/// The command that lets the BMC find the first supply failed and log that itself: Set Sensor Reading And Event Status
/// (section 35.17) asserts "failure detected" and gives the event's data bytes.
pub fn supply_fails() -> String {
    let (failed, offset) = ("0x02 0x00", "0x61");
    format!("ipmitool raw 0x04 0x30 {FIRST_SUPPLY:#04x} 0x61 0x00 {failed} 0x00 0x00 {offset} 0xff 0xff")
}

/// A compact sensor record (type 2, table 43-2): a discrete sensor of type 08h, Power Supply.
fn supply(number: u8, instance: u8, name: &str) -> Vec<u8> {
    let [low, high] = SUPPLY_STATES.to_le_bytes();
    let mut key_and_body = vec![
        0x20, 0x00, number, // the BMC itself, LUN 0
        0x0a, instance, // entity: power supply
        0x63, 0x40, // scanning and events on
        0x08, 0x6f, // type, sensor-specific states
    ];
    // Masks: what is asserted, deasserted, read.
    key_and_body.extend([low, high, low, high, low, high]);
    // Units: no analog reading. Sharing, hysteresis, reserved, OEM: none.
    key_and_body.extend([0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let length = u8::try_from(name.len()).unwrap();
    key_and_body.push(0xc0 | length);
    key_and_body.extend(name.bytes());
    let mut record = vec![0, 0, 0x51, 0x02, u8::try_from(key_and_body.len()).unwrap()];
    record.extend(key_and_body);
    record
}
