//! One entry of the error log: how bad it is and of what kind. Nothing else of it leaves this file: words of a log hold literals.

use crate::log::Class;

/// How bad an entry is: the label `severity`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Severity {
    Warning,
    Error,
}

impl Severity {
    pub(super) const ALL: [Self; 2] = [Self::Warning, Self::Error];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The part of a line in which time, thread and severity stand.
const HEAD_BYTES: usize = 64;

/// What a line says; `None` for one that begins no entry of warning or worse. A refused login is a note of MySQL and a warning of
/// MariaDB, and counts in both.
pub(super) fn classify(line: &str) -> Option<(Severity, Class)> {
    let head = line.get(..line.floor_char_boundary(HEAD_BYTES))?;
    let words = [
        ("[ERROR] ", Severity::Error),
        ("[Warning] ", Severity::Warning),
        ("[Note] ", Severity::Warning),
    ];
    // The first in the line stands for the entry; what follows is its message, which may quote anything.
    let found =
        words.iter().filter_map(|(word, severity)| Some((head.find(word)?, word, *severity)));
    let (at, word, severity) = found.min_by_key(|(at, ..)| *at)?;
    let message = line.get(at + word.len()..)?;
    let class = of_words(message);
    (*word != "[Note] " || class == Class::Authentication).then_some((severity, class))
}

/// By the words of the server: those alone that a rule speaks of.
fn of_words(text: &str) -> Class {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["Access denied for user"]) {
        Class::Authentication
    } else if has(&[
        "No space left on device",
        "Disk is full",
        "disk full",
        "Errcode: 28",
        "error number is: 28",
    ]) {
        Class::DiskFull
    } else if has(&["marked as crashed", "corrupt", "Corrupt", "checksum mismatch"]) {
        Class::Corruption
    } else if has(&[
        "Too many connections",
        "Out of memory",
        "Can't create thread",
        "Cannot allocate memory",
    ]) {
        Class::Resources
    } else if has(&["got signal", "Assertion failure", "I/O error", "Operating system error"]) {
        Class::Internal
    } else {
        Class::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: entries of MariaDB and MySQL of each class, notes, lines that go on from the one before, and messages that quote a word
    /// of severity. Guarantees: severity and class are the entry's own; what is no entry is nothing.
    #[test]
    fn entries_are_classified() {
        let (warning, error) = (Severity::Warning, Severity::Error);
        for (line, expected) in [
            (
                "2026-11-27 14:35:36 5 [ERROR] mariadbd: Table 'm' is marked as crashed and should be repaired",
                Some((error, Class::Corruption)),
            ),
            (
                "2026-11-27 14:35:36 6 [Warning] Access denied for user 'root'@'localhost' (using password: YES)",
                Some((warning, Class::Authentication)),
            ),
            (
                "2026-11-27T14:35:36.123456Z 6 [Note] [MY-010926] [Server] Access denied for user 'a'@'b' (using password: YES)",
                Some((warning, Class::Authentication)),
            ),
            (
                "2026-11-27T14:35:36.123456Z 0 [ERROR] [MY-012145] [InnoDB] Error number 28 means 'No space left on device'",
                Some((error, Class::DiskFull)),
            ),
            ("261127 14:35:36 [ERROR] mysqld got signal 11 ;", Some((error, Class::Internal))),
            (
                "2026-11-27 14:35:36 0 [Warning] Too many connections",
                Some((warning, Class::Resources)),
            ),
            ("2026-11-27 14:35:36 0 [Warning] Aborted connection", Some((warning, Class::Other))),
            ("2026-11-27 14:35:36 0 [Note] InnoDB: says '[ERROR] corrupt'", None),
            (
                "2026-11-27 14:35:36 0 [Warning] '[ERROR] No space left on device'",
                Some((warning, Class::DiskFull)),
            ),
            ("Some pointers may be invalid and cause the dump to abort. [ERROR]", None),
            ("", None),
        ] {
            assert_eq!(classify(line), expected, "{line}");
        }
    }
}
