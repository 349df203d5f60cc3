//! The collector's configuration. Every key is optional; an empty file works on loopback.

mod calendar;
mod contract;

use crate::receivers::{self, ReceiverKeys, WebhookKeys};
use collector_domain::{CoreService, DatabaseService, Text, Topology};
use collector_notify::{Origin, Profile};
use contract::ContractKeys;
use rustls_pki_types::ServerName;
use serde::Deserialize;
use shared_model::{AccountIdentity, InvalidIdentity, NodeIdentity};
use shared_runtime::config::{ByteSize, ConfigErrors, Span};
use shared_runtime::telemetry::LogFormat;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where the configuration is looked for when `--config` names none.
pub(crate) const DEFAULT_PATH: &str = "/etc/wardround/collector.toml";

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Folder of everything the collector keeps. Default `/var/lib/wardround-collector`.
    pub(crate) data_dir: Option<PathBuf>,
    /// Who this collector works for; becomes part of every node's identity.
    pub(crate) identity: Identity,
    /// The port for agents and NOC clients (gRPC over mutual TLS).
    pub(crate) agents: Agents,
    /// The port for people and tools (HTTPS).
    pub(crate) api: Api,
    /// The contract profile of the hospital.
    pub(crate) contract: ContractKeys,
    /// Core database services: `[[database_service]]`.
    pub(crate) database_service: Vec<DatabaseServiceKeys>,
    /// Core business services: `[[core_service]]`.
    pub(crate) core_service: Vec<CoreServiceKeys>,
    /// Who is told of incidents: `[[webhook]]`.
    pub(crate) webhook: Vec<WebhookKeys>,
    /// The same by chat robots, mail, text messages, calls and syslog: `[[receiver]]`.
    pub(crate) receiver: Vec<ReceiverKeys>,
    /// How long and how much is kept.
    pub(crate) store: Store,
    /// Accounts, tokens and the registry of nodes.
    pub(crate) settings: SettingsKeys,
    /// Logs of the collector itself.
    pub(crate) log: Log,
}

/// Parts of a node's identity.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Identity {
    /// Service provider: 1 to 63 of `a-z 0-9 - _ .`. Default `provider`.
    pub(crate) provider: String,
    /// Hospital, same letters. Default `hospital`.
    pub(crate) hospital: String,
    /// Appliance, same letters. Default `appliance`.
    pub(crate) appliance: String,
    /// The hospital's name as people read it.
    pub(crate) hospital_name: HospitalName,
}

/// The hospital's name in both languages.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HospitalName {
    /// Chinese. Default: the `hospital` part of the identity.
    pub(crate) zh: Option<String>,
    /// English. Default: the `hospital` part of the identity.
    pub(crate) en: Option<String>,
}

/// The agents' port.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Agents {
    /// Address and port. Default `127.0.0.1:7443`.
    pub(crate) listen: SocketAddr,
    /// Life of a node's certificate, `10s` to `398d`; agents renew at a third of it. Default `14d`.
    pub(crate) certificate_life: Span,
    /// Replaced by `certificate_life`.
    certificate_days: Option<serde::de::IgnoredAny>,
    /// Shortest window over which agents come back after a lost session, at most `10m`; it grows by a second for each 300
    /// of them. Default `5s`.
    pub(crate) reconnect_window: Span,
    /// Series that are kept of one node, 1 to 20000. Default 20000.
    pub(crate) series_max: usize,
    /// Samples a second of one node; what is more comes later. At least 100. Default 100000.
    pub(crate) samples_per_second: u32,
    /// Connections of one source address, 1 to 4096. Default 512.
    pub(crate) connections_per_address: usize,
}

/// The HTTPS port.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Api {
    /// Address and port. Default `127.0.0.1:8443`.
    pub(crate) listen: SocketAddr,
    /// DNS names and addresses that browsers use; they go into the certificate. Default `["localhost", "127.0.0.1"]`.
    pub(crate) names: Vec<String>,
    /// Where people reach the collector, for links in notifications. Default: `https://`, the first of `names`, and the port.
    pub(crate) public_url: Option<String>,
}

/// One core database service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseServiceKeys {
    /// Name shown to people.
    name: String,
    /// `host:port` of the primary, as the agents' `[[postgres]]` has it.
    primary: String,
    /// `host:port` of the standbys.
    #[serde(default)]
    standbys: Vec<String>,
}

/// One core business service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CoreServiceKeys {
    /// Name, as the agents' `[[core_service]]` has it.
    name: String,
    /// The `[[database_service]]` it stands on.
    database: String,
}

/// What is kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Store {
    /// Raw samples are kept this long. Default `35d`.
    pub(crate) retention: Span,
    /// Size of the journal from which its oldest part is dropped, once samples and state no longer need it. Default `10GiB`.
    pub(crate) journal_max: ByteSize,
    /// How often the state is written, which bounds how much of the journal a restart replays. Default `5m`.
    pub(crate) snapshot_every: Span,
    /// Largest number of series. Default 1000000.
    pub(crate) series_max: usize,
}

/// Accounts, tokens and the registry of nodes, which are sealed on disk.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SettingsKeys {
    /// The key they are sealed with: 32 random bytes, mode 0400, made at the first start. Another disk than `data_dir` keeps
    /// them from who takes that one. Default `settings.key` in `data_dir`.
    pub(crate) key_file: Option<PathBuf>,
}

/// Logs of the collector itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// `off`, `error`, `warn`, `info`, `debug`, `trace` or a filter. Default `info`.
    pub(crate) level: Option<String>,
    /// `text` or `json`. Default `text`.
    pub(crate) format: LogFormat,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            provider: "provider".to_owned(),
            hospital: "hospital".to_owned(),
            appliance: "appliance".to_owned(),
            hospital_name: HospitalName::default(),
        }
    }
}

impl Default for Agents {
    fn default() -> Self {
        let node = collector_ingest::NodeLimits::default();
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7443)),
            certificate_life: Span::secs(14 * 86_400),
            certificate_days: None,
            reconnect_window: Span::secs(5),
            series_max: node.series_max,
            samples_per_second: node.samples_per_second,
            connections_per_address: 512,
        }
    }
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8443)),
            names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            public_url: None,
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            retention: Span::secs(35 * 86_400),
            journal_max: ByteSize::mib(10 << 10),
            snapshot_every: Span::secs(300),
            series_max: 1_000_000,
        }
    }
}

impl Config {
    /// Loads and checks a file. Without `--config` the default path is read if it is there.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, ConfigErrors> {
        let default = Path::new(DEFAULT_PATH);
        let path = path.or_else(|| default.is_file().then_some(default));
        shared_runtime::config::load(path, Self::check)
    }

    /// Folder of everything the collector keeps.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| PathBuf::from("/var/lib/wardround-collector"))
    }

    /// The key file of the settings.
    pub(crate) fn settings_key(&self) -> PathBuf {
        self.settings.key_file.clone().unwrap_or_else(|| self.data_dir().join("settings.key"))
    }

    /// The identity of a node of this appliance.
    pub(crate) fn node(&self, name: &str) -> Result<NodeIdentity, InvalidIdentity> {
        let Identity { provider, hospital, appliance, .. } = &self.identity;
        NodeIdentity::new(provider, hospital, appliance, name)
    }

    /// The identity of an account of this collector, as a program's certificate carries it.
    pub(crate) fn account(&self, name: &str) -> Result<AccountIdentity, InvalidIdentity> {
        AccountIdentity::new(&self.identity.provider, &self.identity.hospital, name)
    }

    /// The hospital's name as people read it.
    pub(crate) fn hospital(&self) -> Text {
        let Identity { hospital, hospital_name, .. } = &self.identity;
        let or_id = |name: &Option<String>| name.clone().unwrap_or_else(|| hospital.clone());
        Text { zh: or_id(&hospital_name.zh), en: or_id(&hospital_name.en) }
    }

    /// The declared topology.
    pub(crate) fn topology(&self) -> Topology {
        let database = |d: &DatabaseServiceKeys| DatabaseService {
            name: d.name.clone(),
            primary: d.primary.clone(),
            standbys: d.standbys.clone(),
        };
        let core = |c: &CoreServiceKeys| CoreService {
            name: c.name.clone(),
            database: c.database.clone(),
        };
        Topology {
            databases: self.database_service.iter().map(database).collect(),
            core_services: self.core_service.iter().map(core).collect(),
        }
    }

    /// Who is told of incidents, as far as decisions read it.
    pub(crate) fn notify(&self) -> Profile {
        let Identity { provider, hospital, appliance, .. } = &self.identity;
        Profile {
            origin: Origin {
                provider: provider.clone(),
                hospital: hospital.clone(),
                appliance: appliance.clone(),
            },
            receivers: receivers::receivers(
                &self.webhook,
                &self.receiver,
                self.contract.time_scale.unwrap_or(1),
            ),
        }
    }

    /// Where people reach the collector, without a slash at its end. `listening` is the port in use.
    pub(crate) fn public_url(&self, listening: u16) -> String {
        let name = self.api.names.first().map_or("localhost", String::as_str);
        let url = self.api.public_url.clone();
        url.unwrap_or_else(|| format!("https://{name}:{listening}"))
            .trim_end_matches('/')
            .to_owned()
    }

    fn check(&self, errors: &mut ConfigErrors) {
        let Identity { provider, hospital, appliance, .. } = &self.identity;
        for (key, part) in
            [("provider", provider), ("hospital", hospital), ("appliance", appliance)]
        {
            if let Err(e) = NodeIdentity::new(part, "x", "x", "x") {
                errors.add(format!("identity.{key}"), e.to_string());
            }
        }
        self.check_agents(errors);
        if self.agents.listen.port() != 0 && self.agents.listen == self.api.listen {
            let what = "is the same address as agents.listen";
            errors.add_from(["agents.listen"], "api.listen", what);
        }
        self.contract.check(errors);
        self.check_api(errors);
        if self.data_dir.as_ref().is_some_and(|dir| dir.as_os_str().is_empty()) {
            errors.add("data_dir", "is empty: write a folder");
        }
        if self.store.series_max == 0 {
            errors.add("store.series_max", "must be at least 1");
        }
        if self.store.retention < Span::secs(3_600) {
            errors.add("store.retention", "must be at least \"1h\"");
        }
        if self.store.journal_max < ByteSize::mib(64) {
            errors.add("store.journal_max", "must be at least \"64MiB\"");
        }
        if self.store.snapshot_every < Span::secs(1) {
            errors.add("store.snapshot_every", "must be at least \"1s\"");
        }
        if let Some(level) = &self.log.level
            && let Err(e) = shared_runtime::telemetry::check_level(level)
        {
            errors.add("log.level", e.to_string());
        }
        self.check_services(errors);
        receivers::check(&self.webhook, &self.receiver, errors);
    }

    fn check_api(&self, errors: &mut ConfigErrors) {
        if self.api.names.is_empty() {
            errors.add("api.names", "names nothing: leave it out for localhost");
        }
        for (i, name) in self.api.names.iter().enumerate() {
            if ServerName::try_from(name.as_str()).is_err() {
                let what = format!("'{name}' is no host name or address");
                errors.add(format!("api.names[{i}]"), what);
            }
        }
        if let Some(url) = &self.api.public_url
            && let Err(e) = url.parse::<collector_notify::Target>()
        {
            errors.add("api.public_url", e);
        }
    }

    fn check_agents(&self, errors: &mut ConfigErrors) {
        let agents = &self.agents;
        if agents.certificate_days.is_some() {
            let what = "was replaced: write certificate_life = \"14d\" for 14 days";
            errors.add("agents.certificate_days", what);
        }
        if !(Span::secs(10)..=Span::secs(398 * 86_400)).contains(&agents.certificate_life) {
            errors.add("agents.certificate_life", "must be \"10s\" to \"398d\"");
        }
        if agents.reconnect_window.get() > proto::limits::MAX_RECONNECT_WINDOW {
            errors.add("agents.reconnect_window", "must be at most \"10m\"");
        }
        let most = proto::limits::MAX_SERIES;
        if !(1..=most).contains(&agents.series_max) {
            errors.add("agents.series_max", format!("must be 1 to {most}"));
        }
        if agents.samples_per_second < 100 {
            errors.add("agents.samples_per_second", "must be at least 100");
        }
        if !(1..=4096).contains(&agents.connections_per_address) {
            errors.add("agents.connections_per_address", "must be 1 to 4096");
        }
    }

    fn check_services(&self, errors: &mut ConfigErrors) {
        let mut names = BTreeSet::new();
        let mut instances = BTreeSet::new();
        for (i, service) in self.database_service.iter().enumerate() {
            if service.name.is_empty() {
                errors.add(format!("database_service[{i}].name"), "is empty");
            }
            if !names.insert(service.name.as_str()) {
                errors.add_from(
                    ["database_service[].name"],
                    format!("database_service[{i}].name"),
                    format!("'{}' is declared twice", service.name),
                );
            }
            let primary = [(format!("database_service[{i}].primary"), &service.primary)];
            let standbys = service.standbys.iter().enumerate();
            let standbys =
                standbys.map(|(s, at)| (format!("database_service[{i}].standbys[{s}]"), at));
            for (path, instance) in primary.into_iter().chain(standbys) {
                let port = instance.rsplit_once(':').and_then(|(_, p)| p.parse::<u16>().ok());
                if port.is_none_or(|p| p == 0) || instance.starts_with(':') {
                    errors.add(&path, format!("'{instance}' is not host:port"));
                } else if !instances.insert(instance.as_str()) {
                    let needs = ["database_service[].primary", "database_service[].standbys"];
                    errors.add_from(needs, &path, format!("'{instance}' is declared twice"));
                }
            }
        }
        let mut cores = BTreeSet::new();
        for (i, core) in self.core_service.iter().enumerate() {
            if core.name.is_empty() {
                errors.add(format!("core_service[{i}].name"), "is empty");
            }
            if !cores.insert(core.name.as_str()) {
                errors.add_from(
                    ["core_service[].name"],
                    format!("core_service[{i}].name"),
                    format!("'{}' is declared twice", core.name),
                );
            }
            if !names.contains(core.database.as_str()) {
                let known: Vec<&str> = names.iter().copied().filter(|n| !n.is_empty()).collect();
                let known = if known.is_empty() {
                    "none is declared".to_owned()
                } else {
                    format!("known: {}", known.join(", "))
                };
                errors.add_from(
                    ["database_service[].name"],
                    format!("core_service[{i}].database"),
                    format!("no [[database_service]] is named '{}'; {known}", core.database),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        match shared_runtime::config::parse(text, Config::check) {
            Ok(_) => Vec::new(),
            Err(errors) => {
                errors.faults.iter().map(|f| format!("{}: {}", f.path, f.what)).collect()
            }
        }
    }

    /// Scenario: an empty file. Guarantees: it works and means the standard's own numbers on loopback.
    #[test]
    fn empty_is_the_standard() {
        assert!(faults("").is_empty());
        let config: Config = shared_runtime::config::parse("", Config::check).unwrap();
        assert_eq!(config.contract.contract().unwrap(), collector_domain::Contract::default());
        assert!(config.agents.listen.ip().is_loopback() && config.api.listen.ip().is_loopback());
    }

    /// Scenario: several semantic faults at once. Guarantees: each is reported with its path.
    #[test]
    fn semantic_faults_carry_paths() {
        let found = faults(
            "[identity]\nhospital = \"A B\"\n[contract]\ntime_scale = 0\n[[database_service]]\nname = \"his\"\n\
             primary = \"db1\"\n[[core_service]]\nname = \"挂号\"\ndatabase = \"hsi\"\n",
        );
        let paths: Vec<&str> = found.iter().filter_map(|f| f.split(": ").next()).collect();
        assert_eq!(
            paths,
            [
                "identity.hospital",
                "contract.time_scale",
                "database_service[0].primary",
                "core_service[0].database"
            ]
        );
    }

    /// Scenario: keys of the agents' port just below, at and above their limits, and one that was replaced. Guarantees: each
    /// is reported with its limits; the replaced one says what to write instead.
    #[test]
    fn keys_of_the_agents_port_have_limits() {
        for (line, ok) in [
            ("certificate_life = \"9s\"", false),
            ("certificate_life = \"10s\"", true),
            ("certificate_life = \"398d\"", true),
            ("certificate_life = \"399d\"", false),
            ("reconnect_window = \"0s\"", true),
            ("reconnect_window = \"600s\"", true),
            ("reconnect_window = \"601s\"", false),
            ("series_max = 0", false),
            ("series_max = 20000", true),
            ("series_max = 20001", false),
            ("samples_per_second = 99", false),
            ("connections_per_address = 0", false),
            ("connections_per_address = 4096", true),
        ] {
            assert_eq!(faults(&format!("[agents]\n{line}")).is_empty(), ok, "{line}");
        }
        let replaced = faults("[agents]\ncertificate_days = 7");
        assert!(replaced.iter().any(|f| f.contains("certificate_life = \"14d\"")), "{replaced:?}");
    }

    /// Scenario: values that a start would trip over, or under which nothing could be judged. Guarantees: refused with their path.
    #[test]
    fn values_that_cannot_work_are_refused() {
        for (text, path) in [
            ("data_dir = \"\"", "data_dir"),
            ("[api]\nnames = []", "api.names"),
            ("[api]\nnames = [\"localhost\", \"中文\"]", "api.names[1]"),
            ("[api]\nnames = [\"a b\"]", "api.names[0]"),
            ("[store]\nseries_max = 0", "store.series_max"),
            ("[store]\nretention = \"0s\"", "store.retention"),
            ("[contract]\nwatch = \"0s\"", "contract.watch"),
            ("[contract]\nsilent_after = \"999ms\"", "contract.silent_after"),
            ("[contract]\nversion = \"\"", "contract.version"),
            ("[[database_service]]\nname = \"\"\nprimary = \"db:1\"", "database_service[0].name"),
            ("[[database_service]]\nname = \"h\"\nprimary = \":1\"", "database_service[0].primary"),
        ] {
            let found = faults(text);
            assert!(
                found.len() == 1 && found[0].starts_with(&format!("{path}: ")),
                "{text}: {found:?}"
            );
        }
        let fine = "[api]\nnames = [\"his.hospital.lan\", \"10.0.0.5\", \"fd00::1\"]\n[store]\nretention = \"1h\"\n[contract]\nwatch = \"1s\"";
        assert_eq!(faults(fine), Vec::<String>::new());
    }

    /// Scenario: a misspelt key, and a check that would take the default in its place for what the file says. Guarantees: the
    /// misspelling is told, and nothing that only follows from it.
    #[test]
    fn what_follows_from_a_misspelling_is_not_told() {
        for text in [
            "[agents]\nlisten = \"127.0.0.1:8443\"\n[api]\nlistn = \"127.0.0.1:9443\"",
            "[[database_service]]\nnam = \"his\"\nprimary = \"db:1\"\n[[core_service]]\nname = \"a\"\ndatabase = \"his\"",
        ] {
            let found = faults(text);
            assert!(found.len() == 1 && found[0].contains("did you mean"), "{found:?}");
        }
    }

    /// Scenario: limits of `time_scale`. Guarantees: 0 and 1001 are refused, 1 and 1000 are not.
    #[test]
    fn time_scale_has_limits() {
        for (scale, ok) in [(0, false), (1, true), (1000, true), (1001, false)] {
            assert_eq!(
                faults(&format!("[contract]\ntime_scale = {scale}")).is_empty(),
                ok,
                "{scale}"
            );
        }
    }
}
