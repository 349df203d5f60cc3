//! One file per resource. `crate::router` lists all routes.

pub(crate) mod acting;
pub(crate) mod acts;
pub(crate) mod alertmanager;
pub(crate) mod audit;
pub(crate) mod changes;
pub(crate) mod etag;
pub(crate) mod findings;
pub(crate) mod health;
pub(crate) mod incidents;
pub(crate) mod kpis;
pub(crate) mod ledger;
pub(crate) mod metrics;
pub(crate) mod nodes;
pub(crate) mod pages;
pub(crate) mod prometheus;
pub(crate) mod reports;
pub(crate) mod roster;
pub(crate) mod rules;
pub(crate) mod session;
pub(crate) mod silences;
pub(crate) mod stream;
