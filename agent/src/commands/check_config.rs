//! `check-config`: whether the configuration is valid, without starting anything.

use crate::config::Config;
use crate::{contracted, plan};
use agent_databases::Advisories;
use anyhow::Context;
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
    // A fault in the list keeps no agent from starting, which would be worse than what the list says.
    config.advisory_file.as_deref().map(Advisories::load).transpose().context("advisory_file")?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut line = format!(
        "configuration is valid: probes of the server: {}",
        plan::host_probes(config, None, &clock).len()
    );
    for (what, count) in [
        ("PostgreSQL instances", config.postgres.len()),
        ("MySQL and MariaDB instances", config.mysql.len()),
        ("Oracle and SQL Server instances", contracted::instances(config).len()),
        ("core services", config.core_service.len()),
        ("inputs", config.scrape.len() + config.document.len() + config.ceph.len()),
        ("peers", config.peer.len()),
    ] {
        if count > 0 {
            line += &format!(", {what}: {count}");
        }
    }
    line.push('\n');
    super::write(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a list of advisories that is none. Guarantees: the command fails and says which key, which file and which line.
    #[test]
    fn a_damaged_list_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("advisories.json");
        std::fs::write(&path, "{\n\"issued\": 7}").unwrap();
        let config = Config { advisory_file: Some(path.clone()), ..Config::default() };
        let said = format!("{:#}", run(&config).unwrap_err());
        assert!(said.starts_with(&format!("advisory_file: {}", path.display())), "{said}");
        assert!(said.contains("line 2"), "{said}");
    }
}
