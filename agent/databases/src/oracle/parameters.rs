//! Parameters of the instance.

use crate::facts::parameters;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT name, value FROM v$system_parameter ORDER BY name";

pub(super) static VIEW: View<Row> = parameters::view("V$SYSTEM_PARAMETER", SQL);
