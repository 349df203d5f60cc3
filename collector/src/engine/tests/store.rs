//! What the store has room for, and what decisions may depend on.

use super::*;

/// Scenario: the story with a store that takes no series at all. Guarantees: the entries are those of a store with room, since
/// a replay has another store.
#[test]
fn a_full_store_changes_no_decision() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let whole = run(&mut fresh(&pack), &mut Rows::default(), &story(), 0);
    let mut full = Rows { is_full: true, ..Rows::default() };
    assert_eq!(run(&mut fresh(&pack), &mut full, &story(), 0), whole);
    assert!(!whole.is_empty() && full.rows.is_empty());
}

/// Scenario: a store that is full when a node's catalog comes, and has room when it comes again. Guarantees: rows are stored
/// from then on.
#[test]
fn a_store_with_room_again_takes_what_it_refused() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let (mut fold, mut sink) = (fresh(&pack), Rows { is_full: true, ..Rows::default() });
    run(&mut fold, &mut sink, &[beginning(), vec![batch(0, true)]].concat(), 0);
    assert!(sink.rows.is_empty());
    sink.is_full = false;
    let again = catalog_of(2, ["node_infiniband_state_id", "node_infiniband_physical_state_id"]);
    run(&mut fold, &mut sink, &[again, batch(1, true)], 10);
    assert_eq!(sink.rows.len(), 1);
}

/// Scenario: a node whose catalog was lost says with a whole new one that set 1 has other series. Guarantees: its rows are
/// stored under those, not under the old ones.
#[test]
fn a_redefined_set_is_stored_under_its_own_series() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let (mut fold, mut sink) = (fresh(&pack), Rows::default());
    let other = catalog_of(2, ["node_load1", "node_load5"]);
    let records = [beginning(), vec![batch(0, true), other, batch(1, true)]].concat();
    run(&mut fold, &mut sink, &records, 0);
    let name = |group: usize| sink.groups[group][0].name();
    assert_eq!((name(0), name(1)), ("node_infiniband_state_id", "node_load1"));
    let stored: Vec<u32> = sink.rows.keys().map(|(group, _)| *group).collect();
    assert_eq!(stored, [0, 1]);
}
