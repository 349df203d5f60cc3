//! The settings on disk: nothing to read for who has no key, nothing to change unnoticed.

use super::seal::{HEADER_KIND, SEALED_KIND};
use super::*;
use collector_domain::Role;
use shared_journal::{Item, Log, Lsn, Options, Reader};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

struct Place(tempfile::TempDir);

/// Kind and payload of each record.
type Records = Vec<(u8, Vec<u8>)>;

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join("settings")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("settings.key")
    }

    fn open(&self) -> Result<SettingsLog, SettingsError> {
        SettingsLog::open(&self.dir(), &self.key())
    }

    fn first_segment(&self) -> PathBuf {
        self.dir().join("00000000000000000001.seg")
    }

    fn records(&self) -> Records {
        let item = |item| match item {
            Ok(Item::Record { kind, payload, .. }) => (kind, payload),
            other => panic!("{other:?}"),
        };
        Reader::open(&self.dir(), Lsn::FIRST).map(item).collect()
    }

    /// All bytes of all files of the settings.
    fn bytes(&self) -> Vec<u8> {
        let files = fs::read_dir(self.dir()).unwrap();
        files.flat_map(|f| fs::read(f.unwrap().path()).unwrap()).collect()
    }

    /// The log written anew with these records.
    fn rewrite(&self, records: &[(u8, Vec<u8>)]) {
        fs::remove_dir_all(self.dir()).unwrap();
        let (mut log, _) = Log::open(&self.dir(), Options::default()).unwrap();
        for (kind, payload) in records {
            log.append(*kind, payload).unwrap();
        }
        log.sync().unwrap();
    }
}

fn node(name: &str) -> NodeIdentity {
    NodeIdentity::new("acme", "h1", "a1", name).unwrap()
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn account(name: &str, secs: i64) -> Change {
    let password_hash = PasswordHash("$argon2id$v=19$m=19456$c2FsdA$aGFzaA".to_owned());
    Change::AccountSet { name: name.to_owned(), role: Role::Engineer, password_hash, at: at(secs) }
}

fn token(id: &str, expires: i64) -> Change {
    Change::TokenIssued {
        id: id.to_owned(),
        secret_sha256: SecretDigest([0xab; 32]),
        node: node("db-1"),
        expires: at(expires),
        at: at(1),
    }
}

fn written(place: &Place) -> SettingsLog {
    let mut settings = place.open().unwrap();
    for change in [account("wanggong", 1), token("tokenid", 1_000), account("lizhuren", 2)] {
        settings.record(change).unwrap();
    }
    settings
}

fn damaged(result: Result<SettingsLog, SettingsError>) -> Option<u64> {
    match result {
        Ok(_) => None,
        Err(SettingsError::Damaged { number, .. }) => Some(number),
        Err(e) => panic!("{e}"),
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

const SECRETS: [&str; 7] =
    ["wanggong", "lizhuren", "argon2id", "aGFzaA", "tokenid", "abababab", "db-1"];

/// Scenario: accounts and tokens written, then the disk read without the key. Guarantees: no name, no hash and no digest
/// stands in any file; the key file has 32 bytes that only the owner reads; a restart knows everything.
#[test]
fn nothing_can_be_read_without_the_key() {
    let place = Place::new();
    let before = written(&place).state().clone();
    let bytes = place.bytes();
    for secret in SECRETS {
        assert!(!contains(&bytes, secret), "{secret}");
    }
    let key = fs::metadata(place.key()).unwrap();
    assert_eq!((key.len(), key.permissions().mode() & 0o777), (32, 0o400));
    let settings = place.open().unwrap();
    assert_eq!(*settings.state(), before);
    let debug = format!("{settings:?}");
    assert!(!debug.contains("argon2id") && !debug.contains("171, 171"), "{debug}");
}

/// Scenario: the key missing, of another log, too open, too short. Guarantees: each refused by name with what to do, the
/// log unchanged, and no new key made over a lost one.
#[test]
fn a_wrong_key_is_refused_by_name() {
    let place = Place::new();
    drop(written(&place));
    let (right, bytes) = (fs::read(place.key()).unwrap(), place.bytes());
    let with = |key: Option<(&[u8], u32)>| {
        fs::remove_file(place.key()).ok();
        if let Some((bytes, mode)) = key {
            fs::write(place.key(), bytes).unwrap();
            fs::set_permissions(place.key(), Permissions::from_mode(mode)).unwrap();
        }
        place.open().map(drop).map_err(|e| e.to_string())
    };
    let missing = with(None).unwrap_err();
    assert!(
        missing.contains("put the key file back") && missing.contains("--with-key"),
        "{missing}"
    );
    assert!(!place.key().exists());
    let wrong = with(Some((&[7; 32], 0o400))).unwrap_err();
    assert!(wrong.contains("sealed with another key"), "{wrong}");
    for mode in [0o440, 0o404, 0o420, 0o660] {
        let open = with(Some((&right, mode))).unwrap_err();
        assert!(open.contains("chmod 0400"), "{mode:o}: {open}");
    }
    for length in [0, 31] {
        assert!(with(Some((&right[..length], 0o400))).unwrap_err().contains("32 bytes"));
    }
    assert_eq!(place.bytes(), bytes);
    for mode in [0o400, 0o600] {
        assert_eq!(with(Some((&right, mode))), Ok(()), "{mode:o}");
    }
}

/// Scenario: one bit of every byte of the file flipped. Guarantees: the record it belongs to is named; only the file's own
/// header, which says nothing, is passed over.
#[test]
fn a_flipped_byte_names_its_record() {
    let place = Place::new();
    let before = written(&place).state().clone();
    let sound = fs::read(place.first_segment()).unwrap();
    let mut at = 24;
    let mut starts = Vec::new();
    while at < sound.len() {
        starts.push(at);
        let length = u32::from_le_bytes(sound[at..at + 4].try_into().unwrap()) as usize;
        at += 17 + length;
    }
    // The lengths too: but that of the last record makes it look cut short, which a crash does.
    let last = starts[starts.len() - 1];
    for offset in (0..sound.len()).filter(|o| !(last..last + 4).contains(o)).step_by(3) {
        let mut bytes = sound.clone();
        bytes[offset] ^= 0x10;
        fs::write(place.first_segment(), &bytes).unwrap();
        let number = starts.iter().rposition(|s| *s <= offset).map(|n| n as u64 + 1);
        match place.open() {
            Ok(settings) => assert_eq!((number, settings.state()), (None, &before), "{offset}"),
            Err(SettingsError::Damaged { number: found, .. }) => assert_eq!(Some(found), number),
            Err(SettingsError::Journal(e)) => {
                let named = format!("record {}", number.unwrap());
                assert!(e.to_string().contains(&named), "{offset}: {e}");
            }
            Err(e) => panic!("{offset}: {e}"),
        }
    }
}

/// Scenario: who can write the disk, with the checksums right, moves records, leaves some out, says them twice, and brings
/// some over from another log of the same key and from an older state of this one.
/// Guarantees: the first record that is not in its place is named.
#[test]
fn records_fit_only_their_place() {
    let place = Place::new();
    drop(written(&place));
    let records = place.records();
    assert_eq!(
        records.iter().map(|r| r.0).collect::<Vec<_>>(),
        [HEADER_KIND, SEALED_KIND, SEALED_KIND, SEALED_KIND]
    );
    let with = |change: &dyn Fn(&mut Records)| {
        let mut changed = records.clone();
        change(&mut changed);
        place.rewrite(&changed);
        damaged(place.open())
    };
    assert_eq!(with(&|_| {}), None);
    assert_eq!(with(&|r| r.swap(1, 2)), Some(2));
    assert_eq!(with(&|r| r.swap(2, 3)), Some(3));
    assert_eq!(with(&|r| drop(r.remove(2))), Some(3));
    assert_eq!(with(&|r| r.insert(3, r[2].clone())), Some(4));
    assert_eq!(with(&|r| r.push(r[1].clone())), Some(5));
    let other = Place::new();
    fs::copy(place.key(), other.key()).unwrap();
    drop(written(&other));
    let theirs = other.records();
    assert_eq!(with(&|r| r[2] = theirs[2].clone()), Some(3));
    assert_eq!(with(&|r| r[0] = theirs[0].clone()), Some(2));
    // A record that this log once held under the same number, before its end was torn off and written anew.
    place.rewrite(&records[..3]);
    let mut settings = place.open().unwrap();
    settings.record(account("other", 9)).unwrap();
    settings.record(account("another", 9)).unwrap();
    drop(settings);
    let anew = place.records();
    assert_ne!(anew[3], records[3]);
    let mut mixed = anew.clone();
    mixed[3] = records[3].clone();
    place.rewrite(&mixed);
    assert_eq!(damaged(place.open()), Some(5), "the one before it is not the one it followed");
}

/// Scenario: a log of an earlier version, in the open, met with and without what a crash during its conversion leaves.
/// Guarantees: the same state, nothing readable any more, and a second start finds a sealed log.
#[test]
fn an_open_log_is_sealed_at_the_first_start() {
    for leftover in [false, true] {
        let place = Place::new();
        let (mut log, _) = Log::open(&place.dir(), Options::default()).unwrap();
        let changes = [account("wanggong", 1), token("tokenid", 1_000), account("lizhuren", 2)];
        for change in &changes {
            log.append(1, &serde_json::to_vec(change).unwrap()).unwrap();
        }
        log.sync().unwrap();
        drop(log);
        if leftover {
            let beside = place.0.path().join("settings.new");
            fs::create_dir(&beside).unwrap();
            fs::write(beside.join("00000000000000000001.seg"), b"half").unwrap();
        }
        let state = place.open().unwrap().state().clone();
        assert_eq!(state, *written(&Place::new()).state());
        let names = fs::read_dir(place.0.path()).unwrap().map(|f| f.unwrap().file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        assert_eq!(names, ["settings", "settings.key"]);
        assert!(SECRETS.iter().all(|s| !contains(&place.bytes(), s)));
        let mut again = place.open().unwrap();
        assert_eq!(*again.state(), state);
        again.record(account("zhang", 3)).unwrap();
        drop(again);
        assert_eq!(place.open().unwrap().state().accounts.len(), 3);
    }
}

/// Scenario: a log that reaches its length just below, at and above the limit, with tokens just inside and outside the time
/// they are kept. Guarantees: it becomes one record, nothing but those tokens is forgotten, and it goes on and restarts.
#[test]
fn a_long_log_is_compacted() {
    let kept_s = i64::try_from(TOKENS_KEPT.as_secs()).unwrap();
    let place = Place::new();
    let mut settings = place.open().unwrap();
    settings.records_max = 20;
    settings.record(token("forgotten", 99)).unwrap();
    settings.record(token("listed", 100)).unwrap();
    for n in 0..16 {
        settings.record(account("wanggong", kept_s + n)).unwrap();
    }
    assert_eq!(place.records().len(), 19);
    settings.record(account("lizhuren", kept_s + 100)).unwrap();
    assert_eq!(place.records().len(), 2, "the header and the state");
    let tokens: Vec<&String> = settings.state().tokens.keys().collect();
    assert_eq!(tokens, ["listed"]);
    settings.record(account("zhang", kept_s + 101)).unwrap();
    let state = settings.state().clone();
    drop(settings);
    assert_eq!((place.records().len(), place.open().unwrap().state()), (3, &state));
    assert_eq!(state.accounts["wanggong"].created, at(kept_s));
}
