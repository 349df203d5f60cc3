//! Whether the server serves, and why not.

use crate::availability::Availability;
use crate::metric::gauge;
use shared_model::{Metric, Unit};

static UP: Metric = gauge(
    "mysql_up",
    Unit::None,
    "1 when the server answered a query in this round, 0 when it refused or did not answer.",
    "a successful query over the kept connection",
);

static CONNECT_REFUSED: Metric = gauge(
    "wardround_mysql_connect_refused",
    Unit::None,
    "1 for the reason why the server did not serve in this round, 0 for all others.",
    "error number or socket error: exhausted 1040, starting_up 1053, authentication 1045, no_database 1049",
);

pub(super) static AVAILABILITY: Availability = Availability { up: &UP, refused: &CONNECT_REFUSED };
