//! The databases of the instance. A secondary that nobody may read is online all the same.

use crate::facts::databases;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT TOP (65) name, CASE WHEN state = 0 THEN 1 ELSE 0 END FROM sys.databases ORDER BY name";

pub(super) static VIEW: View<Row> = databases::view("sys.databases", SQL);
