//! Small files of `/sys`, each holding one value: how they are read and how a round of many of them is kept.
//!
//! A family that changes slowly is read by opening each file anew: keeping hundreds of files open for one reading in ten
//! seconds would cost the node more than it saves. Its folders are opened once a round.

use crate::field;
use crate::tally::Tally;
use agent_probe::{Outcome, ProbeError, Sink};
use rustix::buffer::spare_capacity;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, retry_on_intr};
use shared_model::Metric;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// A file of `/sys` is one page at most (fs/sysfs/file.c); pages are 4 KiB to 64 KiB.
const LIMIT_BYTES: usize = 64 << 10;

/// Room for the first reading, which is all that most files need.
const FIRST_BYTES: usize = 4 << 10;

/// How the content of a file becomes a value: `None` where the driver says that it has none, else what was expected.
pub(crate) type Parse = fn(&[u8]) -> Result<Option<f64>, &'static str>;

/// A file below a device's folder and how it is read.
pub(crate) type Row = (&'static str, Parse);

/// A number without sign.
pub(crate) fn number(text: &[u8]) -> Result<Option<f64>, &'static str> {
    field::number(text).map(|value| Some(value as f64)).ok_or("a number")
}

/// A number without sign; a negative one says that there is none (speed of a bond without slaves, NUMA node of one).
pub(crate) fn number_or_none(text: &[u8]) -> Result<Option<f64>, &'static str> {
    match field::integer(text) {
        Some(value) if value < 0 => Ok(None),
        Some(value) => Ok(Some(value as f64)),
        None => number(text),
    }
}

/// A hexadecimal number with `0x` before it.
pub(crate) fn hexadecimal(text: &[u8]) -> Result<Option<f64>, &'static str> {
    let digits = text.strip_prefix(b"0x").ok_or("a hexadecimal number")?;
    field::hexadecimal(digits).map(|value| Some(value as f64)).ok_or("a hexadecimal number")
}

/// A number with sign in thousandths: millidegrees.
pub(crate) fn thousandths(text: &[u8]) -> Result<Option<f64>, &'static str> {
    field::integer(text).map(|value| Some(value as f64 / 1000.0)).ok_or("a number of thousandths")
}

/// Reads small files one after another into one buffer.
///
/// The way to a folder of `/sys` leads over links and many parts, and costs more than the reading; so the folder of the file
/// before is kept open, and its neighbours are opened by their name alone.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    folder: Option<(PathBuf, OwnedFd)>,
}

impl Reader {
    /// The content without blanks around it; `None` when the file does not exist, its driver has no value for it (a
    /// link that is down has no speed) or this user may not read it.
    pub(crate) fn read(&mut self, path: &Path) -> Result<Option<&[u8]>, ProbeError> {
        match self.fill(path) {
            Ok(()) => Ok(Some(self.buffer.trim_ascii())),
            Err(source) if has_no_value(&source) => Ok(None),
            Err(source) => Err(ProbeError::Read { path: path.to_owned(), source }),
        }
    }

    /// A folder that stays open beyond its round would stand for a device that is gone.
    fn forget_folder(&mut self) {
        self.folder = None;
    }

    fn fill(&mut self, path: &Path) -> io::Result<()> {
        self.buffer.clear();
        let file = self.open(path)?;
        loop {
            let filled = self.buffer.len();
            self.buffer.reserve(FIRST_BYTES.max(filled));
            let room = self.buffer.capacity() - filled;
            let read = retry_on_intr(|| rustix::io::read(&file, spare_capacity(&mut self.buffer)))?;
            // A file of one page is answered whole; more than what fitted may be there only when it is full.
            if read == 0 || read < room {
                return Ok(());
            }
            if self.buffer.len() >= LIMIT_BYTES {
                return Ok(());
            }
        }
    }

    fn open(&mut self, path: &Path) -> io::Result<OwnedFd> {
        const FILE: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(openat(CWD, path, FILE, Mode::empty())?);
        };
        let opened = match self.folder.take().filter(|(known, _)| known == folder) {
            Some(known) => known,
            None => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                (folder.to_owned(), openat(CWD, folder, flags, Mode::empty())?)
            }
        };
        let (_, fd) = self.folder.insert(opened);
        Ok(openat(fd, name, FILE, Mode::empty())?)
    }
}

fn has_no_value(error: &io::Error) -> bool {
    const ANSWERS: [Errno; 10] = [
        Errno::NOENT,
        Errno::NODEV,
        Errno::NXIO,
        Errno::INVAL,
        Errno::OPNOTSUPP,
        Errno::NODATA,
        Errno::ACCESS,
        Errno::PERM,
        Errno::NOTDIR,
        Errno::ISDIR,
    ];
    error
        .raw_os_error()
        .is_some_and(|code| ANSWERS.iter().any(|known| known.raw_os_error() == code))
}

/// One round over many small files.
pub(crate) struct Round<'a> {
    reader: &'a mut Reader,
    sink: &'a mut Sink,
    tally: Tally,
}

impl<'a> Round<'a> {
    pub(crate) fn new(reader: &'a mut Reader, sink: &'a mut Sink) -> Self {
        reader.forget_folder();
        Self { reader, sink, tally: Tally::default() }
    }

    /// The value in a file; `None` when there is none or it was complained about.
    pub(crate) fn value(&mut self, path: &Path, parse: Parse) -> Option<f64> {
        match self.reader.read(path) {
            Ok(None) => None,
            Ok(Some(text)) => match parse(text) {
                Ok(value) => value,
                Err(expected) => {
                    self.tally.bad_line(1, expected);
                    self.tally.end_file(path);
                    None
                }
            },
            Err(error) => {
                self.tally.complain(error);
                None
            }
        }
    }

    /// The text in a file, empty when there is none.
    pub(crate) fn text(&mut self, path: &Path) -> String {
        self.some_text(path).unwrap_or_default()
    }

    /// The text in a file; `None` when there is no such file, or it holds no text.
    pub(crate) fn some_text(&mut self, path: &Path) -> Option<String> {
        match self.reader.read(path) {
            Ok(content) => {
                let content = content?;
                let text = field::text(content).map(str::to_owned);
                if text.is_none() {
                    self.tally.bad_line(1, "UTF-8");
                    self.tally.end_file(path);
                }
                text
            }
            Err(error) => {
                self.tally.complain(error);
                None
            }
        }
    }

    /// Puts in a sample that is known.
    pub(crate) fn put(&mut self, metric: &'static Metric, labels: &[(&str, &str)], value: f64) {
        self.sink.put(metric, labels, value);
        self.tally.sampled();
    }

    /// Puts in the values of the files in `folder` that exist: `rows` and `metrics` are two columns of one table.
    pub(crate) fn put_rows(
        &mut self,
        folder: &Path,
        (rows, metrics): (&[Row], &[&'static Metric]),
        labels: &[(&str, &str)],
    ) {
        for ((file, parse), metric) in rows.iter().zip(metrics) {
            if let Some(value) = self.value(&folder.join(file), *parse) {
                self.put(metric, labels, value);
            }
        }
    }

    /// The names in a folder, sorted so that series keep their order; none when it does not exist. With more than
    /// `limit` there is a complaint and none is taken: a part would be taken for the whole.
    pub(crate) fn names(&mut self, folder: &Path, limit: usize) -> Vec<Box<str>> {
        match list(folder, limit) {
            Ok(names) => names,
            Err(source) if has_no_value(&source) => Vec::new(),
            Err(source) => {
                self.complain(folder, source);
                Vec::new()
            }
        }
    }

    /// Something about `path` is wrong that is no matter of a line.
    pub(crate) fn complain(&mut self, path: &Path, source: io::Error) {
        self.tally.complain(ProbeError::Read { path: PathBuf::from(path), source });
    }

    /// How the round ended: `Absent` when there was neither a sample nor a complaint.
    pub(crate) fn end(self, source: &Path) -> Outcome {
        self.tally.outcome_or_absent(source)
    }
}

fn list(folder: &Path, limit: usize) -> io::Result<Vec<Box<str>>> {
    let mut names: Vec<Box<str>> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        if names.len() >= limit {
            return Err(io::Error::other(format!("more than {limit} entries")));
        }
        names.push(entry?.file_name().to_string_lossy().into());
    }
    names.sort_unstable();
    Ok(names)
}

/// The number at the end of a name such as `cpu12`, when `prefix` stands before it and nothing behind.
pub(crate) fn numbered<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let digits = name.strip_prefix(prefix)?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: numbers in the forms that drivers use, and others. Guarantees: the value, none, or a refusal.
    #[test]
    fn forms_are_told_apart() {
        assert_eq!(number_or_none(b"-1"), Ok(None));
        assert_eq!(number_or_none(b"1000"), Ok(Some(1000.0)));
        assert_eq!(number_or_none(b"18446744073709551615"), Ok(Some(u64::MAX as f64)));
        assert!(number_or_none(b"x").is_err());
        assert_eq!(hexadecimal(b"0x1303"), Ok(Some(4867.0)));
        assert!(hexadecimal(b"1303").is_err());
        assert_eq!(thousandths(b"-1500"), Ok(Some(-1.5)));
        assert_eq!(numbered("cpu12", "cpu"), Some("12"));
        assert_eq!(numbered("cpufreq", "cpu"), None);
        assert_eq!(numbered("cpu", "cpu"), None);
    }

    /// Scenario: a folder with more entries than allowed. Guarantees: refused by number, none kept.
    #[test]
    fn folders_have_a_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a", "b", "c"] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        assert_eq!(list(folder.path(), 3).map(|names| names.len()).ok(), Some(3));
        assert!(
            list(folder.path(), 2).is_err_and(|error| error.to_string().contains("more than 2"))
        );
    }
}
