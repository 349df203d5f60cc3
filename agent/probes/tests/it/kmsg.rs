//! The kernel's log: a real one, and one whose records are overwritten.

use crate::round::{Samples, clock, copy, first_round, probe, round, value};
use agent_probe::{HostRoot, Outcome, Sink};
use agent_probes::Context;
use std::fs;
use std::io::Write;

fn events(samples: &Samples, class: &str, severity: &str) -> Option<f64> {
    let series =
        format!("wardround_kernel_log_events_total{{class=\"{class}\",severity=\"{severity}\"}}");
    value(samples, &series)
}

/// Scenario: a line is put into the running kernel's log. Guarantees: a probe that is told to counts it once under its class
/// and goes on from there; one that is not does not count it, since the kernel did not say it.
#[test]
fn a_line_of_the_running_kernel_is_counted_once() {
    let Ok(mut log) = fs::OpenOptions::new().write(true).open("/dev/kmsg") else {
        println!("skipped: /dev/kmsg cannot be written here");
        return;
    };
    let mut context = Context::new(HostRoot::live(), clock());
    let mut plain = agent_probes::by_name(&context, "kmsg").expect("a probe");
    context.kmsg_injected = true;
    let mut injected = agent_probes::by_name(&context, "kmsg").expect("a probe");
    let mut sinks = (Sink::default(), Sink::default());
    let of = |samples: &Samples| events(samples, "nfs_timeout", "error").expect("a class");
    let before =
        (of(&round(&mut *injected, &mut sinks.0).1), of(&round(&mut *plain, &mut sinks.1).1));
    log.write_all(b"<3>nfs: server example not responding, written by a test\n").expect("a line");
    for _ in 0..2 {
        let (outcome, samples) = round(&mut *injected, &mut sinks.0);
        assert!(matches!(outcome, Outcome::Sampled), "{outcome:?}");
        assert_eq!(of(&samples).to_bits(), (before.0 + 1.0).to_bits());
        assert_eq!(of(&round(&mut *plain, &mut sinks.1).1).to_bits(), before.1.to_bits());
    }
}

/// Scenario: numbers of records are missing, and a record among others is damaged. Guarantees: the missing are counted as
/// lost, the damaged one is complained of, the others are counted.
#[test]
fn lost_and_damaged_records_are_told() {
    let tree = copy("parts");
    let path = tree.path().join("dev/kmsg");
    let text = "3,10,1,-;EXT4-fs error (device a): x\n3,15,2,-;EXT4-fs error (device a): y\nnonsense\n\
                3,16,3,-;EXT4-fs error (device a): z\n";
    fs::write(&path, text).expect("a file");
    let (outcome, samples) = first_round(tree.path(), "kmsg");
    let Outcome::Partial(errors) = outcome else { panic!("{outcome:?}") };
    assert!(errors.len() == 1 && errors[0].to_string().contains("dev/kmsg"), "{errors:?}");
    assert_eq!(events(&samples, "ext4_error", "critical"), Some(3.0));
    assert_eq!(value(&samples, "wardround_kernel_log_lost_total"), Some(4.0));
    let mut sink = Sink::default();
    let mut again = probe(tree.path(), "kmsg");
    round(&mut *again, &mut sink);
    let (_, samples) = round(&mut *again, &mut sink);
    assert_eq!(events(&samples, "ext4_error", "critical"), Some(3.0), "counted anew");
}

/// Scenario: messages of two hours, in an order of time. Guarantees: only those of the last hour count as recent, all count
/// in total.
#[test]
fn old_messages_are_not_recent() {
    let tree = copy("parts");
    let minutes = |minute: u64| minute * 60_000_000;
    let text: String = [0, 59, 60, 61, 120]
        .into_iter()
        .enumerate()
        .map(|(number, at)| format!("3,{number},{},-;EXT4-fs error (device a): x\n", minutes(at)))
        .collect();
    fs::write(tree.path().join("dev/kmsg"), text).expect("a file");
    let (_, samples) = first_round(tree.path(), "kmsg");
    assert_eq!(events(&samples, "ext4_error", "critical"), Some(5.0));
    let recent = "wardround_kernel_log_recent_events{class=\"ext4_error\",severity=\"critical\"}";
    assert_eq!(value(&samples, recent), Some(2.0));
}
