//! Encryption at rest (clause 3.5 存储加密).

use super::row::{Row, number};
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError};
use agent_probe::Sink;
use shared_model::{Metric, Unit};

// A space is encrypted once it has a key; the server's own are left out.
const MARIADB: &str = "\
SELECT COUNT(*)
  FROM information_schema.INNODB_SYS_TABLESPACES s
  LEFT JOIN information_schema.INNODB_TABLESPACES_ENCRYPTION e ON e.SPACE = s.SPACE
 WHERE s.NAME LIKE '%/%' AND s.NAME NOT LIKE 'mysql/%' AND s.NAME NOT LIKE 'sys/%'
   AND (e.ENCRYPTION_SCHEME IS NULL OR e.ENCRYPTION_SCHEME = 0 OR e.CURRENT_KEY_VERSION = 0)";
const MYSQL: &str = "\
SELECT COUNT(*) FROM information_schema.INNODB_TABLESPACES
 WHERE SPACE_TYPE IN ('General', 'Single') AND ENCRYPTION = 'N' AND NAME NOT LIKE 'mysql%' AND NAME NOT LIKE 'sys/%'";

static UNENCRYPTED: Metric = gauge(
    "wardround_mysql_unencrypted_spaces",
    Unit::None,
    "Tablespaces of the business that InnoDB does not encrypt.",
    "INNODB_TABLESPACES_ENCRYPTION (MariaDB), INNODB_TABLESPACES.ENCRYPTION (MySQL)",
);

/// Read at each inspection.
pub(super) static VIEW_MARIADB: View<Row> = View {
    name: "INNODB_TABLESPACES",
    sql: MARIADB,
    metrics: &[&UNENCRYPTED],
    pace: Pace::Inspection,
    emit,
};
/// Read at each inspection.
pub(super) static VIEW_MYSQL: View<Row> = View { sql: MYSQL, ..VIEW_MARIADB };

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        sink.put(&UNENCRYPTED, &[], number(row, 0).ok_or(ViewError::Column)?);
    }
    Ok(())
}
