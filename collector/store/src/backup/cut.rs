//! The cut: names and lengths of all files at one instant, held by hard links, so that they can be copied at leisure while
//! the collector goes on.
//!
//! Whoever writes a log takes it into the cut between two of its groups. A log only grows, so its files up to the length
//! they had then are what it was then; files that are replaced as a whole are held as they were by their link.

use super::BackupError;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Files at one instant.
#[derive(Debug)]
pub struct Cut {
    staging: PathBuf,
    parts: Vec<CutPart>,
}

/// One file of a cut.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CutPart {
    /// Its path in the data folder and in the staging folder.
    pub name: String,
    /// How much of it belongs to the cut.
    pub bytes: u64,
}

impl Cut {
    /// Begins a cut in the folder `staging`, on the file system of the data folder. What an earlier one left there is removed.
    ///
    /// # Errors
    /// [`BackupError::File`].
    pub fn begin(staging: &Path) -> Result<Self, BackupError> {
        Self::discard(staging)?;
        fs::create_dir(staging).map_err(BackupError::file(staging))?;
        Ok(Self { staging: staging.to_owned(), parts: Vec::new() })
    }

    /// Removes what a cut left.
    ///
    /// # Errors
    /// [`BackupError::File`].
    pub fn discard(staging: &Path) -> Result<(), BackupError> {
        match fs::remove_dir_all(staging) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(BackupError::file(staging)(e)),
            _ => Ok(()),
        }
    }

    /// Takes a file of the data folder, if it is there.
    ///
    /// # Errors
    /// [`BackupError::File`].
    pub fn file(&mut self, data: &Path, name: &str) -> Result<(), BackupError> {
        let (from, to) = (data.join(name), self.staging.join(name));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(BackupError::file(folder))?;
        }
        match fs::hard_link(&from, &to) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(BackupError::file(from)(e)),
        }
        let bytes = fs::metadata(&to).map_err(BackupError::file(&to))?.len();
        self.parts.push(CutPart { name: name.to_owned(), bytes });
        Ok(())
    }

    /// Takes the files of a folder of the data folder and of those in it, but for locks and what is being written beside its
    /// place. `is_wanted` is asked with each file's own name.
    ///
    /// # Errors
    /// [`BackupError::File`].
    pub fn folder(
        &mut self,
        data: &Path,
        name: &str,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Result<(), BackupError> {
        let dir = data.join(name);
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(BackupError::file(dir)(e)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(BackupError::file(&dir))?;
            let is_dir = entry.file_type().map_err(BackupError::file(&dir))?.is_dir();
            if let Ok(own) = entry.file_name().into_string() {
                names.push((own, is_dir));
            }
        }
        names.sort();
        for (own, is_dir) in names {
            let path = format!("{name}/{own}");
            if is_dir {
                self.folder(data, &path, is_wanted)?;
            } else if own != "lock"
                && !own.ends_with(".new")
                && !own.ends_with(".tmp")
                && is_wanted(&own)
            {
                self.file(data, &path)?;
            }
        }
        Ok(())
    }

    /// The staging folder, and what is in it.
    pub fn finish(self) -> (PathBuf, Vec<CutPart>) {
        (self.staging, self.parts)
    }
}
