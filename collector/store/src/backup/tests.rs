//! A data folder into a file and back, and every way to damage the file.

use super::*;
use crate::audit::{AuditEntry, AuditLog};
use crate::ledger::Ledger;
use collector_domain::{
    Actor, AuditAction, AuditEvent, AuditOutcome, Entry, EntryKind, IncidentId,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

struct Place(tempfile::TempDir);

impl Place {
    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("backup")
    }
}

fn entry(n: u64) -> Entry {
    let at = Timestamp::from_secs(n as i64);
    let (actor, kind) = (Actor::Collector, EntryKind::ResponseMissed);
    Entry { at, incident: IncidentId(n), actor, kind }
}

fn audited(n: u64) -> AuditEntry {
    let event = AuditEvent {
        at: Timestamp::from_secs(n as i64),
        who: "wang".to_owned(),
        from: None,
        action: AuditAction::Act,
        object: "o".to_owned(),
        outcome: AuditOutcome::Done,
        detail: String::new(),
    };
    AuditEntry { event, count: 1, lost: 0 }
}

/// A data folder with real chains and some other files, cut while it goes on growing; then backed up.
fn backed_up(place: &Place) -> Manifest {
    let data = place.data();
    let mut ledger = Ledger::open(&data.join("ledger")).unwrap();
    let mut audit = AuditLog::open(&data.join("audit")).unwrap();
    for n in 1..=5 {
        ledger.append(&entry(n)).unwrap();
        audit.append(&audited(n)).unwrap();
    }
    ledger.sync().unwrap();
    audit.sync().unwrap();
    fs::create_dir_all(data.join("series/2026-11-25")).unwrap();
    fs::write(data.join("series/2026-11-25/blocks"), vec![7; 600_000]).unwrap();
    fs::write(data.join("settings.key"), [9; 32]).unwrap();
    fs::write(data.join("state"), b"kept").unwrap();
    fs::write(data.join("series/x.new"), b"half").unwrap();
    let mut cut = Cut::begin(&data.join("backup.cut")).unwrap();
    for folder in ["ledger", "audit", "series", "gone"] {
        cut.folder(&data, folder, &|_| true).unwrap();
    }
    for file in ["settings.key", "state", "state.older"] {
        cut.file(&data, file).unwrap();
    }
    let heads = (ledger.head(), audit.head());
    // After the cut: logs grow, and a file is replaced.
    ledger.append(&entry(6)).unwrap();
    ledger.sync().unwrap();
    shared_runtime::replace_file(&data.join("state"), b"newer and longer", 0o600).unwrap();
    let (staging, parts) = cut.finish();
    let parts: Vec<_> = parts.into_iter().map(|p| (p.clone(), staging.join(&p.name))).collect();
    let hex = |(number, hash): (u64, [u8; 32])| (number, data_encoding::HEXLOWER.encode(&hash));
    let manifest = Manifest {
        created: Timestamp::from_secs(1),
        collector: "test".to_owned(),
        ledger: hex(heads.0),
        audit: hex(heads.1),
        with_key: true,
        with_series: true,
        parts: Vec::new(),
    };
    let mut taken = Vec::new();
    let manifest = write(&place.file(), false, manifest, &parts, &mut |n| taken.push(n)).unwrap();
    assert_eq!(taken.last(), Some(&manifest.parts.iter().map(|p| p.bytes).sum::<u64>()));
    Cut::discard(&staging).unwrap();
    manifest
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Scenario: a data folder that goes on growing after the cut is backed up and restored elsewhere. Guarantees: exactly what
/// was there at the cut comes back, private, proved against the manifest; no name is overwritten without being told to.
#[test]
fn what_was_there_at_the_cut_comes_back() {
    let place = Place(tempfile::tempdir().unwrap());
    let manifest = backed_up(&place);
    assert_eq!(check(&place.file()).unwrap(), manifest);
    assert_eq!(fs::metadata(place.file()).unwrap().permissions().mode() & 0o777, 0o600);
    let again = write(&place.file(), false, manifest.clone(), &[], &mut |_| {});
    assert!(again.unwrap_err().to_string().contains("--force"));
    let elsewhere = place.0.path().join("elsewhere");
    assert_eq!(restore(&place.file(), &elsewhere).unwrap(), manifest);
    assert_eq!(names(&elsewhere), ["audit", "ledger", "series", "settings.key", "state"]);
    assert_eq!(names(&elsewhere.join("series")), ["2026-11-25"]);
    assert_eq!(fs::read(elsewhere.join("state")).unwrap(), b"kept");
    assert_eq!(fs::read(elsewhere.join("series/2026-11-25/blocks")).unwrap(), vec![7; 600_000]);
    assert_eq!(crate::ledger::verify(&elsewhere.join("ledger")).unwrap().entries, 5);
    for (file, mode) in [("settings.key", 0o400), ("state", 0o600), ("ledger", 0o700)] {
        let found = fs::metadata(elsewhere.join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{file}");
    }
    let onto = restore(&place.file(), &elsewhere);
    assert!(matches!(onto, Err(BackupError::NotEmpty(_))));
    fs::create_dir(place.0.path().join("empty")).unwrap();
    restore(&place.file(), &place.0.path().join("empty")).unwrap();
}

/// Scenario: bytes of the file flipped and the file cut, over its whole length. Guarantees: refused with the name of a part,
/// or as no backup at all, before anything is written.
#[test]
fn a_damaged_backup_is_refused_by_part() {
    let place = Place(tempfile::tempdir().unwrap());
    let manifest = backed_up(&place);
    let known: Vec<&str> = manifest.parts.iter().map(|p| p.name.as_str()).collect();
    let sound = fs::read(place.file()).unwrap();
    let dir = place.0.path().join("restored");
    let refuse = |bytes: &[u8], what: &str| {
        fs::write(place.file(), bytes).unwrap();
        match restore(&place.file(), &dir).unwrap_err() {
            BackupError::Foreign { .. } => {}
            BackupError::Damaged { part, .. } => {
                let named = part.strip_prefix("what follows ").unwrap_or(&part);
                let fits = known.contains(&named) || ["the beginning", "manifest"].contains(&named);
                assert!(fits, "{what}: {part}");
            }
            other => panic!("{what}: {other}"),
        }
        assert!(!dir.exists() && names(place.0.path()) == ["backup", "data"], "{what}");
    };
    for offset in (0..sound.len()).step_by(sound.len() / 300 + 1) {
        let mut bytes = sound.clone();
        bytes[offset] ^= 1;
        refuse(&bytes, &format!("byte {offset}"));
        refuse(&sound[..offset], &format!("cut at {offset}"));
    }
    refuse(&[&sound[..], &sound[12..]].concat(), "doubled");
}

/// Scenario: names of parts. Guarantees: only relative ones of plain letters, which stay in the folder.
#[test]
fn names_stay_in_the_folder() {
    for (name, sound) in [
        ("ledger/00000000000000000001.seg", true),
        ("series/2026-11-25/blocks", true),
        ("state", true),
        ("", false),
        ("/etc/passwd", false),
        ("../x", false),
        ("a/../x", false),
        ("a//x", false),
        ("a/.", false),
        ("a b", false),
        ("a\0", false),
    ] {
        assert_eq!(is_sound(name), sound, "{name:?}");
    }
    assert!(!is_sound(&"a".repeat(NAME_BYTES_MAX + 1)) && is_sound(&"a".repeat(NAME_BYTES_MAX)));
}
