//! One entry of a server's log: how bad it is and of what kind. Nothing else of it leaves this file: words of a log hold literals.

use crate::log::Class;

/// How bad an entry is: the label `severity`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Severity {
    Warning,
    Error,
    Fatal,
    Panic,
}

impl Severity {
    pub(super) const ALL: [Self; 4] = [Self::Warning, Self::Error, Self::Fatal, Self::Panic];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
            Self::Panic => "panic",
        }
    }

    fn of(word: &str) -> Option<Self> {
        match word {
            "WARNING" => Some(Self::Warning),
            "ERROR" => Some(Self::Error),
            "FATAL" => Some(Self::Fatal),
            "PANIC" => Some(Self::Panic),
            _ => None,
        }
    }
}

/// By SQLSTATE (PostgreSQL, appendix A).
fn of_sqlstate(code: &str) -> Class {
    match code {
        "53100" => Class::DiskFull,
        "XX001" | "XX002" => Class::Corruption,
        "40P01" => Class::Deadlock,
        _ => match code.get(..2).unwrap_or_default() {
            "28" => Class::Authentication,
            "53" => Class::Resources,
            "XX" | "58" => Class::Internal,
            "57" => Class::Intervention,
            "21" | "22" | "23" | "25" | "40" | "42" | "44" => Class::Statement,
            _ => Class::Other,
        },
    }
}

/// By the words of a log without SQLSTATE, in English and Chinese: those alone that a rule speaks of.
fn of_words(text: &str) -> Class {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["authentication failed for user", "pg_hba.conf", "认证失败"]) {
        Class::Authentication
    } else if has(&["No space left on device", "设备上没有空间"]) {
        Class::DiskFull
    } else if has(&["invalid page in block", "块中的无效页", "checksum verification failed"])
    {
        Class::Corruption
    } else if has(&["deadlock detected", "检测到死锁"]) {
        Class::Deadlock
    } else {
        Class::Other
    }
}

/// How the entries of a file are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Format {
    /// `log_destination = stderr`.
    Text,
    /// `log_destination = jsonlog`.
    Json,
    /// `log_destination = csvlog`.
    Csv,
}

impl Format {
    /// By the end of the file's name, as the server gives it.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "log" => Some(Self::Text),
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// What a line says; `None` for one that begins no entry of warning or worse.
pub(super) fn classify(format: Format, line: &str) -> Option<(Severity, Class)> {
    match format {
        Format::Csv => {
            // Columns 12 and 13 (error_severity, sql_state_code); what goes on from the line before has no such columns.
            let mut columns = csv_columns(line).skip(11);
            let (severity, code) = (columns.next()?, columns.next()?);
            is_sqlstate(code).then_some(())?;
            Some((Severity::of(severity)?, of_sqlstate(code)))
        }
        Format::Json => {
            // A quote inside a value is escaped, so these cannot be part of one.
            let value = |key: &str| line.split_once(key)?.1.split_once('"').map(|(value, _)| value);
            let severity = Severity::of(value("\"error_severity\":\"")?)?;
            let code = value("\"state_code\":\"").filter(|code| is_sqlstate(code));
            Some((severity, code.map_or(Class::Other, of_sqlstate)))
        }
        Format::Text => {
            let words = [
                ("PANIC:  ", Severity::Panic),
                ("比致命错误还过分的错误:  ", Severity::Panic),
                ("FATAL:  ", Severity::Fatal),
                ("致命错误:  ", Severity::Fatal),
                ("ERROR:  ", Severity::Error),
                ("错误:  ", Severity::Error),
                ("WARNING:  ", Severity::Warning),
                ("警告:  ", Severity::Warning),
            ];
            // The first in the line stands for the entry; what follows is its message, which may quote anything.
            let found =
                words.iter().filter_map(|(word, severity)| Some((line.find(word)?, *severity)));
            let (_, severity) = found.min_by_key(|(at, _)| *at)?;
            Some((severity, of_words(line)))
        }
    }
}

/// Whether a line is an entry of pgaudit's.
pub(super) fn is_audit(format: Format, line: &str) -> bool {
    match format {
        // Column 14 is the message.
        Format::Csv => csv_columns(line).nth(13).is_some_and(|text| text.starts_with("AUDIT: ")),
        Format::Json => line.contains("\"message\":\"AUDIT: "),
        Format::Text => line.contains(":  AUDIT: "),
    }
}

fn is_sqlstate(code: &str) -> bool {
    code.len() == 5 && code.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

/// The columns of a line, without their quotes. A quoted column that does not end in this line is the last.
fn csv_columns(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        if let Some(quoted) = text.strip_prefix('"') {
            let mut from = 0;
            loop {
                let at = from + quoted.get(from..)?.find('"')?;
                if quoted.get(at + 1..)?.starts_with('"') {
                    from = at + 2;
                    continue;
                }
                rest = quoted.get(at + 1..)?.strip_prefix(',');
                return quoted.get(..at);
            }
        }
        match text.split_once(',') {
            Some((column, behind)) => {
                rest = Some(behind);
                Some(column)
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: entries as PostgreSQL 15 writes them in each format, lines that go on from one before, and names made to look like
    /// something else. Guarantees: severity and class are the entry's own; what is no entry is nothing.
    #[test]
    fn entries_are_classified() {
        let csv = "2026-11-26 18:00:00.000 UTC,\"a\"\"b,c\",\"his\",4711,\"10.0.0.9:5000\",1.2,1,\"authentication\",2026-11-26 18:00:00 UTC,3/1,0,FATAL,28P01,\"password authentication failed\",,,";
        let json = "{\"timestamp\":\"x\",\"user\":\"\\\"error_severity\\\":\\\"PANIC\",\"error_severity\":\"ERROR\",\"state_code\":\"40P01\",\"message\":\"deadlock detected\"}";
        for (format, line, expected) in [
            (Format::Csv, csv, Some((Severity::Fatal, Class::Authentication))),
            (Format::Csv, "second line of a message, with, many, commas,,,,,,,,,,ERROR,", None),
            (Format::Csv, "\"never ended", None),
            (Format::Json, json, Some((Severity::Error, Class::Deadlock))),
            (Format::Json, "{\"error_severity\":\"LOG\"}", None),
            (
                Format::Text,
                "2026-11-26 18:00:00 UTC [7] FATAL:  password authentication failed for user \"x\"",
                Some((Severity::Fatal, Class::Authentication)),
            ),
            (
                Format::Text,
                "2026-11-26 18:00:00 CST [7] 致命错误:  用户 \"x\" Password 认证失败",
                Some((Severity::Fatal, Class::Authentication)),
            ),
            (
                Format::Text,
                "2026-11-26 18:00:00 UTC [7] ERROR:  column \"FATAL:  \" does not exist",
                Some((Severity::Error, Class::Other)),
            ),
            (
                Format::Text,
                "2026-11-26 18:00:00 UTC [7] PANIC:  could not write to file: No space left on device",
                Some((Severity::Panic, Class::DiskFull)),
            ),
            (Format::Text, "2026-11-26 18:00:00 UTC [7] LOG:  checkpoint starting: time", None),
            (Format::Text, "\tat character 8", None),
        ] {
            assert_eq!(classify(format, line), expected, "{line}");
        }
    }

    /// Scenario: entries of pgaudit's in each format, and others that quote one. Guarantees: told apart where the format allows it.
    #[test]
    fn audits_are_told_apart() {
        let csv = |text: &str| format!("t,u,d,1,\"h\",s,1,\"tag\",t,v,0,LOG,00000,\"{text}\",,,");
        for (format, line, expected) in [
            (Format::Csv, csv("AUDIT: SESSION,1,1,DDL,CREATE TABLE"), true),
            (Format::Csv, csv("said AUDIT: SESSION"), false),
            (Format::Json, "{\"message\":\"AUDIT: SESSION,1\"}".to_owned(), true),
            (Format::Json, "{\"message\":\"a \\\"message\\\":\\\"AUDIT: \"}".to_owned(), false),
            (Format::Text, "2026-11-27 [1] LOG:  AUDIT: SESSION,1,1".to_owned(), true),
            (Format::Text, "2026-11-27 [1] LOG:  statement: AUDIT: ".to_owned(), false),
            (Format::Csv, String::new(), false),
        ] {
            assert_eq!(is_audit(format, &line), expected, "{line}");
        }
    }

    /// Scenario: one code of each class and nonsense. Guarantees: told apart.
    #[test]
    fn codes_have_classes() {
        for (code, class) in [
            ("28000", Class::Authentication),
            ("53100", Class::DiskFull),
            ("53300", Class::Resources),
            ("XX001", Class::Corruption),
            ("XX000", Class::Internal),
            ("58030", Class::Internal),
            ("40P01", Class::Deadlock),
            ("57014", Class::Intervention),
            ("23505", Class::Statement),
            ("00000", Class::Other),
            ("", Class::Other),
        ] {
            assert_eq!(of_sqlstate(code), class, "{code}");
        }
    }
}
