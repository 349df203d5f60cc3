//! Engines that no test can run: rows written from the vendor's documents through the views, and a read of their statements.

use super::accounts::is_allowed;
use super::probe::Engine;
use super::row::{Cell, Row};
use crate::view::emit;
use agent_probe::{Sample, Sink};
use sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};
use sqlparser::dialect::Dialect;
use sqlparser::parser::Parser;
use std::collections::BTreeMap;

/// The rows of each view, out of sections that begin with `> VIEW`.
fn sections(text: &str) -> BTreeMap<&str, Vec<Row>> {
    let mut found: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    let mut view = "";
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix("> ") {
            Some(name) => view = name,
            None => found.entry(view).or_default().push(row(line)),
        }
    }
    found
}

fn row(line: &str) -> Row {
    let cell = |text: &str| match text {
        r"\N" => Cell::Null,
        text => Cell::Text(text.into()),
    };
    Row(line.split('\t').map(cell).collect())
}

/// The columns of the statement, after it was read in its dialect.
fn columns(name: &str, sql: &str, dialect: &dyn Dialect) -> usize {
    let parsed = Parser::parse_sql(dialect, sql).unwrap_or_else(|error| panic!("{name}: {error}"));
    let [Statement::Query(query)] = &parsed[..] else { panic!("{name}: no single question") };
    let mut body = &*query.body;
    while let SetExpr::SetOperation { left, .. } = body {
        body = left;
    }
    let SetExpr::Select(select) = body else { panic!("{name}: no SELECT") };
    let has_text = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(Expr::Identifier(column)) => column.value.contains("text"),
        _ => false,
    };
    assert!(!select.projection.iter().any(has_text), "{name} reads a text");
    select.projection.len()
}

/// Puts what the documents say through every view of an engine. Each statement can be read in its dialect and has as many columns as
/// the rows; no view complains.
pub(crate) fn replay(engine: &Engine, dialect: &dyn Dialect, said: &str, allowed: &[&str]) -> Sink {
    let allowed: Vec<String> = allowed.iter().map(|&name| name.to_owned()).collect();
    let mut sections = sections(said);
    let (mut sink, mut complaints) = (Sink::default(), Vec::new());
    sink.begin();
    for view in engine.views {
        let mut rows =
            sections.remove(view.name).unwrap_or_else(|| panic!("no rows of {}", view.name));
        let width = columns(view.name, view.sql, dialect);
        assert!(rows.iter().all(|row| row.0.len() == width), "{}: {width} columns", view.name);
        if view.name == engine.accounts.name {
            rows.retain(|row| !is_allowed(row, &allowed));
        }
        emit(view, &rows, &mut sink, &mut complaints);
        assert!(complaints.is_empty(), "{}: {complaints:?}", view.name);
        // A row that is cut short is an error, never a number.
        if let Some(row) = rows.first().filter(|row| row.0.len() > 1) {
            let cut = [Row(row.0[..1].to_vec())];
            let mut garbage = Sink::default();
            garbage.begin();
            let mut said = Vec::new();
            emit(view, &cut, &mut garbage, &mut said);
            assert!(!said.is_empty(), "{} took a row that was cut short", view.name);
        }
    }
    assert!(sections.is_empty(), "rows of no view: {:?}", sections.keys());
    sink
}

/// The value of a sample.
pub(crate) fn value(sink: &Sink, name: &str, labels: &[&str]) -> Option<f64> {
    let is_it = |s: &&Sample| {
        s.metric().name == name && s.labels().iter().map(|(_, v)| &**v).eq(labels.iter().copied())
    };
    sink.samples().iter().find(is_it).and_then(Sample::value)
}

/// The lines of evidence.
pub(crate) fn lines<'a>(sink: &'a Sink, topic: &str) -> Vec<&'a str> {
    let shown = sink.shown().iter().find(|shown| shown.topic == topic);
    shown.map_or_else(Vec::new, |shown| shown.lines.iter().map(|line| &**line).collect())
}
