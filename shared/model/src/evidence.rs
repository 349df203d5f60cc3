//! Evidence: what stands beside a number in words, such as the chain of sessions that block each other.
//!
//! It travels as an event when it changes, and the collector keeps the newest of each topic and instance. Lines name objects,
//! accounts, processes and settings; never the text of a statement, a row or a secret.

/// The topics that probes speak of. A rule names those that explain its findings.
pub mod topic {
    /// Sessions that wait for each other, as trees from who blocks to who waits.
    pub const BLOCKING: &str = "db.blocking";
    /// Accounts with their risks.
    pub const ACCOUNTS: &str = "db.accounts";
    /// Indexes with their faults.
    pub const INDEXES: &str = "db.indexes";
    /// The last change of parameters.
    pub const PARAMETERS: &str = "db.parameters";
    /// Pieces that the archive of logs lacks.
    pub const ARCHIVE: &str = "db.archive";
    /// What everybody has a right to.
    pub const GRANTS: &str = "db.grants";
    /// Rules of who may come from where that are risky.
    pub const ACCESS_RULES: &str = "db.access_rules";
    /// Accounts that nobody has used for long, with the days.
    pub const LOGINS: &str = "db.logins";
    /// How far a server's version is behind, and what later ones fix.
    pub const VERSIONS: &str = "db.versions";

    /// All of them: one line here and one above adds one.
    pub const ALL: [&str; 9] =
        [BLOCKING, ACCOUNTS, INDEXES, PARAMETERS, ARCHIVE, GRANTS, ACCESS_RULES, LOGINS, VERSIONS];
}

/// Most lines of one piece of evidence; the last one says how many are left out.
pub const EVIDENCE_LINES_MAX: usize = 20;

/// Longest line, bytes.
pub const EVIDENCE_LINE_MAX_BYTES: usize = 160;

/// The lines within both limits: a long one is cut, and what is too many is counted in the last.
pub fn evidence_lines(lines: impl IntoIterator<Item = String>) -> Vec<Box<str>> {
    let mut kept: Vec<Box<str>> = Vec::new();
    let mut left_out = 0;
    for mut line in lines {
        if kept.len() == EVIDENCE_LINES_MAX {
            left_out += 1;
            continue;
        }
        // A name may hold any character; a line is one line.
        if line.contains(char::is_control) {
            line = line.replace(char::is_control, " ");
        }
        line.truncate(line.floor_char_boundary(EVIDENCE_LINE_MAX_BYTES));
        kept.push(line.into());
    }
    if left_out > 0
        && let Some(last) = kept.last_mut()
    {
        *last = format!("… {} more", left_out + 1).into();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: just as many lines as fit and one more; a line that is too long, in letters of three bytes, and one with a line break.
    /// Guarantees: the limits hold, what is left out is counted, letters stay whole.
    #[test]
    fn lines_are_bounded() {
        let lines = |n: usize| evidence_lines((0..n).map(|i| i.to_string()));
        assert_eq!(lines(EVIDENCE_LINES_MAX).last().map(|l| &**l), Some("19"));
        let cut = lines(EVIDENCE_LINES_MAX + 1);
        assert_eq!((cut.len(), &*cut[19]), (EVIDENCE_LINES_MAX, "… 2 more"));
        let long = evidence_lines(["巡".repeat(EVIDENCE_LINE_MAX_BYTES), "a\nb".to_owned()]);
        assert_eq!(long[0].len(), EVIDENCE_LINE_MAX_BYTES / 3 * 3);
        assert_eq!(&*long[1], "a b");
    }
}
