//! What was added to the files of a log folder since the last look.

use super::log_entry::Format;
use crate::log::{ROUND_BYTES, read_lines};
use agent_probe::ProbeError;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Files of several formats that hold the same entries are written to within this of each other.
const SAME_TIME: Duration = Duration::from_secs(60);

/// More files than any log folder has within its retention.
const FILES_MAX: usize = 4_096;

/// Where reading stands in each file.
#[derive(Debug)]
pub(super) struct LogTail {
    folder: PathBuf,
    offsets: BTreeMap<PathBuf, u64>,
    is_begun: bool,
}

impl LogTail {
    /// Reads nothing of what is there at the first look.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, offsets: BTreeMap::new(), is_begun: false }
    }

    /// Gives `take` every whole line that was added. Where the server writes the same entries in several formats, the one that says
    /// most is read.
    pub(super) fn read(&mut self, mut take: impl FnMut(Format, &str)) -> Result<(), ProbeError> {
        let files = list(&self.folder).map_err(|source| read_error(&self.folder, source))?;
        self.offsets.retain(|path, _| files.iter().any(|file| file.path == *path));
        let best = best_format(&files);
        let mut budget = ROUND_BYTES;
        for LogFile { path, format, bytes, .. } in &files {
            let begin = if self.is_begun { 0 } else { *bytes };
            let offset = self.offsets.entry(path.clone()).or_insert(begin);
            // A file that was cut is written anew.
            *offset = if *bytes < *offset { 0 } else { *offset };
            if Some(*format) != best {
                *offset = *bytes;
            }
            if *bytes > *offset && budget > 0 {
                let taken = read_lines(path, *offset, budget, |line| take(*format, line))
                    .map_err(|source| read_error(path, source))?;
                *offset += taken as u64;
                budget = budget.saturating_sub(taken);
            }
        }
        self.is_begun = true;
        Ok(())
    }
}

/// A file of the log.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct LogFile {
    path: PathBuf,
    format: Format,
    bytes: u64,
    modified: SystemTime,
}

/// The format that says most among those that are written to now: a file that was left over from another setting hides none.
fn best_format(files: &[LogFile]) -> Option<Format> {
    let newest = files.iter().map(|file| file.modified).max()?;
    let is_current =
        |file: &&LogFile| newest.duration_since(file.modified).is_ok_and(|age| age <= SAME_TIME);
    files.iter().filter(is_current).map(|file| file.format).max()
}

fn read_error(path: &Path, source: io::Error) -> ProbeError {
    ProbeError::Read { path: path.to_owned(), source }
}

/// The log files of a folder, in order of their names. Links are not followed.
fn list(folder: &Path) -> io::Result<Vec<LogFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)?.take(FILES_MAX) {
        let entry = entry?;
        let format = entry.file_name().to_str().and_then(Format::of);
        if let Some(format) = format
            && entry.file_type()?.is_file()
        {
            // One that was removed meanwhile is no fault.
            if let Ok(metadata) = entry.metadata() {
                let (path, bytes, modified) = (entry.path(), metadata.len(), metadata.modified()?);
                files.push(LogFile { path, format, bytes, modified });
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;

    fn lines(tail: &mut LogTail) -> Vec<String> {
        let mut lines = Vec::new();
        tail.read(|_, line| lines.push(line.to_owned())).unwrap();
        lines
    }

    /// Scenario: a folder with old lines; then lines, half a line, its other half, a new file, a cut file, a link, a file that is no
    /// log, columns beside words, and then words alone. Guarantees: nothing old, each line once and whole, whatever file it is in, and no link is followed.
    #[test]
    fn added_lines_come_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let append = |name: &str, text: &str| {
            let mut file =
                File::options().create(true).append(true).open(dir.path().join(name)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        append("a.log", "old\n");
        let mut tail = LogTail::new(dir.path().to_owned());
        assert!(lines(&mut tail).is_empty());
        append("a.log", "one\ntw");
        assert_eq!(lines(&mut tail), ["one"]);
        append("a.log", "o\n");
        append("b.log", "three\n");
        append("notes.txt", "nothing\n");
        std::os::unix::fs::symlink(dir.path().join("notes.txt"), dir.path().join("c.log")).unwrap();
        assert_eq!(lines(&mut tail), ["two", "three"]);
        fs::write(&path, "new\n").unwrap();
        assert_eq!(lines(&mut tail), ["new"]);
        fs::remove_file(&path).unwrap();
        append("b.csv", "columns\n");
        append("b.log", "the same in words\n");
        assert_eq!(lines(&mut tail), ["columns"]);
        assert!(lines(&mut tail).is_empty());
        let left_over = File::options().append(true).open(dir.path().join("b.csv")).unwrap();
        let hour_ago =
            left_over.metadata().unwrap().modified().unwrap() - Duration::from_secs(3_600);
        left_over.set_modified(hour_ago).unwrap();
        append("b.log", "four\n");
        assert_eq!(lines(&mut tail), ["four"]);
        fs::remove_dir_all(dir.path()).unwrap();
        assert!(tail.read(|_, _| {}).is_err());
    }

    /// Scenario: a line longer than a round reads, with bytes that are no text. Guarantees: it costs no more than a round's memory, and
    /// what follows is read.
    #[test]
    fn endless_lines_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut tail = LogTail::new(dir.path().to_owned());
        assert!(lines(&mut tail).is_empty());
        let mut text = vec![0xff; ROUND_BYTES + 10];
        text.extend(b"\nlast\n");
        fs::write(dir.path().join("a.log"), text).unwrap();
        assert_eq!(lines(&mut tail).len(), 1);
        assert_eq!(lines(&mut tail).last().unwrap(), "last");
    }
}
