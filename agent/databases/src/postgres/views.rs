//! What is asked of an instance.

use super::view::View;
use super::{
    access_rules, accounts, activity, archiver, audit, blocking, checkpoints, database, encryption,
    grants, index_blocks, indexes, logins, logs, parameters, sequences, server, size, slots,
    standby, standbys, statements, tables, wraparound,
};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, Statement};

/// Every view: one file plus one line here adds one. The first one proves that the server serves.
pub(super) static ALL: [&View; 24] = [
    &server::VIEW,
    &standby::VIEW,
    &standbys::VIEW,
    &activity::VIEW,
    &database::VIEW,
    &blocking::VIEW,
    &index_blocks::VIEW,
    &size::VIEW,
    &slots::VIEW,
    &archiver::VIEW,
    &checkpoints::VIEW,
    &encryption::VIEW,
    &wraparound::VIEW,
    &accounts::VIEW,
    &logins::VIEW,
    &grants::VIEW,
    &access_rules::VIEW,
    &audit::VIEW,
    &indexes::VIEW,
    &tables::VIEW,
    &sequences::VIEW,
    &parameters::VIEW,
    &logs::VIEW,
    &statements::VIEW,
];

/// Views that a server has, or lets the account read, only when somebody set it up for them. Whether it does is a reading of its own,
/// not a complaint.
pub(super) static OPTIONAL: [&View; 2] = [&statements::VIEW, &access_rules::VIEW];

/// What is asked instead where the server lacks a column or a function of a view: by what it can, never by its version, which forks make up.
static OTHERWISE: [(&View, &str); 3] = [
    (&blocking::VIEW, blocking::SQL_BEFORE_14),
    (&checkpoints::VIEW, checkpoints::SQL_SINCE_17),
    (&logins::VIEW, logins::SQL_WITHOUT_STATEMENTS),
];

/// Prepares a view's statement, or the one for other servers; answers whether it was that.
pub(super) async fn prepare(client: &Client, view: &View) -> Result<(Statement, bool), Error> {
    match (client.prepare(view.sql).await, otherwise(view)) {
        (Err(error), Some(sql)) if lacks_something(&error) => {
            Ok((client.prepare(sql).await?, true))
        }
        (answer, _) => Ok((answer?, false)),
    }
}

fn lacks_something(error: &Error) -> bool {
    let code = error.code();
    code == Some(&SqlState::UNDEFINED_COLUMN) || code == Some(&SqlState::UNDEFINED_FUNCTION)
}

fn otherwise(view: &View) -> Option<&'static str> {
    OTHERWISE.iter().find(|(known, _)| std::ptr::eq(*known, view)).map(|(_, sql)| *sql)
}

pub(super) fn is_optional(view: &View) -> bool {
    OPTIONAL.iter().any(|optional| std::ptr::eq(*optional, view))
}
