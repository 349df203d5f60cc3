//! The agent's configuration. Every key is optional; an empty file reads the whole server.

use crate::contracted;
use agent_databases::{CoreService, MysqlInstance, PostgresInstance};
use agent_inputs::{Ceph, Document, Scrape};
use agent_peers::Peer;
use agent_uplink::SpoolLimits;
use serde::Deserialize;
use shared_runtime::config::{ByteSize, ConfigErrors, Span};
use shared_runtime::telemetry::{LogFormat, check_level};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the configuration is looked for when `--config` names none.
pub(crate) const DEFAULT_PATH: &str = "/etc/wardround/agent.toml";

/// The shortest interval and timeout of a probe: a shorter one would cost the node more than it tells.
const SHORTEST: Duration = Duration::from_millis(100);

/// The longest interval of a probe.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The most databases, core services and inputs of a kind of one node: each costs a connection and, of a database, some 80 series.
const TARGETS_MAX: usize = 64;

/// The smallest spool: one segment of its log and room to write the next.
const SPOOL_MIN: ByteSize = ByteSize::mib(16);

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Folder of everything the agent keeps: its key and certificate, the spool. Default `/var/lib/wardround-agent`.
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the readings go.
    pub(crate) collector: Collector,
    /// Probes of the server itself: `[probe.NAME]`, with a name that `wardround-agent probe` prints.
    pub(crate) probe: BTreeMap<String, ProbeKeys>,
    /// What the disk keeps while the collector cannot be reached.
    pub(crate) spool: Spool,
    /// List of advisories that versions of databases are compared with (`docs/advisories.md`). Default: none.
    pub(crate) advisory_file: Option<PathBuf>,
    /// Database instances to watch: `[[postgres]]`.
    pub(crate) postgres: Vec<PostgresInstance>,
    /// Instances of MySQL and MariaDB to watch: `[[mysql]]`.
    pub(crate) mysql: Vec<MysqlInstance>,
    /// Instances of Oracle Database to watch: `[[oracle]]`, with the feature `oracle`.
    pub(crate) oracle: Vec<contracted::Oracle>,
    /// Instances of SQL Server to watch: `[[sqlserver]]`, with the feature `sqlserver`.
    pub(crate) sqlserver: Vec<contracted::SqlServer>,
    /// Business questions to ask: `[[core_service]]`.
    pub(crate) core_service: Vec<CoreService>,
    /// Prometheus endpoints to take readings over from: `[[scrape]]`.
    pub(crate) scrape: Vec<Scrape>,
    /// JSON documents to read by a mapping: `[[document]]`.
    pub(crate) document: Vec<Document>,
    /// Ceph clusters to watch: `[[ceph]]`.
    pub(crate) ceph: Vec<Ceph>,
    /// Other nodes of the appliance, to be their witness: `[[peer]]`.
    pub(crate) peer: Vec<Peer>,
    /// Logs of the agent itself.
    pub(crate) log: Log,
}

/// Where the readings go.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Collector {
    /// `HOST:PORT` of the collector. Default: the one that was joined.
    pub(crate) address: Option<String>,
}

/// One probe of the server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProbeKeys {
    /// Whether it is read. Default true.
    pub(crate) enabled: bool,
    /// Time between two rounds, `100ms` to `1d`. Default: the probe's own, `1s` for most.
    pub(crate) interval: Option<Span>,
    /// Longest time of a round, `100ms` to `1d`. Default: the probe's own.
    pub(crate) timeout: Option<Span>,
    /// Of `infiniband` only: another tree that holds `sys/class/infiniband`. Default: the live host.
    pub(crate) root: Option<PathBuf>,
    /// Of `filesystem` only: mount points to leave out, each with everything below it. Default: none.
    pub(crate) exclude: Vec<String>,
    /// Of `diskstats`: block devices to read although the usual list leaves them out, such as `loop0`; default: none.
    /// Of `filesystem`: mount points to read alone, each with everything below it; default: all.
    pub(crate) include: Vec<String>,
    /// Of `filesystem` only: mount points whose devices hold the database's data, logs and redo, which the clause on I/O
    /// wait speaks of. Default: every local file system.
    pub(crate) data_mounts: Vec<String>,
    /// Of `processes` only: programs whose processes are watched together, by the name that the kernel knows them by.
    /// Default: the servers of PostgreSQL, MySQL, MariaDB, Oracle and SQL Server.
    pub(crate) groups: Option<Vec<String>>,
    /// Of `kmsg` only, for tests: counts what programs write to `/dev/kmsg` as if the kernel had. Default false.
    pub(crate) injected: bool,
    /// Of `fabric` only: the device to read through, such as `umad0`. Default: every one that leads to something new.
    pub(crate) device: Option<String>,
    /// Of `fabric` only: what the fabric is called, for a collector that watches several. Default `fabric`.
    pub(crate) name: Option<String>,
    /// Of `fabric` only: lanes that every link should have: 1, 2, 4, 8 or 12. Default: what both its ends support.
    pub(crate) expected_width: Option<u8>,
    /// Of `fabric` only: speed that every link should have, `SDR` to `NDR`. Default: what both its ends support.
    pub(crate) expected_speed: Option<String>,
}

/// What the disk keeps while the collector cannot be reached. The tightest of the three limits holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Spool {
    /// Most bytes, at least 16 MiB. Default `512MiB`.
    pub(crate) max_bytes: ByteSize,
    /// Largest share of the file system, 0 to 1. Default 0.05.
    pub(crate) max_disk_ratio: f64,
    /// Share of the file system that stays free for others, 0 to 1. Default 0.1.
    pub(crate) min_free_ratio: f64,
}

/// Logs, written to standard error.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// `off`, `error`, `warn`, `info`, `debug`, `trace` or a filter such as `info,agent_uplink=debug`. Default `info`.
    pub(crate) level: String,
    /// `text` or `json`. Default `text`.
    pub(crate) format: LogFormat,
}

impl Default for ProbeKeys {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: None,
            timeout: None,
            root: None,
            exclude: Vec::new(),
            include: Vec::new(),
            data_mounts: Vec::new(),
            groups: None,
            injected: false,
            device: None,
            name: None,
            expected_width: None,
            expected_speed: None,
        }
    }
}

impl Default for Spool {
    fn default() -> Self {
        let SpoolLimits { max_bytes, max_share_ratio, min_free_ratio } = SpoolLimits::default();
        Self { max_bytes: ByteSize(max_bytes), max_disk_ratio: max_share_ratio, min_free_ratio }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text }
    }
}

impl Config {
    /// Loads and checks a file; without one the default file if it exists, else every default.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, ConfigErrors> {
        let default = Path::new(DEFAULT_PATH);
        let path = path.or_else(|| default.is_file().then_some(default));
        shared_runtime::config::load(path, Self::check)
    }

    /// Folder of everything the agent keeps.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| PathBuf::from("/var/lib/wardround-agent"))
    }

    /// What the spool may take.
    pub(crate) fn spool_limits(&self) -> SpoolLimits {
        SpoolLimits {
            max_bytes: self.spool.max_bytes.get(),
            max_share_ratio: self.spool.max_disk_ratio,
            min_free_ratio: self.spool.min_free_ratio,
        }
    }

    fn check(&self, errors: &mut ConfigErrors) {
        if let Some(address) = &self.collector.address
            && let Err(what) = check_address(address)
        {
            errors.add("collector.address", what);
        }
        for (name, keys) in &self.probe {
            keys.check(name, errors);
        }
        if self.spool.max_bytes < SPOOL_MIN {
            errors.add("spool.max_bytes", "write at least \"16MiB\"");
        }
        for (key, ratio) in [
            ("max_disk_ratio", self.spool.max_disk_ratio),
            ("min_free_ratio", self.spool.min_free_ratio),
        ] {
            if !(0.0..=1.0).contains(&ratio) {
                errors.add(format!("spool.{key}"), "write a share from 0 to 1, such as 0.05");
            }
        }
        if let Err(error) = check_level(&self.log.level) {
            errors.add("log.level", error.to_string());
        }
        self.check_targets(errors);
    }

    fn check_targets(&self, errors: &mut ConfigErrors) {
        let (mut instances, mut services) = (BTreeMap::new(), BTreeMap::new());
        for (at, settings) in self.postgres.iter().enumerate() {
            settings.check(&format!("postgres[{at}]"), errors);
            let first = *instances.entry(settings.instance()).or_insert(at);
            if first != at {
                let what = format!("{} is listed twice", settings.instance());
                let needs = [first, at]
                    .into_iter()
                    .flat_map(|i| [format!("postgres[{i}].host"), format!("postgres[{i}].port")]);
                errors.add_from(needs, format!("postgres[{at}]"), what);
            }
        }
        for (at, settings) in self.mysql.iter().enumerate() {
            settings.check(&format!("mysql[{at}]"), errors);
            let twin = self.mysql.iter().take(at).position(|m| m.instance() == settings.instance());
            if let Some(first) = twin {
                let what = format!("{} is listed twice", settings.instance());
                let needs = [first, at]
                    .into_iter()
                    .flat_map(|i| [format!("mysql[{i}].host"), format!("mysql[{i}].port")]);
                errors.add_from(needs, format!("mysql[{at}]"), what);
            }
        }
        contracted::check(self, errors);
        for (at, settings) in self.core_service.iter().enumerate() {
            settings.check(&format!("core_service[{at}]"), errors);
            let first = *services.entry(&settings.name).or_insert(at);
            if first != at {
                let needs = [format!("core_service[{first}].name")];
                errors.add_from(needs, format!("core_service[{at}].name"), "is used twice");
            }
        }
        self.check_inputs(errors);
        for (key, count) in [
            ("postgres", self.postgres.len()),
            ("mysql", self.mysql.len()),
            ("oracle", self.oracle.len()),
            ("sqlserver", self.sqlserver.len()),
            ("core_service", self.core_service.len()),
            ("scrape", self.scrape.len()),
            ("document", self.document.len()),
            ("ceph", self.ceph.len()),
            ("peer", self.peer.len()),
        ] {
            if count > TARGETS_MAX {
                errors.add(key, format!("{count} are above the limit of {TARGETS_MAX}"));
            }
        }
    }
}

impl Config {
    fn check_inputs(&self, errors: &mut ConfigErrors) {
        let mut names: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut once = |key: &'static str, name, at, errors: &mut ConfigErrors| {
            let first = *names.entry((key, name)).or_insert(at);
            if first != at {
                let needs = [format!("{key}[{first}].name")];
                errors.add_from(needs, format!("{key}[{at}].name"), "is used twice");
            }
        };
        for (at, settings) in self.scrape.iter().enumerate() {
            settings.check(&format!("scrape[{at}]"), errors);
            once("scrape", settings.name.as_str(), at, errors);
        }
        for (at, settings) in self.document.iter().enumerate() {
            settings.check(&format!("document[{at}]"), errors);
            once("document", settings.name.as_str(), at, errors);
        }
        for (at, settings) in self.ceph.iter().enumerate() {
            settings.check(&format!("ceph[{at}]"), errors);
            once("ceph", settings.name.as_str(), at, errors);
        }
        for (at, settings) in self.peer.iter().enumerate() {
            settings.check(&format!("peer[{at}]"), errors);
            once("peer", settings.name.as_str(), at, errors);
        }
    }
}

impl ProbeKeys {
    fn check(&self, name: &str, errors: &mut ConfigErrors) {
        let path = format!("probe.{name}");
        let known = probe_names();
        if !known.contains(&name) {
            errors.add(path, format!("unknown probe; {}", nearest(name, &known)));
            return;
        }
        self.check_fabric(name, &path, errors);
        for (key, span) in [("interval", self.interval), ("timeout", self.timeout)] {
            if span.is_some_and(|span| !(SHORTEST..=LONGEST).contains(&span.get())) {
                errors.add(format!("{path}.{key}"), "write a span from 100ms to 1d");
            }
        }
        if self.root.is_some() && name != "infiniband" {
            errors.add(format!("{path}.root"), "only the probe infiniband has it");
        }
        if self.injected && name != "kmsg" {
            errors.add(format!("{path}.injected"), "only the probe kmsg has it");
        }
        if let Some(groups) = &self.groups {
            let key = format!("{path}.groups");
            if name != "processes" {
                errors.add(key, "only the probe processes has it");
            } else if groups.len() > 16 || groups.iter().any(String::is_empty) {
                errors.add(key, "write up to 16 names of programs, such as postgres");
            }
        }
        let include: &[String] = match name {
            "diskstats" => &[],
            _ => &self.include,
        };
        for (key, mounts) in
            [("include", include), ("exclude", &self.exclude), ("data_mounts", &self.data_mounts)]
        {
            if !mounts.is_empty() && name != "filesystem" {
                let owner = if key == "include" {
                    "diskstats and filesystem have"
                } else {
                    "filesystem has"
                };
                errors.add(format!("{path}.{key}"), format!("only the probe {owner} it"));
            }
            if mounts.iter().any(|mount| !mount.starts_with('/')) {
                errors.add(format!("{path}.{key}"), "mount points begin with /");
            }
        }
    }

    fn check_fabric(&self, name: &str, path: &str, errors: &mut ConfigErrors) {
        let is_name = |text: &str| {
            let byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            (1..=63).contains(&text.len()) && text.bytes().all(byte)
        };
        let is_device = |text: &str| text.starts_with("umad") && is_name(text);
        let (device, called) = (self.device.as_deref(), self.name.as_deref());
        let speed = self.expected_speed.as_deref();
        for (key, is_given, is_right, what) in [
            (
                "device",
                device.is_some(),
                device.is_none_or(is_device),
                "write a file of /dev/infiniband, such as umad0",
            ),
            (
                "name",
                called.is_some(),
                called.is_none_or(is_name),
                "write up to 63 letters, digits, '-', '_' and '.'",
            ),
            (
                "expected_width",
                self.expected_width.is_some(),
                self.expected_width.is_none_or(|lanes| [1, 2, 4, 8, 12].contains(&lanes)),
                "write 1, 2, 4, 8 or 12",
            ),
            (
                "expected_speed",
                speed.is_some(),
                speed.is_none_or(|speed| agent_fabric::SPEEDS.contains(&speed)),
                "write SDR, DDR, QDR, FDR, EDR, HDR or NDR",
            ),
        ] {
            if is_given && name != agent_fabric::NAME {
                errors.add(format!("{path}.{key}"), "only the probe fabric has it");
            } else if !is_right {
                errors.add(format!("{path}.{key}"), what);
            }
        }
    }
}

/// The names of all probes over files and system calls. The last is read by one agent of an appliance, and only where the
/// file has its table.
pub(crate) fn probe_names() -> Vec<&'static str> {
    agent_probes::NAMES.iter().copied().chain([agent_fabric::NAME]).collect()
}

/// What to write instead of `name`: the nearest of `known`, or all of them.
pub(crate) fn nearest(name: &str, known: &[&str]) -> String {
    let likeness = |other: &str| strsim::jaro_winkler(other, name);
    let best = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match best {
        Some(best) if likeness(best) > 0.8 => format!("did you mean '{best}'?"),
        _ => format!("known: {}", known.join(", ")),
    }
}

/// Whether a text is `HOST:PORT`.
pub(crate) fn check_address(text: &str) -> Result<(), &'static str> {
    let port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    match text.rsplit_once(':') {
        Some((host, p)) if port(p) && is_host(host) => Ok(()),
        _ => Err("write HOST:PORT, such as collector.hospital.lan:7443 or [fd00::1]:7443"),
    }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
            (1..=253).contains(&host.len()) && host.bytes().all(byte)
        }
    }
}

#[cfg(test)]
mod tests;
