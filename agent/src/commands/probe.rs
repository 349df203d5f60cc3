//! `probe`: one round now, printed.

use super::{block_on, remark, write};
use crate::config::{Config, nearest, probe_names};
use crate::exposition::{Format, Reading, print};
use crate::plan;
use crate::reporter::list;
use agent_probe::{Outcome, Sink};
use anyhow::bail;
use clap::Args;
use shared_model::Clock;
use shared_runtime::SystemClock;
use shared_runtime::telemetry::chain;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Names of the probes over a network, besides those of the host.
const NETWORK: [&str; 10] = [
    "postgres",
    "mysql",
    "oracle",
    "sqlserver",
    "core_service",
    "scrape",
    "document",
    "ceph",
    "ceph_daemons",
    "peer",
];

/// Arguments of `probe`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  wardround-agent probe                        everything that is configured
  wardround-agent probe cpu infiniband         only these
  wardround-agent probe --root /srv/capture    a captured tree, no database
  wardround-agent probe postgres --format json

What is absent or failed is named on standard error.
Exit status: 0 read (absent is not a failure), 1 a probe failed or its name is
unknown, 2 wrong usage.")]
pub(super) struct ProbeArgs {
    /// Probes to read [default: all that are enabled]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Read DIR/proc, DIR/sys and DIR/udev instead of this host
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Prometheus)]
    format: Format,
}

impl ProbeArgs {
    pub(super) fn run(&self, config: &Config) -> anyhow::Result<ExitCode> {
        self.check_names(config)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut readings = Vec::new();
        let mut failed = self.read_host(config, &clock, &mut readings);
        failed |= block_on(self.read_network(config, &clock, &mut readings))?;
        write(print(&readings, self.format)?.as_bytes())?;
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn wants(&self, name: &str) -> bool {
        match self.names.is_empty() {
            true => self.root.is_none() || !NETWORK.contains(&name),
            false => self.names.iter().any(|wanted| wanted == name),
        }
    }

    fn check_names(&self, config: &Config) -> anyhow::Result<()> {
        let known: Vec<&str> = probe_names().into_iter().chain(NETWORK).collect();
        for name in &self.names {
            if !known.contains(&name.as_str()) {
                bail!("unknown probe '{name}'; {}", nearest(name, &known));
            }
            if config.probe.get(name).is_some_and(|keys| !keys.enabled) {
                bail!("probe '{name}' is switched off by [probe.{name}] enabled = false");
            }
            let configured = match name.as_str() {
                "postgres" => !config.postgres.is_empty(),
                "mysql" => !config.mysql.is_empty(),
                "oracle" => !config.oracle.is_empty(),
                "sqlserver" => !config.sqlserver.is_empty(),
                "core_service" => !config.core_service.is_empty(),
                "scrape" => !config.scrape.is_empty(),
                "document" => !config.document.is_empty(),
                "ceph" | "ceph_daemons" => !config.ceph.is_empty(),
                "peer" => !config.peer.is_empty(),
                _ if name == agent_fabric::NAME => config.probe.contains_key(name),
                _ => true,
            };
            if !configured {
                bail!("'{name}' is not in the configuration");
            }
        }
        Ok(())
    }

    fn read_host(
        &self,
        config: &Config,
        clock: &Arc<dyn Clock>,
        readings: &mut Vec<Reading>,
    ) -> bool {
        let mut failed = false;
        for mut planned in plan::host_probes(config, self.root.as_deref(), clock) {
            let spec = planned.probe.spec();
            if !self.wants(spec.name) {
                continue;
            }
            let mut sink = Sink::default();
            sink.begin();
            let outcome = planned.probe.read(&mut sink);
            failed |= tell(spec.name, &outcome);
            if is_read(&outcome) {
                let instance = planned.probe.instance().to_owned();
                readings.push(Reading { job: spec.job, instance, sink });
            }
        }
        failed
    }

    async fn read_network(
        &self,
        config: &Config,
        clock: &Arc<dyn Clock>,
        readings: &mut Vec<Reading>,
    ) -> anyhow::Result<bool> {
        let mut failed = false;
        for mut planned in plan::network_probes(config, clock, false) {
            let spec = planned.probe.spec();
            if !self.wants(spec.name) {
                continue;
            }
            let mut sink = Sink::default();
            sink.begin();
            let read = tokio::time::timeout(planned.timeout, planned.probe.read(&mut sink)).await;
            let outcome = match read {
                Ok(outcome) => outcome,
                Err(_) => {
                    sink.begin();
                    planned.probe.timed_out(&mut sink)
                }
            };
            let instance = planned.probe.instance().to_owned();
            failed |= tell(&format!("{} {instance}", spec.name), &outcome);
            if is_read(&outcome) {
                readings.push(Reading { job: spec.job, instance, sink });
            }
        }
        Ok(failed)
    }
}

fn is_read(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Sampled | Outcome::Partial(_))
}

/// Says on standard error what was not read; returns whether that is a failure.
fn tell(name: &str, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Sampled => false,
        Outcome::Partial(errors) => {
            remark(&format!("{name}: read in part: {}", list(errors)));
            false
        }
        Outcome::Absent(why) => {
            remark(&format!("{name}: absent: {why}"));
            false
        }
        Outcome::Failed(error) => {
            remark(&format!("{name}: failed: {}", chain(error)));
            true
        }
    }
}
