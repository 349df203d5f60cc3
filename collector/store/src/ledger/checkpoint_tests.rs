//! Checkpoints against ledgers that were changed in every way that keeps or breaks the chain.

use super::tests::{entry, ledger};
use super::{Checkpoint, CheckpointError, Ledger};
use shared_model::Timestamp;
use std::path::Path;

const SEED: [u8; 32] = [7; 32];

fn taken(ledger: &Ledger) -> Checkpoint {
    let at = Timestamp::from_secs(1_767_225_600);
    Checkpoint::sign("acme/h1/a1", at, ledger.hashes(), &SEED)
}

/// A ledger of the entries with these numbers, in this order, with a chain that holds.
fn written(dir: &Path, numbers: impl IntoIterator<Item = u64>) {
    let mut ledger = Ledger::open(dir).unwrap();
    for i in numbers {
        ledger.append(&entry(i)).unwrap();
    }
    ledger.sync().unwrap();
}

/// Scenario: checkpoints after 0, 1, 16, 17 and 100 entries, and three more entries.
/// Guarantees: each proves what it has seen and says how many follow; its file reads back as it was.
#[test]
fn a_checkpoint_proves_what_it_has_seen() {
    for entries in [0, 1, 16, 17, 100] {
        let dir = tempfile::tempdir().unwrap();
        let checkpoint = taken(&ledger(dir.path(), entries));
        let read = Checkpoint::read(checkpoint.to_json().as_bytes()).unwrap();
        assert_eq!(read, checkpoint);
        written(dir.path(), entries..entries + 3);
        let proven = read.prove(dir.path()).unwrap();
        assert_eq!((proven.proven, proven.unproven), (entries, 3));
        assert_eq!(proven.report.entries, entries + 3);
    }
}

/// Scenario: entry 21 of 40 is another one, dropped, swapped with its neighbour, all with a chain that was made to fit; the end cut
/// off; an older backup. Guarantees: each is found; what was rewritten is named to its block, what is missing exactly.
#[test]
fn a_rewritten_history_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = taken(&ledger(dir.path(), 40));
    let changed: Vec<u64> = (0..40).map(|i| if i == 20 { 99 } else { i }).collect();
    let dropped: Vec<u64> = (0..40).filter(|i| *i != 20).chain([50, 51]).collect();
    let swapped: Vec<u64> =
        (0..40).map(|i| [i, 21, 20][usize::from(i == 20) + 2 * usize::from(i == 21)]).collect();
    for numbers in [changed, dropped, swapped] {
        let other = tempfile::tempdir().unwrap();
        written(other.path(), numbers);
        let found = checkpoint.prove(other.path()).unwrap_err();
        assert!(matches!(found, CheckpointError::Rewritten { from: 17, to: 32 }), "{found}");
    }
    let older = tempfile::tempdir().unwrap();
    written(older.path(), 0..35);
    let found = checkpoint.prove(older.path()).unwrap_err();
    assert!(matches!(found, CheckpointError::Missing { from: 36, to: 40 }), "{found}");
}

/// Scenario: every byte of a checkpoint's file flipped in turn; another key is expected.
/// Guarantees: no change is taken for the checkpoint that was signed.
#[test]
fn a_changed_checkpoint_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = taken(&ledger(dir.path(), 20));
    let json = checkpoint.to_json().into_bytes();
    for at in 0..json.len() {
        let mut flipped = json.clone();
        flipped[at] ^= 1;
        if let Ok(read) = Checkpoint::read(&flipped) {
            assert_eq!(read, checkpoint, "byte {at} changes what is read");
        }
    }
    let own = checkpoint.names().2.to_owned();
    assert!(checkpoint.expect_key(&own.to_uppercase()).is_ok());
    assert!(matches!(checkpoint.expect_key("00"), Err(CheckpointError::Key { .. })));
}
