//! The chassis: `ipmitool chassis status`, lines such as `Main Power Fault     : false`.

use crate::field;
use crate::metric::gauge;
use crate::tally::Tally;
use agent_probe::Sink;
use shared_model::{Metric, Unit};

static POWER: Metric = gauge(
    "wardround_ipmi_chassis_power_on",
    Unit::None,
    "Whether the server's power is on.",
    "ipmitool chassis status",
);
static FAULT: Metric = gauge(
    "wardround_ipmi_chassis_fault",
    Unit::None,
    "1 for a fault of the chassis: main_power, power_overload, power_control, power_interlock, drive, cooling, intrusion.",
    "ipmitool chassis status",
);
pub(super) static METRICS: [&Metric; 2] = [&POWER, &FAULT];

/// Line, text that means a fault, value of the label `fault`.
const FAULTS: &[(&str, &str, &str)] = &[
    ("Main Power Fault", "true", "main_power"),
    ("Power Overload", "true", "power_overload"),
    ("Power Control Fault", "true", "power_control"),
    ("Power Interlock", "active", "power_interlock"),
    ("Drive Fault", "true", "drive"),
    ("Cooling/Fan Fault", "true", "cooling"),
    ("Chassis Intrusion", "active", "intrusion"),
];

pub(super) fn put(text: &[u8], sink: &mut Sink, tally: &mut Tally) {
    let mut found = false;
    for (_, line) in field::lines(text) {
        let Some((name, value)) = field::text(line).and_then(|line| line.split_once(':')) else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        if name == "System Power" && matches!(value, "on" | "off") {
            sink.put(&POWER, &[], f64::from(u8::from(value == "on")));
            found = true;
        }
        let known = FAULTS.iter().find(|(line, ..)| *line == name);
        if let Some((_, bad, fault)) = known
            && matches!(value, "true" | "false" | "active" | "inactive")
        {
            sink.put(&FAULT, &[("fault", fault)], f64::from(u8::from(value == *bad)));
            found = true;
        }
    }
    if found {
        tally.sampled();
    } else {
        tally.bad_line(0, "lines such as Main Power Fault : false");
    }
}
