//! The agent's configuration. Every key is optional; an empty file reads the whole server.

use agent_databases::{CoreService, PostgresInstance};
use agent_inputs::{Ceph, Document, Scrape};
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
    /// Database instances to watch: `[[postgres]]`.
    pub(crate) postgres: Vec<PostgresInstance>,
    /// Business questions to ask: `[[core_service]]`.
    pub(crate) core_service: Vec<CoreService>,
    /// Prometheus endpoints to take readings over from: `[[scrape]]`.
    pub(crate) scrape: Vec<Scrape>,
    /// JSON documents to read by a mapping: `[[document]]`.
    pub(crate) document: Vec<Document>,
    /// Ceph clusters to watch: `[[ceph]]`.
    pub(crate) ceph: Vec<Ceph>,
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
    /// Of `diskstats` only: block devices that the usual list leaves out, such as `loop0`. Default: none.
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
            ("core_service", self.core_service.len()),
            ("scrape", self.scrape.len()),
            ("document", self.document.len()),
            ("ceph", self.ceph.len()),
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
        if !self.include.is_empty() && name != "diskstats" {
            errors.add(format!("{path}.include"), "only the probe diskstats has it");
        }
        for (key, mounts) in [("exclude", &self.exclude), ("data_mounts", &self.data_mounts)] {
            if !mounts.is_empty() && name != "filesystem" {
                errors.add(format!("{path}.{key}"), "only the probe filesystem has it");
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
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        std::fs::write(&path, text).unwrap();
        match Config::load(Some(&path)) {
            Ok(_) => Vec::new(),
            Err(errors) => {
                errors.faults.iter().map(|f| format!("{}: {}", f.path, f.what)).collect()
            }
        }
    }

    /// Scenario: an empty file, a full one, and a named file that does not exist. Guarantees: empty and full are valid,
    /// the missing one is an error that names it.
    #[test]
    fn every_key_is_optional() {
        assert_eq!(faults(""), Vec::<String>::new());
        let full = r#"
            data_dir = "/srv/agent"
            [collector]
            address = "[fd00::1]:7443"
            [probe.cpu]
            enabled = false
            interval = "15s"
            timeout = "500ms"
            [probe.infiniband]
            root = "/srv/fabric"
            [probe.filesystem]
            exclude = ["/mnt/scratch"]
            [probe.processes]
            groups = ["postgres", "pgbouncer"]
            [probe.kmsg]
            injected = true
            [probe.fabric]
            interval = "1m"
            device = "umad0"
            name = "rail-a"
            expected_width = 4
            expected_speed = "EDR"
            [spool]
            max_bytes = "2GiB"
            max_disk_ratio = 0.1
            min_free_ratio = 0.2
            [[postgres]]
            host = "db1"
            [[postgres]]
            host = "db1"
            port = 5433
            [[core_service]]
            name = "registration"
            query = "select 1"
            [[scrape]]
            name = "san"
            url = "http://127.0.0.1:9100/metrics"
            [[ceph]]
            endpoints = ["http://127.0.0.1:9283/metrics"]
            [log]
            level = "debug"
            format = "json"
        "#;
        assert_eq!(faults(full), Vec::<String>::new());
        let error = Config::load(Some(Path::new("/nonexistent/agent.toml"))).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/agent.toml"), "{error}");
    }

    /// Scenario: one file with a fault in every table. Guarantees: semantic faults are all reported at once with the path
    /// of their key and what to write.
    #[test]
    fn all_faults_at_once() {
        let found = faults(
            r#"
            [collector]
            address = "collector"
            [probe.infinibnad]
            [probe.cpu]
            interval = "99ms"
            root = "/x"
            exclude = ["/x"]
            [probe.filesystem]
            exclude = ["scratch"]
            [spool]
            max_bytes = "15MiB"
            max_disk_ratio = 1.1
            [[postgres]]
            port = 0
            [[postgres]]
            port = 0
            [[core_service]]
            name = "r"
            query = "select 1"
            [[core_service]]
            name = "r"
            query = ""
            [[scrape]]
            name = "san"
            url = "127.0.0.1:9100"
            [[scrape]]
            name = "san"
            url = "http://127.0.0.1:9100/metrics"
            [[document]]
            name = "array"
            path = "/run/array.json"
            mapping = "/nonexistent/array.toml"
            [[ceph]]
            fsid = "x"
            [log]
            level = "=="
            "#,
        );
        let begins = [
            "collector.address: write HOST:PORT",
            "probe.cpu.interval: write a span",
            "probe.cpu.root: only the probe infiniband",
            "probe.cpu.exclude: only the probe filesystem",
            "probe.filesystem.exclude: mount points begin with /",
            "probe.infinibnad: unknown probe; did you mean 'infiniband'?",
            "spool.max_bytes: write at least",
            "spool.max_disk_ratio: write a share",
            "log.level: log level '=='",
            "postgres[0].port: write 1 to 65535",
            "postgres[1].port: write 1 to 65535",
            "postgres[1]: 127.0.0.1:0 is listed twice",
            "core_service[1].query: write one statement",
            "core_service[1].name: is used twice",
            "scrape[0].url: write a URL",
            "scrape[1].name: is used twice",
            "document[0].mapping: /nonexistent/array.toml",
            "ceph[0].fsid: write what",
        ];
        assert_eq!(found.len(), begins.len(), "{found:#?}");
        for (fault, begin) in found.iter().zip(begins) {
            assert!(fault.starts_with(begin), "{fault} for {begin}");
        }
    }

    /// Scenario: keys of one probe written for another, and values that say nothing. Guarantees: each is told with what to write.
    #[test]
    fn keys_of_one_probe_are_of_no_other() {
        let found = faults(
            r#"
            [probe.cpu]
            groups = ["postgres"]
            injected = true
            [probe.filesystem]
            device = "umad0"
            [probe.processes]
            groups = [""]
            [probe.fabric]
            device = "../mem"
            name = ""
            expected_width = 3
            expected_speed = "edr"
            "#,
        );
        let begins = [
            "probe.cpu.injected: only the probe kmsg",
            "probe.cpu.groups: only the probe processes",
            "probe.fabric.device: write a file of /dev/infiniband",
            "probe.fabric.name: write up to 63",
            "probe.fabric.expected_width: write 1, 2, 4",
            "probe.fabric.expected_speed: write SDR",
            "probe.filesystem.device: only the probe fabric has it",
            "probe.processes.groups: write up to 16 names",
        ];
        assert_eq!(found.len(), begins.len(), "{found:#?}");
        for (fault, begin) in found.iter().zip(begins) {
            assert!(fault.starts_with(begin), "{fault} for {begin}");
        }
    }

    /// Scenario: databases listed twice or too often, with misspelt keys of other and of the same meaning beside. Guarantees: what
    /// the file says is told, what only follows from a misspelling is not.
    #[test]
    fn only_what_the_file_says_is_judged() {
        let twice = faults(
            "[[postgres]]\nhost = \"db1\"\n[[postgres]]\nhost = \"db1\"\nintervall = \"1s\"",
        );
        assert_eq!(twice.len(), 2, "{twice:#?}");
        assert!(twice[1].starts_with("postgres[1]: db1:5432 is listed twice"), "{twice:#?}");
        let apart =
            faults("[[postgres]]\nhost = \"db1\"\nprot = 5433\n[[postgres]]\nhost = \"db1\"");
        assert_eq!(apart, ["postgres[0].prot: unknown key; did you mean 'port'?"]);
        let mut many: String =
            (1..=65).map(|port| format!("[[postgres]]\nport = {port}\n")).collect();
        many.push_str("intervall = \"1s\"\n");
        assert!(faults(&many).contains(&"postgres: 65 are above the limit of 64".to_owned()));
        let mixed = faults("[probe.filesystem]\nexclude = [\"x\", 3]");
        assert_eq!(mixed.len(), 2, "{mixed:#?}");
    }

    /// Scenario: misspelt keys. Guarantees: refused with the right one.
    #[test]
    fn unknown_keys_are_refused() {
        let found = faults(
            "datadir = \"/x\"\n[probe.cpu]\nintervall = \"1s\"\n[[postgres]]\nhots = \"x\"\n",
        );
        assert_eq!(
            found,
            [
                "datadir: unknown key; did you mean 'data_dir'?",
                "postgres[0].hots: unknown key; did you mean 'host'?",
                "probe.cpu.intervall: unknown key; did you mean 'interval'?",
            ]
        );
    }

    /// Scenario: addresses. Guarantees: a host or bracketed IPv6 address with a port passes, nothing else.
    #[test]
    fn addresses_need_host_and_port() {
        for (text, ok) in [
            ("c:7443", true),
            ("10.0.0.1:1", true),
            ("[::1]:65535", true),
            ("c", false),
            ("c:0", false),
            ("c:65536", false),
            (":7443", false),
            ("::1:7443", false),
            ("http://c:7443", false),
            ("收集:7443", false),
        ] {
            assert_eq!(check_address(text).is_ok(), ok, "{text}");
        }
    }
}
