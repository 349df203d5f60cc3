//! Checks a backup, and restores it once everything in it was proved.

use super::{
    BackupError, CHUNK_BYTES, MAGIC, MANIFEST_BYTES_MAX, Manifest, NAME_BYTES_MAX, PARTS_MAX,
    PartSum, VERSION, is_sound,
};
use crate::{audit, ledger};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The settings' key; nobody may write it.
const KEY: &str = "settings.key";

/// Reads a whole backup and proves every part, writing nothing.
///
/// # Errors
/// [`BackupError::Foreign`], [`BackupError::Damaged`] with the first damaged part, [`BackupError::File`].
pub fn check(file: &Path) -> Result<Manifest, BackupError> {
    read(file, &mut |_| Ok(None))
}

/// Proves a backup, then writes it into `dir`, which must be empty or not there, and proves the ledger and the audit log
/// there against the manifest. Until all is proved and on disk nothing stands under that name.
///
/// # Errors
/// Those of [`check`]; [`BackupError::NotEmpty`]; [`BackupError::Unproved`].
pub fn restore(file: &Path, dir: &Path) -> Result<Manifest, BackupError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(BackupError::NotEmpty(dir.to_owned()));
            }
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(BackupError::file(dir)(e)),
    }
    check(file)?;
    let mut beside = dir.as_os_str().to_owned();
    beside.push(".restoring");
    let beside = PathBuf::from(beside);
    match fs::remove_dir_all(&beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(BackupError::file(&beside)(e)),
        _ => {}
    }
    let restored = restore_into(file, &beside, dir);
    if restored.is_err() {
        // The first error is the one to tell.
        drop(fs::remove_dir_all(&beside));
    }
    restored
}

fn restore_into(file: &Path, beside: &Path, dir: &Path) -> Result<Manifest, BackupError> {
    let make = |folder: &Path| {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(BackupError::file(folder))
    };
    make(beside)?;
    let mut folders = vec![beside.to_owned()];
    let manifest = read(file, &mut |name| {
        let path = beside.join(name);
        if let Some(folder) = path.parent().filter(|f| !f.is_dir()) {
            make(folder)?;
            folders.push(folder.to_owned());
        }
        let mode = if name == KEY { 0o400 } else { 0o600 };
        let open = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        open.map(Some).map_err(BackupError::file(path))
    })?;
    prove(&manifest, beside)?;
    for folder in folders {
        File::open(&folder).and_then(|f| f.sync_all()).map_err(BackupError::file(&folder))?;
    }
    match fs::remove_dir(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(BackupError::file(dir)(e)),
        _ => {}
    }
    fs::rename(beside, dir).map_err(BackupError::file(dir))?;
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent).and_then(|f| f.sync_all()).map_err(BackupError::file(parent))?;
    Ok(manifest)
}

/// Proves the restored chains up to the heads that the manifest names.
fn prove(manifest: &Manifest, dir: &Path) -> Result<(), BackupError> {
    let expect = |log, proved: Result<(u64, [u8; 32]), String>, said: &(u64, String)| {
        let unproved = |why| BackupError::Unproved { log, why };
        let (number, head) = proved.map_err(unproved)?;
        if (number, HEXLOWER.encode(&head)) == *said {
            return Ok(());
        }
        let (said, _) = said;
        Err(unproved(format!(
            "it ends with entry {number}, the manifest says {said}, or their hashes differ"
        )))
    };
    let ledger = ledger::verify(&dir.join("ledger"));
    let ledger = ledger.map(|r| (r.entries, r.head)).map_err(|e| e.to_string());
    expect("ledger", ledger, &manifest.ledger)?;
    let audit = audit::verify(&dir.join("audit"));
    let audit = audit.map(|r| (r.entries, r.head)).map_err(|e| e.to_string());
    expect("audit log", audit, &manifest.audit)
}

/// Where a part's bytes go: a file to be written, or nowhere.
type Place<'a> = &'a mut dyn FnMut(&str) -> Result<Option<File>, BackupError>;

fn read(file: &Path, place: Place<'_>) -> Result<Manifest, BackupError> {
    let foreign = |why: &str| BackupError::Foreign { file: file.to_owned(), why: why.to_owned() };
    let mut input = BufReader::new(File::open(file).map_err(BackupError::file(file))?);
    let mut head = [0; 12];
    input.read_exact(&mut head).map_err(|_| foreign("it is too short"))?;
    if head[..8] != MAGIC {
        return Err(foreign("it does not begin like one"));
    }
    if head[8..] != VERSION.to_le_bytes() {
        return Err(foreign("its format is another version"));
    }
    let mut zstd = zstd::Decoder::new(input).map_err(BackupError::file(file))?;
    let mut sums = Vec::new();
    let mut last = "the beginning".to_owned();
    loop {
        let after = |why: String| BackupError::Damaged {
            file: file.to_owned(),
            part: format!("what follows {last}"),
            why,
        };
        let Some(name) = read_name(&mut zstd).map_err(after)? else { break };
        if sums.len() >= PARTS_MAX {
            return Err(foreign("it has too many parts"));
        }
        let out = place(&name)?;
        let sum = read_part(&mut zstd, &name, out).map_err(|why| BackupError::Damaged {
            file: file.to_owned(),
            part: name.clone(),
            why: why.to_string(),
        })?;
        sums.push(sum);
        last = name;
    }
    let manifest = read_manifest(&mut zstd).map_err(|why| BackupError::Damaged {
        file: file.to_owned(),
        part: "manifest".to_owned(),
        why,
    })?;
    compare(file, &manifest.parts, &sums)?;
    Ok(manifest)
}

/// The next part's name, `None` after the last one.
fn read_name(zstd: &mut impl Read) -> Result<Option<String>, String> {
    let mut length = [0; 2];
    zstd.read_exact(&mut length).map_err(|e| e.to_string())?;
    let length = usize::from(u16::from_le_bytes(length));
    if length == 0 {
        return Ok(None);
    }
    if length > NAME_BYTES_MAX {
        return Err("a name is too long".to_owned());
    }
    let mut name = vec![0; length];
    zstd.read_exact(&mut name).map_err(|e| e.to_string())?;
    let name = String::from_utf8(name).ok().filter(|name| is_sound(name));
    name.map(Some).ok_or_else(|| "a name is not one of a data folder".to_owned())
}

fn read_part(zstd: &mut impl Read, name: &str, mut out: Option<File>) -> io::Result<PartSum> {
    let mut length = [0; 8];
    zstd.read_exact(&mut length)?;
    let bytes = u64::from_le_bytes(length);
    let mut sha = Sha256::new();
    let mut left = bytes;
    let mut chunk = vec![0; CHUNK_BYTES];
    while left > 0 {
        let want = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let got = &mut chunk[..want];
        zstd.read_exact(got)?;
        sha.update(&*got);
        if let Some(out) = &mut out {
            out.write_all(got)?;
        }
        left -= want as u64;
    }
    if let Some(out) = out {
        out.sync_all()?;
    }
    Ok(PartSum { name: name.to_owned(), bytes, sha256: HEXLOWER.encode(&sha.finalize()) })
}

fn read_manifest(zstd: &mut impl Read) -> Result<Manifest, String> {
    let mut length = [0; 4];
    zstd.read_exact(&mut length).map_err(|e| e.to_string())?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MANIFEST_BYTES_MAX {
        return Err("it is too long".to_owned());
    }
    let mut json = vec![0; length];
    zstd.read_exact(&mut json).map_err(|e| e.to_string())?;
    let mut sum = [0; 32];
    zstd.read_exact(&mut sum).map_err(|e| e.to_string())?;
    if Sha256::digest(&json).as_slice() != sum {
        return Err("its checksum does not fit".to_owned());
    }
    let mut rest = [0; 1];
    if zstd.read(&mut rest).map_err(|e| e.to_string())? != 0 {
        return Err("something follows it".to_owned());
    }
    serde_json::from_slice(&json).map_err(|e| e.to_string())
}

/// Names the first part that is not what the manifest says.
fn compare(file: &Path, said: &[PartSum], found: &[PartSum]) -> Result<(), BackupError> {
    let damaged = |part: &str, why: &str| {
        let (file, part, why) = (file.to_owned(), part.to_owned(), why.to_owned());
        Err(BackupError::Damaged { file, part, why })
    };
    for (said, found) in said.iter().zip(found) {
        if said.name != found.name {
            return damaged(&said.name, "another part stands in its place");
        }
        if said != found {
            return damaged(&said.name, "its bytes do not have the checksum in the manifest");
        }
    }
    match (said.get(found.len()), found.get(said.len())) {
        (Some(missing), _) => damaged(&missing.name, "it is missing"),
        (_, Some(more)) => damaged(&more.name, "the manifest does not name it"),
        _ => Ok(()),
    }
}
