//! The key file of the settings: 32 random bytes that only the collector reads.

use rustix::fs::{Mode, OFlags};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;

/// The key that settings are sealed with. `Debug` shows nothing of it, and its memory is wiped when dropped.
pub struct SettingsKey(Zeroizing<[u8; KEY_BYTES]>);

/// Why the key could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The settings are sealed and their key is not there.
    #[error(
        "the settings in {settings} are sealed and their key {path} is missing: put the key file back from where you keep it \
         (a backup holds it only when it was made with --with-key); without it move {settings} away, then make accounts and \
         join nodes anew"
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
        /// What it opens.
        settings: PathBuf,
    },
    /// Others than its owner can read or write it.
    #[error(
        "the settings key {path} has mode {mode:04o}, which lets others at it: run chmod 0400 {path}"
    )]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a key.
    #[error("the settings key {path} is not a file of {KEY_BYTES} bytes: put the right one back")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or made.
    #[error("cannot use the settings key {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl SettingsKey {
    /// Reads a key file, `None` when there is none.
    ///
    /// # Errors
    /// [`KeyError::Mode`], [`KeyError::Malformed`], [`KeyError::File`].
    pub fn read(path: &Path) -> Result<Option<Self>, KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        let meta = file.metadata().map_err(failed)?;
        if meta.mode() & 0o077 != 0 {
            return Err(KeyError::Mode { path: path.to_owned(), mode: meta.mode() & 0o777 });
        }
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let whole = meta.is_file() && meta.len() == KEY_BYTES as u64;
        if !whole || file.read_exact(&mut *key).is_err() {
            return Err(KeyError::Malformed { path: path.to_owned() });
        }
        Ok(Some(Self(key)))
    }

    /// Makes a key file of mode 0400 and returns when it is on disk. Never replaces one.
    ///
    /// # Errors
    /// [`KeyError::File`], also when the file is there already.
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *key).map_err(|e| failed(io::Error::other(e)))?;
        // Whole under another name first, so that a crash never leaves half a key under this one.
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        match std::fs::remove_file(&beside) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::open(&beside, flags, Mode::from_raw_mode(0o400));
        let mut file = File::from(file.map_err(|e| failed(e.into()))?);
        file.write_all(&*key).and_then(|()| file.sync_all()).map_err(failed)?;
        std::fs::hard_link(&beside, path).map_err(failed)?;
        std::fs::remove_file(&beside).map_err(failed)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|f| f.sync_all()).map_err(failed)?;
        Ok(Self(key))
    }

    /// A key of its own for another purpose, from which this one cannot be told.
    pub(super) fn derive(&self, purpose: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        let own = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &*self.0);
        let tag = ring::hmac::sign(&own, purpose.as_bytes());
        let mut derived = Zeroizing::new([0; KEY_BYTES]);
        derived.copy_from_slice(tag.as_ref());
        derived
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for SettingsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SettingsKey(..)")
    }
}
