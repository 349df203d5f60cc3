//! Rows of the text protocol.

pub(super) use mysql_async::Row;
use mysql_async::Value;

/// A column as a number; `None` for NULL, for a missing column and for what is no number.
pub(super) fn number(row: &Row, column: usize) -> Option<f64> {
    match row.as_ref(column)? {
        Value::Bytes(bytes) => {
            std::str::from_utf8(bytes).ok()?.trim().parse().ok().filter(|v: &f64| v.is_finite())
        }
        Value::Int(number) => Some(*number as f64),
        Value::UInt(number) => Some(*number as f64),
        Value::Float(number) => Some((*number).into()),
        Value::Double(number) => Some(*number),
        Value::NULL | Value::Date(..) | Value::Time(..) => None,
    }
}

/// A column as text; `None` for NULL, for a missing column and for what is no text.
pub(super) fn text(row: &Row, column: usize) -> Option<&str> {
    match row.as_ref(column)? {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// The place of the first of these columns that the row has, for statements whose columns were renamed.
pub(super) fn position(row: &Row, names: &[&str]) -> Option<usize> {
    let columns = row.columns_ref();
    names.iter().find_map(|name| columns.iter().position(|column| column.name_str() == *name))
}
