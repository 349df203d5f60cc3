//! The server's parameters as one number that changes with any of them (clause 3.3 参数调整).

use super::row::Row;
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError};
use agent_probe::Sink;
use shared_model::{Metric, Unit, topic};
use std::fmt::Write as _;
use std::time::Duration;

static FINGERPRINT: Metric = gauge(
    "wardround_db_settings_fingerprint",
    Unit::None,
    "A number that is another one as soon as any parameter is; its size says nothing.",
    "V$PARAMETER; sys.configurations: 52 bits of FNV-1a",
);

static METRICS: [&Metric; 1] = [&FINGERPRINT];

/// A row for each parameter, in order of their names: name, value or NULL. Read every 30 s.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View { name, sql, metrics: &METRICS, pace: Pace::Every(Duration::from_secs(30)), emit }
}

// Numbers and switches are shown when they change; a text may hold a password and is known by its digest alone.
fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let mut said = String::new();
    for row in rows {
        let (name, value) = (row.some_text(0)?, row.text(1)?.unwrap_or_default());
        let shown = match is_plain(value) {
            true => writeln!(said, "{name}={value}"),
            false => writeln!(said, "{name}=#{:016x}", fnv1a(value)),
        };
        shown.expect("a String takes all that is written to it");
    }
    // A float takes 52 bits without loss.
    sink.put(&FINGERPRINT, &[], (fnv1a(&said) >> 12) as f64);
    sink.show_changes(topic::PARAMETERS, &said);
    Ok(())
}

fn is_plain(value: &str) -> bool {
    let is_number = value.parse::<f64>().is_ok();
    is_number || matches!(value.to_ascii_uppercase().as_str(), "" | "TRUE" | "FALSE" | "ON" | "OFF")
}

/// FNV-1a of 64 bits: the same number on every machine and in every version.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
