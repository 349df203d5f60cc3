//! Whether the server serves, and why not.

use crate::availability::Availability;
use crate::metric::gauge;
use shared_model::{Metric, Unit};

pub(super) static UP: Metric = gauge(
    "pg_up",
    Unit::None,
    "1 when the server answered a query in this round, 0 when it refused or did not answer.",
    "a successful query over the kept connection",
);

pub(super) static CONNECT_REFUSED: Metric = gauge(
    "wardround_pg_connect_refused",
    Unit::None,
    "1 for the reason why the server did not serve in this round, 0 for all others.",
    "SQLSTATE or socket error: exhausted 53300, starting_up 57P03, authentication class 28, no_database 3D000",
);

/// Of PostgreSQL.
pub(super) static AVAILABILITY: Availability = Availability { up: &UP, refused: &CONNECT_REFUSED };
