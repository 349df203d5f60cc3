//! One saved state of the collector in a file, replaced as a whole.
//!
//! Layout, numbers little-endian: magic `WRSNAP\0\0` (8 bytes), format version u32, journal lsn u64, ledger number u64,
//! length of the engine's name u32, length of the payload u64, crc32c u32 of everything else in the file, name, payload.

use shared_journal::Lsn;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"WRSNAP\0\0";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 44;
const CRC_AT: usize = 40;

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

/// Replaces the snapshot at `path`. When this returns the new one is on disk; until then the one before is.
///
/// # Errors
/// [`SnapshotError::Write`].
pub fn write(path: &Path, snapshot: &Snapshot) -> Result<(), SnapshotError> {
    replace(path, &encode(snapshot))
        .map_err(|source| SnapshotError::Write { path: path.to_owned(), source })
}

/// Reads the snapshot at `path`.
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

/// Writes a file beside `path`, syncs it, and renames it over `path`.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => File::open(dir)?.sync_all(),
        _ => File::open(".")?.sync_all(),
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

    /// Scenario: none, one, and one over another. Guarantees: what was written last is read; nothing else is left.
    #[test]
    fn the_last_one_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        assert_eq!(read(&path).unwrap(), Loaded::Absent);
        for payload in [&b"first"[..], b"", b"second"] {
            write(&path, &snapshot(payload)).unwrap();
            assert_eq!(read(&path).unwrap().sound(), Some(snapshot(payload)));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
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
