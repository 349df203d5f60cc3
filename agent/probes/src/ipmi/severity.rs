//! How bad a text of the IPMI standard is. The texts are those of ipmitool's tables (the names of IPMI 2.0, tables 42-2 and
//! 42-3); what is not known says nothing.

/// How bad.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Severity {
    /// Nothing to do.
    Informational,
    /// Something will fail or is at its margin.
    Warning,
    /// Something failed.
    Critical,
}

impl Severity {
    pub(super) const ALL: [Self; 3] = [Self::Informational, Self::Warning, Self::Critical];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Asked first: several of these contain a critical one's words.
const WARNINGS: &[&str] = &[
    "non-critical",
    "predictive failure",
    "redundancy degraded",
    "non-redundant: sufficient",
    "ac out-of-range, but present",
    "correctable ecc logging limit",
    "transition to non-critical",
    "battery low",
];

const CRITICAL: &[&str] = &[
    "uncorrectable",
    "failure detected",
    "ac lost",
    "power supply inactive",
    "config error",
    "configuration error",
    "redundancy lost",
    "non-redundant: insufficient",
    "critical going",
    "non-recoverable",
    "transition to critical",
    "drive fault",
    "in failed array",
    "thermal trip",
    "ierr",
    "frb1/bist failure",
    "frb2/hang",
    "frb3/processor startup",
    "machine check exception",
    "bus fatal error",
    "pci serr",
    "pci perr",
    "critical overtemperature",
    "battery failed",
    "kernel panic",
    "run-time critical stop",
    "power control failure",
];

const LESS: &[&str] = &["correctable ecc", "correctable machine check"];

/// How bad `text` is.
pub(super) fn of(text: &str) -> Severity {
    let text = text.to_ascii_lowercase();
    let has = |list: &[&str]| list.iter().any(|words| text.contains(words));
    if has(WARNINGS) {
        Severity::Warning
    } else if has(CRITICAL) {
        Severity::Critical
    } else if has(LESS) {
        Severity::Warning
    } else {
        Severity::Informational
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: texts that contain one another, and unknown ones. Guarantees: the worse is not taken for the lesser, nor
    /// the reverse, and what is unknown alarms nobody.
    #[test]
    fn texts_are_told_apart() {
        for (text, expected) in [
            ("Upper Critical going high", Severity::Critical),
            ("Upper Non-critical going high", Severity::Warning),
            ("Upper Non-recoverable going high", Severity::Critical),
            ("Uncorrectable ECC", Severity::Critical),
            ("Correctable ECC", Severity::Warning),
            ("Presence detected, Failure detected", Severity::Critical),
            ("Presence detected, Predictive failure", Severity::Warning),
            ("Presence detected", Severity::Informational),
            ("Power Supply AC lost", Severity::Critical),
            ("Fully Redundant", Severity::Informational),
            ("Redundancy Lost", Severity::Critical),
            ("Non-Redundant: Sufficient from Redundant", Severity::Warning),
            ("Non-Redundant: Insufficient Resources", Severity::Critical),
            ("OEM record c1", Severity::Informational),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }
}
