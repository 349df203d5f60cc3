//! Which probes this node reads and how often, out of the configuration.

use crate::config::Config;
use agent_databases::{CoreServiceProbe, PostgresProbe};
use agent_probe::{AsyncProbe, HostRoot, Probe, ProbeSpec};
use agent_probes::Context;
use shared_model::Clock;
use shared_runtime::config::Span;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A probe with its pace.
pub(crate) struct Planned<P> {
    /// The probe.
    pub(crate) probe: P,
    /// Time between two rounds.
    pub(crate) interval: Duration,
    /// Longest time of a round.
    pub(crate) timeout: Duration,
    /// What tells it apart in the runner's metrics; the first is `probe`.
    pub(crate) labels: Vec<(&'static str, String)>,
}

/// The enabled probes over files and system calls, in the order of their list. `root` replaces the live host.
pub(crate) fn host_probes(
    config: &Config,
    root: Option<&Path>,
    clock: &Arc<dyn Clock>,
) -> Vec<Planned<Box<dyn Probe>>> {
    let host = root.map_or_else(HostRoot::live, HostRoot::at);
    let mut context = Context::new(host, Arc::clone(clock));
    let keys = |name: &str| config.probe.get(name).cloned().unwrap_or_default();
    context.infiniband_root = keys("infiniband").root.map(HostRoot::at);
    context.filesystem_exclude = keys("filesystem").exclude;
    context.diskstats_include = keys("diskstats").include;
    context.data_mounts = keys("filesystem").data_mounts;
    context.kmsg_injected = keys("kmsg").injected;
    if let Some(groups) = keys("processes").groups {
        context.process_groups = groups;
    }
    let planned = agent_probes::all(&context).into_iter().filter_map(|probe| {
        let ProbeSpec { name, default_interval, default_timeout, .. } = probe.spec();
        let keys = keys(name);
        keys.enabled.then(|| Planned {
            interval: keys.interval.map_or(default_interval, Span::get),
            timeout: keys.timeout.map_or(default_timeout, Span::get),
            labels: vec![("probe", name.into())],
            probe,
        })
    });
    planned.collect()
}

/// The configured databases and core services.
pub(crate) fn network_probes(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Vec<Planned<Box<dyn AsyncProbe>>> {
    let databases = config.postgres.iter().map(|settings| {
        let probe = PostgresProbe::new(settings, Arc::clone(clock));
        planned(Box::new(probe), None)
    });
    let services = config.core_service.iter().map(|settings| {
        let probe = CoreServiceProbe::new(settings, Arc::clone(clock));
        planned(Box::new(probe), Some(settings.name.clone()))
    });
    databases.chain(services).collect()
}

fn planned(probe: Box<dyn AsyncProbe>, service: Option<String>) -> Planned<Box<dyn AsyncProbe>> {
    let ProbeSpec { name, default_interval, default_timeout, .. } = probe.spec();
    let mut labels = vec![("probe", name.to_owned()), ("target", probe.instance().to_owned())];
    labels.extend(service.map(|service| ("service", service)));
    Planned { interval: default_interval, timeout: default_timeout, labels, probe }
}
