//! Which probes this node reads and how often, out of the configuration.

use crate::config::{Config, ProbeKeys};
use crate::contracted;
use agent_databases::{
    Advised, Advisories, CoreServiceProbe, Logins, MysqlFilesProbe, MysqlProbe, PostgresFilesProbe,
    PostgresProbe,
};
use agent_fabric::{FabricProbe, FabricSettings};
use agent_inputs::{CephClusterProbe, CephDaemonsProbe, DocumentProbe, ScrapeProbe};
use agent_peers::PeerProbe;
use agent_probe::{AsyncProbe, HostRoot, Probe, ProbeSpec};
use agent_probes::Context;
use shared_model::Clock;
use shared_runtime::config::Span;
use shared_runtime::telemetry::chain;
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
    context.filesystem_include = keys("filesystem").include;
    context.diskstats_include = keys("diskstats").include;
    context.data_mounts = keys("filesystem").data_mounts;
    context.kmsg_injected = keys("kmsg").injected;
    if let Some(groups) = keys("processes").groups {
        context.process_groups = groups;
    }
    #[cfg(feature = "rdma")]
    if root.is_none() {
        context.port_events = port_events;
    }
    let fabric = config.probe.get(agent_fabric::NAME).map(|keys| fabric_probe(keys, &context));
    let planned = agent_probes::all(&context).into_iter().chain(fabric).filter_map(|probe| {
        let ProbeSpec { name, default_interval, default_timeout, .. } = probe.spec();
        let keys = keys(name);
        keys.enabled.then(|| Planned {
            interval: keys.interval.map_or(default_interval, Span::get),
            timeout: keys.timeout.map_or(default_timeout, Span::get),
            labels: vec![("probe", name.into())],
            probe,
        })
    });
    planned.chain(database_files(config, clock).filter(|_| root.is_none())).collect()
}

/// Logs and archives of the databases of this node.
fn database_files(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> impl Iterator<Item = Planned<Box<dyn Probe>>> {
    let postgres = config.postgres.iter().filter_map(|settings| -> Option<Box<dyn Probe>> {
        Some(Box::new(PostgresFilesProbe::new(settings, Arc::clone(clock))?))
    });
    let mysql = config.mysql.iter().filter_map(|settings| -> Option<Box<dyn Probe>> {
        Some(Box::new(MysqlFilesProbe::new(settings, Arc::clone(clock))?))
    });
    postgres.chain(mysql).map(|probe| {
        let ProbeSpec { name, default_interval, default_timeout, .. } = probe.spec();
        let labels = vec![("probe", name.into()), ("target", probe.instance().to_owned())];
        Planned { probe, interval: default_interval, timeout: default_timeout, labels }
    })
}

/// What the adapters of this node report by themselves; told once where it cannot be read.
#[cfg(feature = "rdma")]
fn port_events() -> Option<Box<dyn agent_probe::EventSource>> {
    match agent_fabric::PortEvents::open() {
        Ok(events) => Some(Box::new(events?)),
        Err(error) => {
            tracing::warn!(%error, "events of InfiniBand adapters cannot be read; /dev/infiniband/uverbs* needs a right");
            None
        }
    }
}

/// The probe of the whole fabric, which one agent of an appliance reads: the one whose file has its table.
fn fabric_probe(keys: &ProbeKeys, context: &Context) -> Box<dyn Probe> {
    let settings = FabricSettings {
        folder: context.root.host("dev/infiniband"),
        device: keys.device.clone(),
        name: keys.name.clone().unwrap_or_else(|| agent_fabric::NAME.to_owned()),
        expected_lanes: keys.expected_width,
        expected_speed: keys.expected_speed.clone(),
    };
    Box::new(FabricProbe::new(settings, Arc::clone(&context.clock)))
}

/// The configured databases, core services, inputs and peers. `keeps`: whether they write down what has to outlive this process.
pub(crate) fn network_probes(
    config: &Config,
    clock: &Arc<dyn Clock>,
    keeps: bool,
) -> Vec<Planned<Box<dyn AsyncProbe>>> {
    let folder = config.data_dir().join("logins");
    let databases = config.postgres.iter().map(|settings| {
        let logins = Logins::open(&folder, "postgres", &settings.instance(), keeps);
        let probe = PostgresProbe::new(settings, Arc::clone(clock)).remembering(logins);
        planned(Box::new(probe), None)
    });
    let mysql = config.mysql.iter().map(|settings| {
        let logins = Logins::open(&folder, "mysql", &settings.instance(), keeps);
        let probe = MysqlProbe::new(settings, Arc::clone(clock)).remembering(logins);
        planned(Box::new(probe), None)
    });
    let contracted = contracted::probes(config, clock).into_iter().map(|p| planned(p, None));
    let advisories = advisories(config);
    let databases = databases.chain(mysql).chain(contracted).map(|planned| {
        let Some(list) = &advisories else { return planned };
        let advised = Advised::new(planned.probe, Arc::clone(list), Arc::clone(clock));
        Planned::<Box<dyn AsyncProbe>> { probe: Box::new(advised), ..planned }
    });
    let services = config.core_service.iter().map(|settings| {
        let probe = CoreServiceProbe::new(settings, Arc::clone(clock));
        planned(Box::new(probe), Some(settings.name.clone()))
    });
    databases.chain(services).chain(inputs(config, clock)).chain(peers(config, clock)).collect()
}

/// What versions are compared with. A list that cannot be read is told, and nothing is said of versions.
fn advisories(config: &Config) -> Option<Arc<Advisories>> {
    match Advisories::load(config.advisory_file.as_deref()?) {
        Ok(list) => Some(Arc::new(list)),
        Err(error) => {
            let error = chain(&error);
            tracing::warn!(
                error,
                "versions are not judged: mend advisory_file and restart the agent"
            );
            None
        }
    }
}

/// The other nodes of the appliance.
fn peers(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> impl Iterator<Item = Planned<Box<dyn AsyncProbe>>> {
    config.peer.iter().map(|settings| {
        let probe = PeerProbe::new(settings, Arc::clone(clock));
        Planned {
            labels: vec![("probe", "peer".to_owned()), ("target", settings.name.clone())],
            ..planned(Box::new(probe), None)
        }
    })
}

/// What other programs say: endpoints, documents, and Ceph by its managers and by its daemons on this node.
fn inputs(config: &Config, clock: &Arc<dyn Clock>) -> Vec<Planned<Box<dyn AsyncProbe>>> {
    let mut inputs: Vec<(Box<dyn AsyncProbe>, &str)> = Vec::new();
    for settings in &config.scrape {
        let probe = ScrapeProbe::new(settings, Arc::clone(clock));
        inputs.push((Box::new(probe), &settings.name));
    }
    for settings in &config.document {
        let probe = DocumentProbe::new(settings, Arc::clone(clock));
        inputs.push((Box::new(probe), &settings.name));
    }
    for settings in &config.ceph {
        if !settings.endpoints.is_empty() {
            let probe = CephClusterProbe::new(settings, Arc::clone(clock));
            inputs.push((Box::new(probe), &settings.name));
        }
        inputs.push((Box::new(CephDaemonsProbe::new(settings)), &settings.name));
    }
    let named = inputs.into_iter().map(|(probe, name)| Planned {
        // By name: the instance of a cluster is known only once it answers.
        labels: vec![("probe", probe.spec().name.to_owned()), ("target", name.to_owned())],
        ..planned(probe, None)
    });
    named.collect()
}

fn planned(probe: Box<dyn AsyncProbe>, service: Option<String>) -> Planned<Box<dyn AsyncProbe>> {
    let ProbeSpec { name, default_interval, default_timeout, .. } = probe.spec();
    let mut labels = vec![("probe", name.to_owned()), ("target", probe.instance().to_owned())];
    labels.extend(service.map(|service| ("service", service)));
    Planned { interval: default_interval, timeout: default_timeout, labels, probe }
}
