//! A database with the simple recovery model cannot be brought back to any moment. Nothing here tells whether backups of the log fail.

use crate::facts::archive;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT MIN(CASE WHEN recovery_model = 3 THEN 0 ELSE 1 END), NULL FROM sys.databases WHERE database_id > 4";

pub(super) static VIEW: View<Row> = archive::view("recovery_model", SQL);
