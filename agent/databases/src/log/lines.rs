//! Lines that were added to a file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The most that is read in a round; what is more has the next ones, so that a log that explodes does not fill memory.
pub(crate) const ROUND_BYTES: usize = 1 << 20;

/// Longer lines are cut: what matters stands at their beginning.
const LINE_BYTES: usize = 64 << 10;

/// Gives every whole line from `offset` on, and says how many bytes they took. A line that is longer than what is read at once is
/// given as far as it goes.
pub(crate) fn read_lines(
    path: &Path,
    offset: u64,
    budget: usize,
    mut take: impl FnMut(&str),
) -> io::Result<usize> {
    let file = File::open(path)?;
    let mut buffer = vec![0; budget];
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    let whole = match buffer.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => end + 1,
        None if filled == budget => filled,
        None => return Ok(0),
    };
    for line in buffer.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n') {
        let line = line.get(..LINE_BYTES).unwrap_or(line);
        if !line.is_empty() {
            take(&String::from_utf8_lossy(line));
        }
    }
    Ok(whole)
}
