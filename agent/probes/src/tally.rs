//! What a round found and what it could not read.

use agent_probe::{HostFile, Outcome, ProbeError};
use std::path::Path;

/// Complaints kept per round. A file of garbage has one per line, and the first few say what there is to say; the
/// reader of the log finds the rest in the file.
const MAX_COMPLAINTS: usize = 16;

/// Counts what was sampled and collects complaints, from which the outcome follows.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    sampled: bool,
    complaints: Vec<ProbeError>,
    /// Lines that were not understood, kept without their path while the file's buffer is borrowed.
    lines: Vec<(usize, &'static str)>,
}

impl Tally {
    /// At least one sample was put in.
    pub(crate) fn sampled(&mut self) {
        self.sampled = true;
    }

    /// Whether anything was sampled so far.
    pub(crate) fn has_samples(&self) -> bool {
        self.sampled
    }

    /// A line of the file that is being read is not what it should be.
    pub(crate) fn bad_line(&mut self, line: usize, expected: &'static str) {
        if self.lines.len() < MAX_COMPLAINTS {
            self.lines.push((line, expected));
        }
    }

    /// Something could not be read.
    pub(crate) fn complain(&mut self, error: ProbeError) {
        if self.complaints.len() < MAX_COMPLAINTS {
            self.complaints.push(error);
        }
    }

    /// Ends the reading of the file at `path`: its bad lines become complaints.
    pub(crate) fn end_file(&mut self, path: &Path) {
        for (line, expected) in std::mem::take(&mut self.lines) {
            self.complain(ProbeError::Parse { path: path.to_owned(), line, expected });
        }
    }

    /// `Failed` when there are complaints and no sample, else `Partial` or `Sampled`.
    pub(crate) fn outcome(mut self) -> Outcome {
        if self.sampled || self.complaints.is_empty() {
            return Outcome::with_complaints(self.complaints);
        }
        Outcome::Failed(self.complaints.swap_remove(0))
    }
}

/// One round of a probe with one file: `Absent` without the file, `Failed` when nothing in it was understood.
pub(crate) fn read_one(
    file: &mut HostFile,
    expected: &'static str,
    parse: impl FnOnce(&[u8], &mut Tally),
) -> Outcome {
    let mut tally = Tally::default();
    match file.read() {
        Ok(bytes) => parse(bytes, &mut tally),
        Err(error) if error.is_not_found() => return absent(file.path()),
        Err(error) => return Outcome::Failed(error),
    }
    if !tally.sampled && tally.lines.is_empty() {
        tally.bad_line(0, expected);
    }
    tally.end_file(file.path());
    tally.outcome()
}

/// The source at `path` does not exist here.
pub(crate) fn absent(path: &Path) -> Outcome {
    Outcome::Absent(format!("no {}", path.display()))
}
