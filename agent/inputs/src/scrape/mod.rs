//! Input `scrape`: any Prometheus endpoint.

mod probe;
pub(crate) mod settings;

pub use probe::ScrapeProbe;
pub use settings::Scrape;
