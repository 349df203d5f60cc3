//! The event log of the BMC: `ipmitool sel info` each round, `ipmitool -c sel list` when that says that something changed,
//! because listing takes a BMC 20 ms an entry.
//!
//! What leaves the node are counts by class and severity, never the texts.

use super::severity::{self, Severity};
use crate::field;
use crate::metric::{counter, gauge};
use crate::tally::Tally;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::collections::BTreeSet;

static ENTRIES: Metric = counter(
    "wardround_ipmi_sel_entries_total",
    Unit::None,
    "Entries of the event log that assert something: those found when the agent started and all added since.",
    "ipmitool -c sel list",
);
static USED: Metric = gauge(
    "wardround_ipmi_sel_used_ratio",
    Unit::Ratio,
    "Share of the event log that is in use; a full log takes no more entries.",
    "ipmitool sel info, Percent Used",
);
pub(super) static METRICS: [&Metric; 2] = [&ENTRIES, &USED];

/// Value of the label `class`, and how the sensor types of IPMI 2.0 table 42-3 that belong to it begin.
const CLASSES: &[(&str, &[&str])] = &[
    ("memory", &["Memory"]),
    ("processor", &["Processor", "Microcontroller"]),
    ("power", &["Power", "Voltage", "Current", "Battery"]),
    ("fan", &["Fan", "Cooling"]),
    ("temperature", &["Temperature"]),
    ("drive", &["Drive"]),
    ("bus", &["Critical Interrupt", "Slot", "Add-in Card", "Chip Set"]),
    ("other", &[]),
];

/// A log holds a few thousand entries of 16 bytes at most.
const MAX_ENTRIES: usize = 8192;

/// What was read of the log.
#[derive(Default)]
pub(super) struct EventLog {
    info: Vec<u8>,
    known: BTreeSet<Box<[u8]>>,
    counts: [[u64; Severity::ALL.len()]; CLASSES.len()],
    is_read: bool,
}

impl EventLog {
    /// Whether the log is another one than at the last look.
    pub(super) fn is_changed(&self, info: &[u8]) -> bool {
        !self.is_read || self.info != info
    }

    /// Takes a listing and what was said of the log before it: what the last listing did not have is counted.
    pub(super) fn take(&mut self, info: Vec<u8>, list: &[u8]) {
        self.info = info;
        let lines = field::lines(list).map(|(_, line)| line).take(MAX_ENTRIES);
        let mut listed = BTreeSet::new();
        for line in lines {
            if !self.known.contains(line)
                && let Some((class, severity)) = classify(line)
                && let Some(count) =
                    self.counts.get_mut(class).and_then(|of| of.get_mut(severity as usize))
            {
                *count += 1;
            }
            listed.insert(line.into());
        }
        self.known = listed;
        self.is_read = true;
    }

    /// Puts in the counts, once there was a listing.
    pub(super) fn put(&self, sink: &mut Sink, tally: &mut Tally) {
        if !self.is_read {
            return;
        }
        for ((class, _), counts) in CLASSES.iter().zip(self.counts) {
            for (severity, count) in Severity::ALL.iter().zip(counts) {
                let labels = [("class", *class), ("severity", severity.label())];
                sink.put(&ENTRIES, &labels, count as f64);
            }
        }
        tally.sampled();
    }
}

/// Class and severity of `ID,DATE,TIME,SENSOR TYPE #0xNN,EVENT,Asserted`; `None` for a deasserted event or no entry.
fn classify(line: &[u8]) -> Option<(usize, Severity)> {
    let text = field::text(line)?;
    let (id, rest) = text.split_once(',')?;
    if id.is_empty() || !id.trim().bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut parts = rest.splitn(3, ',').skip(2);
    let entry = parts.next()?;
    if entry.contains("Deasserted") {
        return None;
    }
    let known = CLASSES.iter().position(|(_, begins)| begins.iter().any(|b| entry.starts_with(b)));
    Some((known.unwrap_or(CLASSES.len() - 1), severity::of(entry)))
}

/// Puts in the used share out of `sel info`; `false` when it is something else.
pub(super) fn put_info(info: &[u8], sink: &mut Sink, tally: &mut Tally) -> bool {
    let value = |name: &str| {
        field::lines(info).find_map(|(_, line)| {
            let (key, value) = field::text(line)?.split_once(':')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        })
    };
    if value("Entries").is_none() {
        tally.bad_line(0, "Entries : NUMBER");
        return false;
    }
    tally.sampled();
    let percent = value("Percent Used");
    let percent = percent.as_deref().and_then(|text| text.strip_suffix('%'));
    if let Some(percent) = percent.and_then(|text| field::number(text.as_bytes())) {
        sink.put(&USED, &[], percent as f64 / 100.0);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(log: &EventLog, class: &str, severity: Severity) -> u64 {
        let at = CLASSES.iter().position(|(name, _)| *name == class).expect("a class");
        log.counts[at][severity as usize]
    }

    /// Scenario: a log with entries, the same with one more and one deasserted, an emptied one, one more entry. Guarantees:
    /// each asserted entry counts once, and emptying the log takes none away.
    #[test]
    fn entries_count_once() {
        let mut log = EventLog::default();
        let first = "1,11/24/2026,08:00:01,Event Logging Disabled #0x72,Log area reset/cleared,Asserted\n\
                     2,11/24/2026,08:22:11,Power Supply #0x51,Failure detected,Asserted\n";
        log.take(Vec::new(), first.as_bytes());
        let more = format!(
            "{first}3,11/24/2026,09:00:00,Memory #0x02,Uncorrectable ECC,Asserted,CPU 0 DIMM 3\n\
             4,11/24/2026,09:10:00,Power Supply #0x51,Failure detected,Deasserted\n"
        );
        log.take(Vec::new(), more.as_bytes());
        assert_eq!(count(&log, "power", Severity::Critical), 1);
        assert_eq!(count(&log, "memory", Severity::Critical), 1);
        assert_eq!(count(&log, "other", Severity::Informational), 1);
        log.take(Vec::new(), b"");
        log.take(Vec::new(), b"1,11/24/2026,10:00:00,Memory #0x02,Uncorrectable ECC,Asserted\n");
        assert_eq!(count(&log, "memory", Severity::Critical), 2);
        log.take(Vec::new(), b"f,,,Linux kernel panic: oops\nOEM\n");
        assert_eq!(count(&log, "other", Severity::Critical), 1);
    }
}
