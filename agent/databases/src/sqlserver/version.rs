//! The version with its build, which tells the cumulative update.

use crate::facts::row::Row;
use crate::facts::version;
use crate::view::View;

const SQL: &str = "SELECT 'sqlserver', CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128))";

pub(super) static VIEW: View<Row> = version::view("ProductVersion", SQL);
