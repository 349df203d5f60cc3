//! The saved states of the collector, in two generations: the newest, and the one before it as `NAME.older`.
//!
//! Layout, numbers little-endian: magic `WRSNAP\0\0` (8 bytes), format version u32, journal lsn u64, ledger number u64,
//! length of the engine's name u32, length of the payload u64, crc32c u32 of everything else in the file, name, payload.

use shared_journal::Lsn;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"WRSNAP\0\0";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 44;
const CRC_AT: usize = 40;
/// It names nodes and incidents: not for everybody on the machine.
const MODE: u32 = 0o600;

/// The state of the decisions after one record of the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Version of the engine that saved it. Another version cannot be relied on to replay to the same ledger.
    pub engine: String,
    /// Last journal record that is in it.
    pub journal: Lsn,
    /// Last ledger entry that it led to, 0 for none.
    pub ledger: u64,
    /// The state, in the engine's own encoding.
    pub payload: Vec<u8>,
}

/// What is in a snapshot's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Loaded {
    /// No file.
    Absent,
    /// A sound snapshot.
    Sound(Snapshot),
    /// A file that is not a sound snapshot, and what is wrong with it. To be reported; the journal is replayed from
    /// its start instead.
    Damaged(String),
}

impl Loaded {
    /// The snapshot, if there is a sound one.
    pub fn sound(self) -> Option<Snapshot> {
        match self {
            Self::Sound(snapshot) => Some(snapshot),
            Self::Absent | Self::Damaged(_) => None,
        }
    }
}

/// Why a snapshot could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file cannot be read.
    #[error("cannot read snapshot {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written; the one before is still in its place.
    #[error("cannot write snapshot {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Makes `snapshot` the newest at `path` and keeps the one before it. When this returns the new one is on disk; whatever
/// interrupts it, at least the newest so far is still found by [`generations`].
///
/// # Errors
/// [`SnapshotError::Write`].
pub fn write(path: &Path, snapshot: &Snapshot) -> Result<(), SnapshotError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SnapshotError::Write { path, source }
    };
    let [next, newest, older] = paths(path);
    shared_runtime::replace_file(&next, &encode(snapshot), MODE)
        .map_err(|e| SnapshotError::Write { path: e.path, source: e.source })?;
    match fs::rename(&newest, &older) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(&older)(e)),
        _ => {}
    }
    fs::rename(&next, &newest).map_err(failed(&newest))?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|f| f.sync_all()).map_err(failed(folder))
}

/// What is in the places of the snapshot at `path`, newest first. The first is one whose writing was interrupted after it
/// was whole.
///
/// # Errors
/// [`SnapshotError::Read`]; a missing or damaged file is not an error.
pub fn generations(path: &Path) -> Result<Vec<(PathBuf, Loaded)>, SnapshotError> {
    paths(path).into_iter().map(|path| read(&path).map(|loaded| (path, loaded))).collect()
}

/// The files that hold snapshots of this name: the next while it is written, the newest, the older.
pub fn paths(path: &Path) -> [PathBuf; 3] {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    [with(".next"), path.to_owned(), with(".older")]
}

/// Reads the snapshot in one file.
///
/// # Errors
/// [`SnapshotError::Read`]; a missing or damaged file is not an error.
pub fn read(path: &Path) -> Result<Loaded, SnapshotError> {
    match fs::read(path) {
        Ok(bytes) => Ok(decode(&bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Loaded::Absent),
        Err(source) => Err(SnapshotError::Read { path: path.to_owned(), source }),
    }
}

fn encode(snapshot: &Snapshot) -> Vec<u8> {
    let (engine, payload) = (snapshot.engine.as_bytes(), &snapshot.payload);
    let mut bytes = Vec::with_capacity(HEAD_BYTES + engine.len() + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&snapshot.journal.0.to_le_bytes());
    bytes.extend_from_slice(&snapshot.ledger.to_le_bytes());
    bytes.extend_from_slice(&(engine.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(engine);
    bytes.extend_from_slice(payload);
    let crc = checksum(&bytes);
    bytes[CRC_AT..HEAD_BYTES].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Loaded {
    let damaged = |why: &str| Loaded::Damaged(why.to_owned());
    let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else {
        return damaged("it is cut short");
    };
    if head[..8] != MAGIC {
        return damaged("it is not a snapshot");
    }
    if u32_at(head, 8) != VERSION {
        return Loaded::Damaged(format!("its format is version {}", u32_at(head, 8)));
    }
    if u32_at(head, CRC_AT) != checksum(bytes) {
        return damaged("its checksum does not fit");
    }
    let body = &bytes[HEAD_BYTES..];
    let Some((engine, payload)) = body.split_at_checked(u32_at(head, 28) as usize) else {
        return damaged("its engine's name is cut short");
    };
    let engine = String::from_utf8(engine.to_vec());
    let (Ok(engine), true) = (engine, payload.len() as u64 == u64_at(head, 32)) else {
        return damaged("its lengths do not fit");
    };
    Loaded::Sound(Snapshot {
        engine,
        journal: Lsn(u64_at(head, 12)),
        ledger: u64_at(head, 20),
        payload: payload.to_vec(),
    })
}

/// Of everything but the checksum itself. `bytes` is at least a head.
fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..CRC_AT]), &bytes[HEAD_BYTES..])
}

fn u32_at(bytes: &[u8; HEAD_BYTES], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

fn u64_at(bytes: &[u8; HEAD_BYTES], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(payload: &[u8]) -> Snapshot {
        Snapshot {
            engine: "0.1.0".to_owned(),
            journal: Lsn(77),
            ledger: 3,
            payload: payload.to_vec(),
        }
    }

    fn sound(path: &Path) -> Vec<Vec<u8>> {
        let all = generations(path).unwrap();
        all.into_iter().filter_map(|(_, l)| l.sound()).map(|s| s.payload).collect()
    }

    /// Scenario: none, then one after another. Guarantees: the last two are found, newest first; nothing else is left.
    #[test]
    fn two_generations_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        assert!(sound(&path).is_empty());
        write(&path, &snapshot(b"first")).unwrap();
        assert_eq!(sound(&path), [b"first"]);
        for (before, payload) in [(&b"first"[..], &b""[..]), (b"", b"second")] {
            write(&path, &snapshot(payload)).unwrap();
            assert_eq!(sound(&path), [payload, before]);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    /// Scenario: the newest damaged or gone, and every step of a writing interrupted. Guarantees: a sound one is found, and
    /// the next writing leaves two again.
    #[test]
    fn one_is_left_whatever_happens() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let [next, newest, older] = paths(&path);
        let begin = || {
            write(&path, &snapshot(b"1")).unwrap();
            write(&path, &snapshot(b"2")).unwrap();
        };
        type Fault<'a> = &'a dyn Fn();
        let faults: [(&str, Fault<'_>, &[&[u8]]); 5] = [
            ("newest damaged", &|| fs::write(&newest, b"x").unwrap(), &[b"1"]),
            ("newest gone", &|| fs::remove_file(&newest).unwrap(), &[b"1"]),
            ("older gone", &|| fs::remove_file(&older).unwrap(), &[b"2"]),
            ("next half", &|| fs::write(&next, b"x").unwrap(), &[b"2", b"1"]),
            (
                "newest moved on",
                &|| {
                    fs::write(&next, encode(&snapshot(b"3"))).unwrap();
                    fs::rename(&newest, &older).unwrap();
                },
                &[b"3", b"2"],
            ),
        ];
        for (what, fault, expected) in faults {
            begin();
            fault();
            assert_eq!(sound(&path), expected, "{what}");
            write(&path, &snapshot(b"4")).unwrap();
            write(&path, &snapshot(b"5")).unwrap();
            assert_eq!(sound(&path), [b"5", b"4"], "{what}");
        }
    }

    /// Scenario: the file cut at every length and one bit of every byte flipped. Guarantees: reported, never used.
    #[test]
    fn a_damaged_one_is_reported() {
        let sound = encode(&snapshot(b"some state"));
        for cut in 0..sound.len() {
            assert!(matches!(decode(&sound[..cut]), Loaded::Damaged(_)), "cut {cut}");
        }
        for offset in 0..sound.len() {
            let mut bytes = sound.clone();
            bytes[offset] ^= 1;
            assert!(matches!(decode(&bytes), Loaded::Damaged(_)), "byte {offset}");
        }
    }

    /// Scenario: a folder that is not there. Guarantees: an error that names the file.
    #[test]
    fn a_missing_folder_is_an_error() {
        let path = Path::new("no/such/folder/state");
        let error = write(path, &snapshot(b"")).unwrap_err();
        assert!(error.to_string().contains("no/such/folder/state"));
    }
}
