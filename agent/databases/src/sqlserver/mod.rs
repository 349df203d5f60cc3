//! Microsoft SQL Server 2016 and later, by contract: the statements were written from its documents and no server was at hand.

mod accounts;
mod archive;
mod blocking;
mod client;
#[cfg(test)]
mod contract;
mod counters;
mod databases;
mod encryption;
mod parameters;
#[cfg(feature = "sqlserver")]
mod refusal;
mod server;
mod sessions;
mod settings;
mod space;
mod standby;
mod statements;
mod version;

pub use settings::SqlServerInstance;

use crate::facts::probe::{Engine, FactsProbe};
use crate::facts::row::Row;
use crate::view::View;
use agent_probe::AsyncProbe;
use shared_model::Clock;
use std::sync::{Arc, OnceLock};

/// Every view: one file plus one line here adds one.
static VIEWS: [&View<Row>; 13] = [
    &server::VIEW,
    &sessions::VIEW,
    &blocking::VIEW,
    &databases::VIEW,
    &standby::VIEW,
    &counters::VIEW,
    &archive::VIEW,
    &statements::VIEW,
    &parameters::VIEW,
    &space::VIEW,
    &version::VIEW,
    &accounts::VIEW,
    &encryption::VIEW,
];

static ENGINE: Engine = Engine {
    name: "sqlserver",
    views: &VIEWS,
    accounts: &accounts::VIEW,
    metrics: OnceLock::new(),
};

/// The probe of an instance.
pub fn probe(settings: &SqlServerInstance, clock: Arc<dyn Clock>) -> Box<dyn AsyncProbe> {
    let client = Box::new(client::SqlServerClient::new(settings));
    Box::new(FactsProbe::new(&ENGINE, settings.schedule(), client, clock))
}
