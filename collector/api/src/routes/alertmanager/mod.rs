//! `/alertmanager`: Alertmanager's own API version 2, so that Prometheus sends its alerts here, and amtool and Grafana read; and its
//! webhook, version 4, for alerts that come through another Alertmanager.

mod listing;
mod matcher;
mod taking;

pub(crate) use listing::{alerts, receivers, silences, status};
pub(crate) use taking::{post_alerts, webhook};
