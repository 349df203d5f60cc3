//! The version with its release update, which the server says since 18c.

use crate::facts::row::Row;
use crate::facts::version;
use crate::view::View;

const SQL: &str = "SELECT 'oracle', version_full FROM v$instance";

pub(super) static VIEW: View<Row> = version::view("V$INSTANCE.VERSION_FULL", SQL);
