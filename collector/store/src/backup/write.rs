//! Writes a backup from a cut.

use super::{BackupError, CHUNK_BYTES, CutPart, MAGIC, Manifest, PartSum, VERSION};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// zstd's own middle: the journal's bodies and the series are compressed already.
const ZSTD_LEVEL: i32 = 3;

/// Writes the parts, each from its file, into `file` of mode 0600, and returns the manifest once everything is on disk. Until
/// then nothing stands under that name. `progress` is told the bytes that were taken so far.
///
/// # Errors
/// [`BackupError::Exists`] unless `replace`; [`BackupError::File`], also when a part is shorter than it was at the cut.
pub fn write(
    file: &Path,
    replace: bool,
    mut manifest: Manifest,
    parts: &[(CutPart, PathBuf)],
    progress: &mut dyn FnMut(u64),
) -> Result<Manifest, BackupError> {
    if !replace && file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let mut beside = file.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let failed = BackupError::file(&beside);
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
    let out = open.map_err(&failed)?;
    let written = write_into(&out, &beside, &mut manifest, parts, progress);
    let done = written.and_then(|()| {
        out.sync_all().map_err(&failed)?;
        fs::rename(&beside, file).map_err(BackupError::file(file))?;
        let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|f| f.sync_all()).map_err(BackupError::file(folder))
    });
    if let Err(error) = done {
        // The first error is the one to tell.
        drop(fs::remove_file(&beside));
        return Err(error);
    }
    Ok(manifest)
}

fn write_into(
    out: &File,
    path: &Path,
    manifest: &mut Manifest,
    parts: &[(CutPart, PathBuf)],
    progress: &mut dyn FnMut(u64),
) -> Result<(), BackupError> {
    let failed = BackupError::file(path);
    let mut out = BufWriter::with_capacity(CHUNK_BYTES, out);
    out.write_all(&MAGIC).map_err(&failed)?;
    out.write_all(&VERSION.to_le_bytes()).map_err(&failed)?;
    let mut zstd = zstd::Encoder::new(out, ZSTD_LEVEL).map_err(&failed)?;
    let mut taken = 0;
    for (part, from) in parts {
        let sum = write_part(&mut zstd, path, part, from, &mut taken, progress)?;
        manifest.parts.push(sum);
    }
    let json = serde_json::to_vec(manifest).map_err(|e| failed(io::Error::other(e)))?;
    let length = u32::try_from(json.len()).map_err(|e| failed(io::Error::other(e)))?;
    let mut end = || -> io::Result<()> {
        zstd.write_all(&0u16.to_le_bytes())?;
        zstd.write_all(&length.to_le_bytes())?;
        zstd.write_all(&json)?;
        zstd.write_all(&Sha256::digest(&json))
    };
    end().map_err(&failed)?;
    zstd.finish().and_then(|mut out| out.flush()).map_err(&failed)
}

fn write_part(
    zstd: &mut impl Write,
    path: &Path,
    part: &CutPart,
    from: &Path,
    taken: &mut u64,
    progress: &mut dyn FnMut(u64),
) -> Result<PartSum, BackupError> {
    let failed = BackupError::file(path);
    let unreadable = BackupError::file(from);
    let name = part.name.as_bytes();
    let name_length = u16::try_from(name.len()).map_err(|e| failed(io::Error::other(e)))?;
    zstd.write_all(&name_length.to_le_bytes()).map_err(&failed)?;
    zstd.write_all(name).map_err(&failed)?;
    zstd.write_all(&part.bytes.to_le_bytes()).map_err(&failed)?;
    let mut file = File::open(from).map_err(&unreadable)?;
    let mut sha = Sha256::new();
    let mut left = part.bytes;
    let mut chunk = vec![0; CHUNK_BYTES];
    while left > 0 {
        let want = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let bytes = &mut chunk[..want];
        file.read_exact(bytes).map_err(&unreadable)?;
        sha.update(&*bytes);
        zstd.write_all(bytes).map_err(&failed)?;
        left -= want as u64;
        *taken += want as u64;
        progress(*taken);
    }
    let sha256 = HEXLOWER.encode(&sha.finalize());
    Ok(PartSum { name: part.name.clone(), bytes: part.bytes, sha256 })
}
