//! People's acts: what is refused and why, verification on newer samples, relapse.

use crate::timeline::World;

/// Scenario: acts in wrong states and without what they need.
/// Guarantees: refused with who, when, which check and its value; nothing changes.
#[test]
fn refusals_say_why() {
    World::play(
        1,
        "0 refuse ack 7 li: does not exist
         0 breach os.cpu_busy host=db1 value=0.93
         1 refuse resolve 1 li: acknowledge it first
         1 refuse verify 1 li: acknowledge it first
         2 ack 1 li
         3 refuse ack 1 wang: acknowledged by li at 2026-01-01T00:00:02
         4 refuse resolve 1 li: os.cpu_busy on {host=\"db1\"} is breached at 0.93
         5 unknown os.cpu_busy host=db1
         5 want 1 os.cpu_busy L3 acknowledged unknown
         5 refuse resolve 1 li: is unknown: there is no fresh data
         6 clear os.cpu_busy host=db1 value=0.2
         7 resolve 1 li
         8 refuse resolve 1 wang: resolved by li at
         8 refuse ack 1 wang: resolved by li at
         9 verify 1 wang
         9 refuse verify 1 li: verification asked for by wang at
         12 want 1 os.cpu_busy L3 watching clear
         12 refuse verify 1 li: watched until 2026-01-02T00:00:10",
    );
}

/// Scenario: empty fix, empty name. Guarantees: both are named as required.
#[test]
fn texts_are_required() {
    let mut world =
        World::play(1, "0 breach os.cpu_busy host=db1\n1 ack 1 li\n2 clear os.cpu_busy host=db1");
    let incident = collector_domain::IncidentId(1);
    for (by, fix, want) in [("li", " ", "fix is required"), (" ", "x", "account is required")] {
        let (by, fix) = (by.to_owned(), fix.to_owned());
        let deed = collector_domain::Deed::Resolve { fix };
        let act = collector_domain::Act { incident, by, deed };
        let refused = world.machine.act(world.now(), &act, &world.board);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(want), "{refused}");
    }
}

/// Scenario: verification while the node sends nothing, then with newer samples of the own check but not of the link.
/// Guarantees: it waits for newer samples of both, then the watch begins.
#[test]
fn verification_waits_for_newer_samples() {
    World::play(
        1,
        "0 breach os.cpu_busy host=db1
         0 breach os.long_high_load host=db1
         0 links 1 os.long_high_load
         1 ack 1 li
         2 clear os.cpu_busy host=db1
         2 clear os.long_high_load host=db1
         3 resolve 1 li
         4 mute db1
         4 verify 1 li
         60 want 1 os.cpu_busy L3 verifying clear
         61 judge ok os.cpu_busy host=db1
         70 want 1 os.cpu_busy L3 verifying clear
         71 judge hold os.long_high_load host=db1
         75 want 1 os.cpu_busy L3 verifying clear
         76 judge ok os.long_high_load host=db1
         77 want 1 os.cpu_busy L3 watching clear",
    );
}

/// Scenario: a linked check is still breached on newer samples. Guarantees: verification fails with its name, back to
/// acknowledged, the resolution clock runs on; the whole way can be gone again.
#[test]
fn verification_fails_on_a_breached_link() {
    let world = World::play(
        10,
        "0 breach os.cpu_busy host=db1
         0 breach os.long_high_load host=db1 value=1900
         1 ack 1 li
         2 clear os.cpu_busy host=db1
         3 resolve 1 li
         4 verify 1 li
         5 want 1 os.cpu_busy L3 acknowledged clear
         5 wrote 1 verify_failed
         6 clear os.long_high_load host=db1
         720 wrote 0 resolution_missed
         721 wrote 1 resolution_missed
         722 resolve 1 li
         722 wrote 1 resolved in_time=false
         723 verify 1 li
         725 want 1 os.cpu_busy L3 watching clear",
    );
    let incident = &world.machine.incidents()[&collector_domain::IncidentId(1)];
    let note = incident.notes.iter().find(|n| n.text.contains("verification failed"));
    assert!(note.is_some_and(|n| n.text.contains("os.long_high_load") && n.by == "wardround"));
}

/// Scenario: the check is breached again when resolved, when verifying and when watched.
/// Guarantees: the same incident is reopened with new clocks, each time; another subject is another incident.
#[test]
fn a_relapse_reopens_the_same_incident() {
    World::play(
        1,
        "0 breach os.cpu_busy host=db1
         1 ack 1 li
         2 clear os.cpu_busy host=db1
         3 resolve 1 li
         4 breach os.cpu_busy host=db1
         4 want 1 os.cpu_busy L3 open breached
         5 ack 1 li
         6 clear os.cpu_busy host=db1
         7 resolve 1 li
         7 mute db1
         8 verify 1 li
         9 breach os.cpu_busy host=db1
         9 want 1 os.cpu_busy L3 open breached
         10 ack 1 li
         11 clear os.cpu_busy host=db1
         12 resolve 1 li
         13 unmute db1
         13 verify 1 li
         14 want 1 os.cpu_busy L3 watching clear
         15 breach os.cpu_busy host=db1
         15 want 1 os.cpu_busy L3 open breached
         16 wrote 3 reopened
         16 breach os.cpu_busy host=db2
         16 want 2 os.cpu_busy L3 open breached
         16 incidents 2",
    );
}

/// Scenario: breach and clear in one batch, and deviations. Guarantees: the fault is on record though it is over;
/// deviations and advisories open nothing and are listed while they last.
#[test]
fn short_faults_and_deviations_are_listed() {
    let mut world = World::play(
        1,
        "0 breach os.cpu_busy host=db1
         0 clear os.cpu_busy host=db1
         0 want 1 os.cpu_busy L3 open clear
         1 breach os.zombies host=db1 value=2
         1 breach os.memory_used host=db1
         1 incidents 1",
    );
    let listed = |w: &World| w.machine.deviations().map(|s| s.rule.to_string()).collect::<Vec<_>>();
    assert_eq!(listed(&world), ["os.memory_used", "os.zombies"]);
    world.run("2 clear os.zombies host=db1");
    assert_eq!(listed(&world), ["os.memory_used"]);
    assert_eq!(world.machine.deviations_left_out(), 0);
}

/// Scenario: breaches decided by samples 60 and 61 s old. Guarantees: only the older one is marked late; its clocks run from
/// detection all the same.
#[test]
fn late_data_is_marked() {
    for (seconds, late) in [(60, false), (61, true)] {
        let mut world = World::play(1, "0 flush");
        let at = world.now().minus(std::time::Duration::from_secs(seconds));
        world.push(collector_domain::Finding {
            rule: "os.cpu_busy".into(),
            subject: shared_model::Labels::from_pairs([("host", "db1")]),
            condition: collector_domain::Condition::Breached,
            since: at,
            at,
            value: Some(f64::NAN),
            no_data: false,
        });
        world.flush();
        let incident = &world.machine.incidents()[&collector_domain::IncidentId(1)];
        let clocks = &incident.clocks;
        assert_eq!((incident.late, incident.value), (late, None));
        assert_eq!((clocks.occurred, clocks.detected), (at, world.now()));
    }
}
