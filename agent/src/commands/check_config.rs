//! `check-config`: whether the configuration is valid, without starting anything.

use crate::config::Config;
use crate::plan;
use shared_model::Clock;
use shared_runtime::SystemClock;
use std::sync::Arc;

pub(super) const HELP: &str = "\
Examples:
  wardround-agent check-config                        the default file
  wardround-agent check-config --config agent.toml    another one

Exit status: 0 valid, 1 faults: all are on standard error, with the path of each key.";

/// Called with a configuration that is valid; faults are printed by the caller.
pub(super) fn run(config: &Config) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let host = plan::host_probes(config, None, &clock).len();
    let (databases, services) = (config.postgres.len(), config.core_service.len());
    let line = format!(
        "configuration is valid: probes of the server: {host}, PostgreSQL instances: {databases}, core services: {services}\n"
    );
    super::write(line.as_bytes())
}
