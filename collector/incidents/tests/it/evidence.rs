//! What probes say beside their numbers, and which incidents get it.

use crate::pack::HEALTHY;
use crate::timeline::World;

/// Scenario: a chain of sessions is said before its check is breached, changes, is said again, ends, and comes back after a repair;
/// another instance and an older record speak too. Guarantees: the incident has what was known when it opened and each change once,
/// nothing of others, nothing while it is clear or watched; a restart forgets none of it.
#[test]
fn evidence_follows_its_incident() {
    World::play(
        1_000,
        "0 say 5 db1:5432 db.blocking 11 root|  12 waits
         1 say 1 db2:5432 db.blocking 77 root
         1 breach session.blocked instance=db1:5432 value=1
         1 want 1 session.blocked L3 open breached
         1 evidence 1 11 root|  12 waits
         2 restart
         2 say 5 db1:5432 db.blocking 11 root|  12 waits
         2 wrote 1 evidence
         3 say 6 db1:5432 db.blocking 11 root
         3 evidence 1 11 root
         4 say 4 db1:5432 db.blocking 99 stale
         4 say 2 db2:5432 db.blocking 78 root
         4 say 7 db1:5432 db.accounts superuser: x
         4 wrote 2 evidence
         5 say 8 db1:5432 db.blocking
         5 clear session.blocked instance=db1:5432 value=0
         6 say 9 db1:5432 db.blocking 13 root
         6 wrote 2 evidence
         6 ack 1 li
         6 resolve 1 li
         7 breach session.blocked instance=db1:5432 value=1
         7 evidence 1 13 root
         7 wrote 3 evidence",
    );
}

/// Scenario: one incident of a failing database holds the blocked sessions of two instances; each says its own, then the same again and
/// again. Guarantees: each is written once, however the two take turns.
#[test]
fn instances_do_not_contradict_each_other() {
    let mut world = World::play(1_000, HEALTHY);
    world.run(
        "5 breach db.instance_up host=db1 instance=db1:5432
         8 breach session.blocked instance=db1:5432
         8 breach session.blocked instance=db2:5432
         8 links 1 db.instance_up session.blocked session.blocked",
    );
    for (second, seq) in (9..).zip([1, 3, 5]) {
        world.run(&format!(
            "{second} say {seq} db1:5432 db.blocking 11 root
             {second} say {} db2:5432 db.blocking 22 root",
            seq + 1
        ));
    }
    world.run("12 wrote 2 evidence");
}

/// Scenario: evidence changes with each second for longer than an incident keeps it. Guarantees: twenty are kept, and no more are
/// written.
#[test]
fn evidence_is_bounded() {
    let mut world = World::play(1, "0 breach session.blocked instance=db1:5432 value=1");
    for second in 1..40 {
        world.run(&format!("{second} say {second} db1:5432 db.blocking {second} root"));
    }
    world.run("40 wrote 20 evidence\n 40 evidence 1 20 root");
}
