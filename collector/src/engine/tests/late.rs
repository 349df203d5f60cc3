//! A session is lost and comes back; what lay in the spool follows.

use super::*;
use collector_domain::{Condition, Incident};

/// The session is lost at `from` and comes back at `to`: live data at once, four spooled batches with each of it. The port is
/// down in `down`. With `backfill` false the spooled batches are declared lost instead.
fn cut(
    down: std::ops::Range<u64>,
    (from, to): (u64, u64),
    until: u64,
    backfill: bool,
) -> Vec<Record> {
    let is_up = |second: u64| !down.contains(&second);
    let mut records = beginning();
    let mut spooled = from..to;
    for second in 0..until {
        if second == from {
            records.push(Record::Closed { stamp: stamp(second), source: 1, planned: false });
        }
        if second == to {
            records.push(opened(second, 0));
        }
        if !(from..to).contains(&second) {
            records.push(sent(second, second, Lane::Live, is_up(second)));
        }
        if second >= to && backfill {
            let next = spooled.by_ref().take(4);
            records.extend(next.map(|taken| sent(second, taken, Lane::Backfill, is_up(taken))));
        }
        records.push(Record::Tick(stamp(second)));
    }
    records
}

fn incidents(fold: &Fold, cause: &str) -> Vec<Incident> {
    fold.machine.incidents().values().filter(|i| *i.cause == *cause).cloned().collect()
}

const PORT: &str = "ib.no_active_port";

/// Scenario: the port goes down and comes back while the session is lost. Guarantees: one late incident with its beginning and
/// end in event time and its clocks from detection, which nothing reopens; the node is not called silent for 50 s without a
/// witness; the spooled rows are stored once; and what is live is as if they had never come.
#[test]
fn a_fault_within_the_cut_is_a_late_incident() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let (mut fold, mut sink) = (fresh(&pack), Rows::default());
    let records = cut(20..40, (10, 60), 120, true);
    let entries = run(&mut fold, &mut sink, &records, 0);
    let found = incidents(&fold, PORT);
    let [late] = &found[..] else { panic!("{found:?}") };
    assert!(late.late);
    assert_eq!((late.clocks.occurred, late.condition), (stamp(20).wall, Condition::Clear));
    assert!((stamp(60).wall..stamp(66).wall).contains(&late.clocks.detected), "{:?}", late.clocks);
    let ends: Vec<_> = entries
        .iter()
        .filter_map(|e| match e.kind {
            EntryKind::Condition { condition, at_event, .. } => Some((condition, at_event)),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(Condition::Clear, stamp(40).wall)]);
    assert_eq!(fold.machine.incidents().len(), 1, "{:?}", fold.machine.incidents());
    assert_eq!(sink.rows.len(), 120);
    assert!(fold.late.is_empty(), "the branch is let go when it has nothing open");

    let mut without = fresh(&pack);
    run(&mut without, &mut Rows::default(), &cut(20..40, (10, 60), 120, false), 0);
    let kept = |fold: &Fold| rmp_serde::to_vec_named(&fold.evaluator.snapshot()).unwrap();
    assert_eq!(kept(&fold), kept(&without));
    assert!(without.machine.incidents().is_empty());
}

/// Scenario: the fault begins before, in or at the end of the cut, and ends in it, after it, or not at all.
/// Guarantees: one incident, never recovered by what is late nor opened twice, whose record tells the beginning and the end.
#[test]
fn a_fault_over_a_seam_is_one_incident() {
    let pack = Arc::new(Pack::builtin().unwrap());
    for (down, occurred, is_late, condition) in [
        (5..40, 5, false, Condition::Clear),
        (5..70, 5, false, Condition::Clear),
        (5..200, 5, false, Condition::Breached),
        (40..70, 40, true, Condition::Clear),
        (40..200, 40, true, Condition::Breached),
        (58..62, 58, true, Condition::Clear),
        (62..70, 62, false, Condition::Clear),
    ] {
        let mut fold = fresh(&pack);
        let entries =
            run(&mut fold, &mut Rows::default(), &cut(down.clone(), (10, 60), 120, true), 0);
        let found = incidents(&fold, PORT);
        let [incident] = &found[..] else { panic!("{down:?}: {entries:#?}") };
        let began = entries.iter().find_map(|e| match &e.kind {
            EntryKind::LateCondition { condition: Condition::Breached, at_event, .. } => {
                Some(*at_event)
            }
            _ => None,
        });
        let earliest =
            began.map_or(incident.clocks.occurred, |at| at.min(incident.clocks.occurred));
        assert_eq!(
            (earliest, incident.condition),
            (stamp(occurred).wall, condition),
            "{down:?}: {entries:#?}"
        );
        assert_eq!(incident.late || began.is_some(), is_late, "{down:?}: {entries:#?}");
        assert_eq!(incident.reopened, 0);
    }
}

/// Scenario: a fault that began live ends within the cut. Guarantees: its incident learns when, from data that came late, and
/// is clear only because a live sample says so.
#[test]
fn the_end_within_the_cut_is_recorded() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let mut fold = fresh(&pack);
    let entries = run(&mut fold, &mut Rows::default(), &cut(5..40, (10, 60), 120, true), 0);
    let told: Vec<_> = entries
        .iter()
        .filter_map(|e| match e.kind {
            EntryKind::Condition { condition, at_event, .. } => Some((false, condition, at_event)),
            EntryKind::LateCondition { condition, at_event, .. } => {
                Some((true, condition, at_event))
            }
            _ => None,
        })
        .collect();
    let clear = Condition::Clear;
    let expected = [(false, clear, stamp(60).wall), (true, clear, stamp(40).wall)];
    let clears: Vec<_> = told.into_iter().filter(|(_, c, _)| *c == clear).collect();
    assert_eq!(clears, expected);
}

/// Scenario: the story of a late incident cut at every record: the state is written, read back, and the rest folded. Guarantees:
/// the entries are those of the uncut story, whatever the cut.
#[test]
fn a_restart_amid_the_backfill_changes_nothing() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let records = cut(50..64, (10, 60), 90, true);
    let whole = run(&mut fresh(&pack), &mut Rows::default(), &records, 0);
    assert!(!whole.is_empty());
    for at in (1..records.len()).step_by(7) {
        let (mut before, mut sink) = (fresh(&pack), Rows::default());
        let mut entries = run(&mut before, &mut sink, &records[..at], 0);
        let mut after = state_file::read(&state_file::write(&before).unwrap(), &pack).unwrap();
        after.bind_all(&mut Rows::default());
        entries.extend(run(&mut after, &mut sink, &records[at..], at));
        assert_eq!(entries, whole, "cut after record {at}");
    }
}
