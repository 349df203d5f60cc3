//! Configuration of the instance, as it is in use.

use crate::facts::parameters;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT name, CAST(value_in_use AS nvarchar(256)) FROM sys.configurations ORDER BY name";

pub(super) static VIEW: View<Row> = parameters::view("sys.configurations", SQL);
