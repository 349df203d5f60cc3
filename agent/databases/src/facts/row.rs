//! A row as plain values, whatever driver it came from.

use crate::view::ViewError;

/// A column's value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Cell {
    Null,
    Number(f64),
    /// Also a number that a driver hands over as text.
    Text(Box<str>),
}

/// The columns of a row in the statement's order.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Row(pub(crate) Vec<Cell>);

impl Row {
    /// A column as a number; `None` for NULL.
    pub(crate) fn number(&self, column: usize) -> Result<Option<f64>, ViewError> {
        let number = match self.0.get(column).ok_or(ViewError::Column)? {
            Cell::Null => return Ok(None),
            Cell::Number(number) => *number,
            Cell::Text(text) => text.trim().parse().map_err(|_| ViewError::Column)?,
        };
        if number.is_finite() { Ok(Some(number)) } else { Err(ViewError::Column) }
    }

    /// A column as text; `None` for NULL.
    pub(crate) fn text(&self, column: usize) -> Result<Option<&str>, ViewError> {
        match self.0.get(column).ok_or(ViewError::Column)? {
            Cell::Null => Ok(None),
            Cell::Number(_) => Err(ViewError::Column),
            Cell::Text(text) => Ok(Some(text)),
        }
    }

    /// A number that must be there.
    pub(crate) fn some_number(&self, column: usize) -> Result<f64, ViewError> {
        self.number(column)?.ok_or(ViewError::Column)
    }

    /// A text that must be there.
    pub(crate) fn some_text(&self, column: usize) -> Result<&str, ViewError> {
        self.text(column)?.ok_or(ViewError::Column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: values as drivers hand them over. Guarantees: text with a number is one, NULL is absent, anything else is an error
    /// and never 0.
    #[test]
    fn values_are_read_or_refused() {
        let text = |text: &str| Cell::Text(text.into());
        let row = Row(vec![Cell::Number(2.5), text(" .5 "), text("x"), Cell::Null, text("NaN")]);
        let numbers: Vec<_> = (0..6).map(|column| row.number(column).ok()).collect();
        assert_eq!(numbers, [Some(Some(2.5)), Some(Some(0.5)), None, Some(None), None, None]);
        assert!(row.some_number(3).is_err() && row.some_text(3).is_err());
        assert!(row.text(0).is_err() && row.text(9).is_err());
        assert_eq!(row.some_text(2).unwrap(), "x");
    }
}
