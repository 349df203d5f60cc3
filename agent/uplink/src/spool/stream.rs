//! The stream file: whose numbers the spool gives out, and how far they may have been given.
//!
//! Numbers are promised in blocks ahead, on disk, so that after a loss of power no number is used for a second record,
//! even where the first one reached the collector but not the disk.

use super::SpoolError;
use proto::StreamId;
use shared_runtime::replace_file;
use std::path::{Path, PathBuf};

/// Numbers promised ahead. At one record a second the file is written every quarter of an hour.
pub(super) const RESERVE: u64 = 1_024;

const HEADING: &str = "wardround-spool 1";

/// Content of the stream file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stream {
    /// Names the numbers.
    pub(super) id: StreamId,
    /// Kernel's boot id when the file was written.
    pub(super) boot_id: [u8; 16],
    /// How often the spool was opened.
    pub(super) starts: u64,
    /// No number from here on was given out.
    pub(super) reserved: u64,
    /// The spool was closed in order and fully synced.
    pub(super) clean: bool,
}

impl Stream {
    /// A new stream with a random id.
    pub(super) fn create(boot_id: [u8; 16]) -> Result<Self, SpoolError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|e| SpoolError::Random(e.to_string()))?;
        Ok(Self { id: StreamId(id), boot_id, starts: 0, reserved: 1, clean: true })
    }

    /// Reads the file; `None` when there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, SpoolError> {
        match std::fs::read_to_string(path) {
            Ok(text) => match parse(&text) {
                Some(stream) => Ok(Some(stream)),
                None => Err(SpoolError::Stream(path.to_owned())),
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SpoolError::Read { path: path.to_owned(), source }),
        }
    }

    /// Replaces the file, synced.
    pub(super) fn write(&self, path: &Path) -> Result<(), SpoolError> {
        let Self { id, boot_id, starts, reserved, clean } = self;
        let boot = StreamId(*boot_id);
        let text = format!(
            "{HEADING}\nstream {id}\nboot {boot}\nstarts {starts}\nreserved {reserved}\nclean {clean}\n"
        );
        replace_file(path, text.as_bytes(), 0o600).map_err(SpoolError::Write)
    }

    /// Where the file is.
    pub(super) fn path(dir: &Path) -> PathBuf {
        dir.join("stream")
    }
}

fn parse(text: &str) -> Option<Stream> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADING) {
        return None;
    }
    let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    Some(Stream {
        id: StreamId(sixteen(field("stream")?)?),
        boot_id: sixteen(field("boot")?)?,
        starts: field("starts")?.parse().ok()?,
        reserved: field("reserved")?.parse().ok()?,
        clean: field("clean")?.parse().ok()?,
    })
}

/// Sixteen bytes in 32 hexadecimal digits.
pub(crate) fn sixteen(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a stream written, read, then damaged at each line.
    /// Guarantees: it comes back; a missing file is none; a damaged one is an error that names the file.
    #[test]
    fn the_file_round_trips() {
        let dir = tempfile::tempdir().unwrap();
        let path = Stream::path(dir.path());
        assert_eq!(Stream::read(&path).unwrap(), None);
        let mut stream = Stream::create([0xab; 16]).unwrap();
        (stream.starts, stream.reserved, stream.clean) = (3, 77, false);
        stream.write(&path).unwrap();
        assert_eq!(Stream::read(&path).unwrap(), Some(stream));
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            std::fs::write(&path, text.replace(line, "x")).unwrap();
            assert!(
                matches!(Stream::read(&path), Err(SpoolError::Stream(p)) if p == path),
                "{line}"
            );
        }
    }
}
