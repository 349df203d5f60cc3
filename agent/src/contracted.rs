//! Oracle and SQL Server: read by contract, and only by an agent that was built with their features.

use crate::config::Config;
use agent_databases::Engine;
use agent_probe::AsyncProbe;
use shared_model::Clock;
use shared_runtime::config::ConfigErrors;
use std::collections::BTreeMap;
use std::sync::Arc;

#[cfg(feature = "oracle")]
pub(crate) type Oracle = agent_databases::OracleInstance;
#[cfg(not(feature = "oracle"))]
pub(crate) type Oracle = serde::de::IgnoredAny;

#[cfg(feature = "sqlserver")]
pub(crate) type SqlServer = agent_databases::SqlServerInstance;
#[cfg(not(feature = "sqlserver"))]
pub(crate) type SqlServer = serde::de::IgnoredAny;

/// A configured instance.
#[derive(Debug)]
pub(crate) struct Contracted {
    pub(crate) engine: Engine,
    pub(crate) instance: String,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Adds every fault of the tables `[[oracle]]` and `[[sqlserver]]`.
pub(crate) fn check(config: &Config, errors: &mut ConfigErrors) {
    #[cfg(feature = "oracle")]
    for (at, settings) in config.oracle.iter().enumerate() {
        settings.check(&format!("oracle[{at}]"), errors);
    }
    #[cfg(not(feature = "oracle"))]
    if !config.oracle.is_empty() {
        errors.add("oracle", "this agent was built without it: build one with --features oracle");
    }
    #[cfg(feature = "sqlserver")]
    for (at, settings) in config.sqlserver.iter().enumerate() {
        settings.check(&format!("sqlserver[{at}]"), errors);
    }
    #[cfg(not(feature = "sqlserver"))]
    if !config.sqlserver.is_empty() {
        errors.add(
            "sqlserver",
            "this agent was built without it: build one with --features sqlserver",
        );
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let instances = instances(config);
    for Contracted { instance, .. } in &instances {
        *counts.entry(instance).or_default() += 1;
    }
    for (instance, _) in counts.into_iter().filter(|(_, count)| *count > 1) {
        errors.add("oracle, sqlserver", format!("{instance} is listed twice"));
    }
}

/// What is configured.
pub(crate) fn instances(config: &Config) -> Vec<Contracted> {
    #[allow(unused_mut, reason = "an agent without the features knows none")]
    let mut found = Vec::new();
    #[cfg(feature = "oracle")]
    found.extend(config.oracle.iter().map(|settings| Contracted {
        engine: Engine::Oracle,
        instance: settings.instance(),
        host: settings.host.clone(),
        port: settings.port,
    }));
    #[cfg(feature = "sqlserver")]
    found.extend(config.sqlserver.iter().map(|settings| Contracted {
        engine: Engine::SqlServer,
        instance: settings.instance(),
        host: settings.host.clone(),
        port: settings.port,
    }));
    #[cfg(not(any(feature = "oracle", feature = "sqlserver")))]
    let _: &Config = config;
    found
}

/// Their probes.
pub(crate) fn probes(config: &Config, clock: &Arc<dyn Clock>) -> Vec<Box<dyn AsyncProbe>> {
    #[allow(unused_mut, reason = "an agent without the features knows none")]
    let mut probes: Vec<Box<dyn AsyncProbe>> = Vec::new();
    #[cfg(feature = "oracle")]
    probes
        .extend(config.oracle.iter().map(|s| agent_databases::oracle::probe(s, Arc::clone(clock))));
    #[cfg(feature = "sqlserver")]
    probes.extend(
        config.sqlserver.iter().map(|s| agent_databases::sqlserver::probe(s, Arc::clone(clock))),
    );
    #[cfg(not(any(feature = "oracle", feature = "sqlserver")))]
    let _: (&Config, &Arc<dyn Clock>) = (config, clock);
    probes
}
