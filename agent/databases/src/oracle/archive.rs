//! Archived redo and its destinations.

use crate::facts::archive;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT CASE WHEN d.log_mode = 'ARCHIVELOG' THEN 1 ELSE 0 END,
       (SELECT COUNT(*) FROM v$archive_dest_status a WHERE a.status = 'ERROR')
  FROM v$database d";

pub(super) static VIEW: View<Row> = archive::view("V$ARCHIVE_DEST_STATUS", SQL);
