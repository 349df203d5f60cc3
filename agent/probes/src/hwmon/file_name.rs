//! The names of sensor files: `temp1_crit_alarm` is the property `crit_alarm` of the sensor `temp1`.

/// Kinds of sensors of Documentation/hwmon/sysfs-interface.rst.
const KINDS: [&str; 14] = [
    "vrm",
    "beep_enable",
    "update_interval",
    "in",
    "cpu",
    "fan",
    "pwm",
    "temp",
    "curr",
    "power",
    "energy",
    "humidity",
    "intrusion",
    "freq",
];

/// The parts of a name.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct FileName<'a> {
    pub(super) kind: &'static str,
    /// 0 where there is none, as node_exporter has it.
    pub(super) number: u32,
    /// Empty for the sensor itself (`pwm1`).
    pub(super) property: &'a str,
}

impl<'a> FileName<'a> {
    /// `None` for a file of another kind.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let digits_at = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
        let (kind, rest) = name.split_at(digits_at);
        let kind = KINDS.iter().find(|known| **known == kind)?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, rest) = rest.split_at(end);
        let number = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        let property = match rest.strip_prefix('_') {
            Some(property) if !property.is_empty() => property,
            None if rest.is_empty() => "",
            _ => return None,
        };
        Some(Self { kind, number, property })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: files of sensors, and others of the same folders. Guarantees: the parts, or none.
    #[test]
    fn names_come_apart() {
        let parts = |name| FileName::parse(name).map(|f| (f.kind, f.number, f.property));
        assert_eq!(parts("temp1_crit_alarm"), Some(("temp", 1, "crit_alarm")));
        assert_eq!(parts("pwm12"), Some(("pwm", 12, "")));
        assert_eq!(parts("beep_enable"), Some(("beep_enable", 0, "")));
        assert_eq!(parts("intrusion0_alarm"), Some(("intrusion", 0, "alarm")));
        for name in ["name", "device", "bogus1_input", "temp1x", "temp99999999999_input", "fan1_"] {
            assert_eq!(parts(name), None, "{name}");
        }
    }
}
