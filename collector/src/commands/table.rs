//! Lists on standard output: a table for people, JSON for programs.

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;

/// How a list is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Format {
    /// A table
    Text,
    /// A JSON array of objects
    Json,
}

impl Format {
    /// Prints `lines`; `row` makes the cells under `head`.
    pub(super) fn print<T: Serialize>(
        self,
        lines: &[T],
        head: &[&str],
        row: impl Fn(&T) -> Vec<String>,
    ) -> anyhow::Result<()> {
        if self == Self::Json {
            let json = serde_json::to_string_pretty(lines).context("write the list as JSON")?;
            return super::print(&json);
        }
        let head = head.iter().map(|&h| h.to_owned()).collect();
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(lines.iter().map(row)).collect();
        super::print(&align(&rows))
    }
}

/// A value, or `-` for what is not known or does not apply.
pub(super) fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".to_owned())
}

/// Columns as wide as their widest cell, two spaces apart, nothing behind the last.
fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: rows of different widths. Guarantees: columns line up and no line ends in spaces.
    #[test]
    fn columns_line_up() {
        let rows = [["ID", "STATE"], ["a-long-id", "used"], ["b", ""]];
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|&c| c.to_owned()).collect()).collect();
        assert_eq!(align(&rows), "ID         STATE\na-long-id  used\nb");
    }
}
