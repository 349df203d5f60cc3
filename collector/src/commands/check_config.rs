//! `check-config`: does exactly the checks of a start.

use crate::config::Config;
use shared_runtime::config::ConfigErrors;

pub(super) fn run(loaded: Result<Config, ConfigErrors>) -> anyhow::Result<()> {
    let config = loaded?;
    let contract = config.contract.contract()?;
    super::print(&format!(
        "configuration is valid: agents on {}, people on {}, data in {}, contract '{}' with time_scale {}, database services: {}, core services: {}, webhooks: {}",
        config.agents.listen,
        config.api.listen,
        config.data_dir().display(),
        contract.version,
        contract.time_scale,
        config.database_service.len(),
        config.core_service.len(),
        config.webhook.len(),
    ))
}
