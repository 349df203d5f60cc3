//! What was measured, one line per quantity.

use std::fmt;

/// One quantity of ours beside its peer. Printed as one line of cells between tabs.
#[derive(Clone, Debug)]
pub struct Row {
    /// What, with its unit.
    pub quantity: String,
    /// Ours.
    pub ours: String,
    /// The peer's, with its name.
    pub peer: String,
    /// What the project promises, and whether it was met; `None` where it promises nothing.
    pub mark: Option<(String, bool)>,
    /// Ours against the peer's, in words.
    pub ratio: String,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quantity, ours, peer, mark, ratio } = self;
        let (promise, met) = match mark {
            Some((promise, true)) => (promise.as_str(), "met"),
            Some((promise, false)) => (promise.as_str(), "MISSED"),
            None => ("-", "-"),
        };
        write!(f, "{quantity}\t{ours}\t{peer}\t{promise}\t{met}\t{ratio}")
    }
}

/// Bytes in MiB with one digit.
pub fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}
