//! What engines are asked alike, whatever their dialect: a file per fact with its metrics and the shape of its rows. An engine adds a
//! statement for each fact it can state, and a client.
//!
//! Columns that an engine cannot fill are NULL and become no sample.

pub(crate) mod accounts;
pub(crate) mod archive;
pub(crate) mod blocking;
#[cfg(test)]
pub(crate) mod contract;
pub(crate) mod counters;
pub(crate) mod databases;
pub(crate) mod encryption;
pub(crate) mod indexes;
pub(crate) mod parameters;
pub(crate) mod probe;
pub(crate) mod row;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod space;
pub(crate) mod standby;
pub(crate) mod statements;
pub(crate) mod version;

use crate::availability::Availability;
use crate::metric::gauge;
use crate::view::ViewError;
use agent_probe::Sink;
use row::Row;
use shared_model::{Metric, Unit};

static UP: Metric = gauge(
    "wardround_db_up",
    Unit::None,
    "1 when the server answered a query in this round, 0 when it refused or did not answer.",
    "a successful query over the kept connection",
);
static CONNECT_REFUSED: Metric = gauge(
    "wardround_db_connect_refused",
    Unit::None,
    "1 for the reason why the server did not serve in this round, 0 for all others.",
    "the error's number (ORA-, SQL Server error) or the socket's error",
);

pub(crate) static AVAILABILITY: Availability = Availability { up: &UP, refused: &CONNECT_REFUSED };

/// Puts the columns of each row, in the order of `metrics`. NULL is no sample, what is no number is an error.
fn put_columns(
    rows: &[Row],
    metrics: &[&'static Metric],
    sink: &mut Sink,
) -> Result<(), ViewError> {
    for row in rows {
        for (column, metric) in metrics.iter().enumerate() {
            if let Some(value) = row.number(column)? {
                sink.put(metric, &[], value);
            }
        }
    }
    Ok(())
}

/// Who has a fault, out of rows of fault and name. A row without a name says that the fault was looked for; `None` when no row does.
fn named<'a>(rows: &'a [Row], fault: &str) -> Result<Option<Vec<&'a str>>, ViewError> {
    let mut names = None;
    for row in rows {
        if row.some_text(0)? == fault {
            names.get_or_insert_with(Vec::new).extend(row.text(1)?);
        }
    }
    Ok(names)
}
