//! The store of closed incidents under a running history.

use super::*;
use collector_domain::{Actor, Entry, EntryKind};
use collector_standards::Pack;
use collector_store::ledger::Ledger;
use shared_model::{Labels, Level, Timestamp};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

struct Place(tempfile::TempDir);

impl Place {
    fn ledger(&self) -> PathBuf {
        self.0.path().join("ledger")
    }

    fn closed(&self) -> PathBuf {
        self.0.path().join("closed")
    }
}

/// All entries of incident `id`, from opening to closing, each a second after the last.
fn life(id: u64) -> Vec<Entry> {
    let second = |n: u64| Timestamp::from_secs(i64::try_from(id * 10 + n).unwrap());
    let opened = EntryKind::Opened {
        cause: "os.cpu_busy".into(),
        subject: Labels::from_pairs([("host", "db-1")]),
        clause: "3.2".parse().unwrap(),
        level: Level::Three,
        occurred: second(0),
        value: Some(0.9),
        response_due: second(100),
        resolution_due: second(1_000),
        onsite_due: None,
        started: None,
        evidence: Vec::new(),
        late: false,
    };
    let kinds = [
        opened,
        EntryKind::Acknowledged { in_time: true },
        EntryKind::Resolved { fix: format!("fix {id}"), in_time: true },
        EntryKind::VerifyAsked,
        EntryKind::Verified { watch_until: second(6) },
        EntryKind::Closed,
    ];
    let (incident, actor) = (IncidentId(id), Actor::Collector);
    kinds
        .into_iter()
        .zip(0..)
        .map(|(kind, n)| Entry { at: second(n), incident, actor: actor.clone(), kind })
        .collect()
}

fn write(ledger: &mut Ledger, ids: std::ops::RangeInclusive<u64>) {
    for entry in ids.flat_map(life) {
        ledger.append(&entry).unwrap();
    }
    ledger.sync().unwrap();
}

/// Waits until all incidents up to `last` are read, and returns them, newest first.
fn read(archive: &ClosedArchive, last: u64) -> Vec<Incident> {
    let mut waited = Duration::ZERO;
    loop {
        let mut all = Vec::new();
        let visited = archive.visit(&mut |incident| all.push(incident));
        if visited.is_ok() && all.len() as u64 == last {
            for incident in &all {
                assert_eq!(archive.get(incident.id).unwrap().as_ref(), Some(incident));
            }
            return all;
        }
        assert!(waited < Duration::from_secs(60), "{visited:?}, {} of {last}", all.len());
        std::thread::sleep(Duration::from_millis(20));
        waited += Duration::from_millis(20);
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Scenario: a history that goes on growing, while between runs, and without a clean end, the store is deleted, its files are
/// cut, flipped or zeroed, something else stands in its place, and it holds more than the ledger.
/// Guarantees: each time the same incidents with the same content, and the new ones; nothing else is touched.
#[test]
fn a_deleted_or_damaged_store_is_rebuilt() {
    let place = Place(tempfile::tempdir().unwrap());
    let pack = Pack::builtin().unwrap();
    let mut ledger = Ledger::open(&place.ledger()).unwrap();
    write(&mut ledger, 1..=200);
    let mut last = 200;
    let each = |change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        for file in files(&place.closed()) {
            fs::write(&file, change(fs::read(&file).unwrap())).unwrap();
        }
    };
    type Fault<'a> = &'a dyn Fn();
    let faults: [(&str, Fault<'_>); 8] = [
        ("nothing", &|| {}),
        ("deleted", &|| fs::remove_dir_all(place.closed()).unwrap()),
        ("cut to half", &|| each(&|b| b[..b.len() / 2].to_vec())),
        ("every 997th byte flipped", &|| {
            each(&|mut b| {
                b.iter_mut().step_by(997).for_each(|byte| *byte ^= 0x55);
                b
            });
        }),
        ("zeroed", &|| each(&|b| vec![0; b.len()])),
        ("emptied", &|| each(&|_| Vec::new())),
        ("a file in its place", &|| {
            fs::remove_dir_all(place.closed()).unwrap();
            fs::create_dir(place.closed()).unwrap();
            fs::write(place.closed().join("db"), b"not a database").unwrap();
        }),
        ("more than the ledger has", &|| {
            let store = ClosedIncidents::open(&place.closed()).unwrap();
            let mut incident = store.get(IncidentId(1)).unwrap().unwrap();
            incident.id = IncidentId(9_999);
            store.put(&incident).unwrap();
            store.flush().unwrap();
        }),
    ];
    let mut before: Vec<Incident> = Vec::new();
    for (what, fault) in faults {
        if !before.is_empty() {
            fault();
        }
        let proved = collector_store::ledger::verify(&place.ledger()).unwrap();
        assert_eq!(proved.entries, last * 6, "{what}: the ledger was touched");
        let (archive, thread) =
            ClosedArchive::start(&place.ledger(), &place.closed(), pack.rules()).unwrap();
        let again = read(&archive, last);
        assert!(before.is_empty() || again == before, "{what}: other incidents than before");
        write(&mut ledger, last + 1..=last + 20);
        last += 20;
        before = read(&archive, last);
        assert_eq!(before.first().map(|i| i.id.0), Some(last), "{what}");
        assert_eq!(before[0].fix.as_deref(), Some(&*format!("fix {last}")), "{what}");
        archive.stop();
        thread.join().unwrap();
        println!("{what}: {last} incidents");
    }
}

/// Scenario: a reader met damage. Guarantees: the store is brought up again by itself, and the same is read.
#[test]
fn damage_met_by_a_reader_is_mended() {
    let place = Place(tempfile::tempdir().unwrap());
    let pack = Pack::builtin().unwrap();
    let mut ledger = Ledger::open(&place.ledger()).unwrap();
    write(&mut ledger, 1..=50);
    let (archive, thread) =
        ClosedArchive::start(&place.ledger(), &place.closed(), pack.rules()).unwrap();
    let before = read(&archive, 50);
    let met = archive.read(|_| Err::<(), _>(ClosedError::damaged()));
    assert_eq!(met, Err(REBUILDING.to_owned()));
    let mut waited = Duration::ZERO;
    while archive.is_damaged.load(Ordering::Relaxed) {
        assert!(waited < Duration::from_secs(60), "nobody mended it");
        std::thread::sleep(Duration::from_millis(20));
        waited += Duration::from_millis(20);
    }
    assert_eq!(read(&archive, 50), before);
    archive.stop();
    thread.join().unwrap();
}
