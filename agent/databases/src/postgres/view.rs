//! A view of PostgreSQL.

pub(super) use crate::view::{DATABASES_MAX, Pace, ViewError, bounded};
use tokio_postgres::{Error, Row};

/// One statement; it is prepared once per session.
pub(super) type View = crate::view::View<Row>;

impl From<Error> for ViewError {
    fn from(_: Error) -> Self {
        Self::Column
    }
}
