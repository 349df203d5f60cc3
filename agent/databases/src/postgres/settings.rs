//! What the node's configuration says about an instance.

use serde::Deserialize;
use shared_runtime::config::{ConfigErrors, Span};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The shortest interval and timeout: a shorter one measures the network rather than the database.
const SHORTEST: Duration = Duration::from_millis(100);

/// The longest timeout: a round that hangs longer than this would hide a dead database for too long.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest interval that still tells a down database apart from an unknown one.
const LONGEST_INTERVAL: Duration = Duration::from_secs(300);

/// One instance to watch: `[[postgres]]`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresInstance {
    /// Host name, address, or the directory of a Unix socket (begins with `/`). Default `127.0.0.1`.
    #[serde(default = "default_host")]
    pub host: String,
    /// Port, 1 to 65535. Default 5432.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Login role, a member of `pg_monitor` and nothing more. Default `wardround`.
    #[serde(default = "default_user")]
    pub user: String,
    /// File whose first line is the password; readable by its owner only. Default: no password.
    pub password_file: Option<PathBuf>,
    /// Database to connect to; index statistics are read of this one. Default `postgres`.
    #[serde(default = "default_database")]
    pub database: String,
    /// `disable`, `prefer`, `require` or `verify-full`. Default `prefer`.
    #[serde(default)]
    pub sslmode: SslMode,
    /// PEM file of the authorities that `verify-full` trusts. Default: none.
    pub ca_file: Option<PathBuf>,
    /// Time between rounds, `100ms` to `5m`. Default `1s`.
    #[serde(default = "default_interval")]
    pub interval: Span,
    /// A round that takes longer is cut and the database counts as down, `100ms` to `30s`. Default `2s`.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
}

/// One business question: `[[core_service]]`. Its query is configured on the node only, never over the network.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoreService {
    /// Name of the service, 1 to 64 of `a-z 0-9 - _ .`, as the collector's `[[core_service]]` has it.
    pub name: String,
    /// One read-only statement that yields one row of one numeric column, schema-qualified, such as
    /// `select his_core.registration_age_seconds()`.
    pub query: String,
    /// As in `[[postgres]]`. Default `127.0.0.1`.
    #[serde(default = "default_host")]
    pub host: String,
    /// As in `[[postgres]]`. Default 5432.
    #[serde(default = "default_port")]
    pub port: u16,
    /// As in `[[postgres]]`. Default `wardround`.
    #[serde(default = "default_user")]
    pub user: String,
    /// As in `[[postgres]]`. Default: no password.
    pub password_file: Option<PathBuf>,
    /// As in `[[postgres]]`. Default `postgres`.
    #[serde(default = "default_database")]
    pub database: String,
    /// As in `[[postgres]]`. Default `prefer`.
    #[serde(default)]
    pub sslmode: SslMode,
    /// As in `[[postgres]]`. Default: none.
    pub ca_file: Option<PathBuf>,
    /// Time between rounds, `100ms` to `5m`. Default `1s`.
    #[serde(default = "default_interval")]
    pub interval: Span,
    /// A question that takes longer counts as not answered, `100ms` to `30s`. Default `2s`.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
}

/// Whether and how the connection is encrypted, with libpq's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Never.
    Disable,
    /// When the server offers it, without checking who the server is.
    #[default]
    Prefer,
    /// Always, without checking who the server is.
    Require,
    /// Always, and the server's certificate must be issued by `ca_file` for `host`.
    VerifyFull,
}

/// Where a connection goes, as both kinds of probe need it.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password_file: Option<PathBuf>,
    pub(super) database: String,
    pub(super) sslmode: SslMode,
    pub(super) ca_file: Option<PathBuf>,
}

impl Endpoint {
    /// `host:port`, the label `instance`.
    pub(super) fn instance(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl PostgresInstance {
    /// `host:port`, which becomes the label `instance`.
    pub fn instance(&self) -> String {
        self.endpoint().instance()
    }

    /// Adds every fault that types cannot express to `errors`; `path` is where this table stands, `postgres[0]`.
    pub fn check(&self, path: &str, errors: &mut ConfigErrors) {
        check_endpoint(&self.endpoint(), path, errors);
        check_pace(self.interval, self.timeout, path, errors);
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint {
            host: self.host.clone(),
            port: self.port,
            user: self.user.clone(),
            password_file: self.password_file.clone(),
            database: self.database.clone(),
            sslmode: self.sslmode,
            ca_file: self.ca_file.clone(),
        }
    }
}

impl CoreService {
    /// `host:port`, which becomes the label `instance`.
    pub fn instance(&self) -> String {
        self.endpoint().instance()
    }

    /// Adds every fault that types cannot express to `errors`; `path` is where this table stands, `core_service[0]`.
    pub fn check(&self, path: &str, errors: &mut ConfigErrors) {
        let letter =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
        if !(1..=64).contains(&self.name.len()) || !self.name.bytes().all(letter) {
            errors.add(format!("{path}.name"), "write 1 to 64 of a-z 0-9 - _ .");
        }
        let query = self.query.trim();
        if query.is_empty() || query.len() > 4096 {
            errors.add(format!("{path}.query"), "write one statement of 1 to 4096 bytes");
        }
        check_endpoint(&self.endpoint(), path, errors);
        check_pace(self.interval, self.timeout, path, errors);
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint {
            host: self.host.clone(),
            port: self.port,
            user: self.user.clone(),
            password_file: self.password_file.clone(),
            database: self.database.clone(),
            sslmode: self.sslmode,
            ca_file: self.ca_file.clone(),
        }
    }
}

fn check_endpoint(endpoint: &Endpoint, path: &str, errors: &mut ConfigErrors) {
    // It becomes part of the label `instance`, which takes these; 253 bytes is the longest DNS name.
    let host = &endpoint.host;
    if !(1..=253).contains(&host.len()) || !host.bytes().all(|b| b.is_ascii_graphic()) {
        errors.add(format!("{path}.host"), "write 1 to 253 ASCII characters without spaces");
    }
    for (key, text) in [("user", &endpoint.user), ("database", &endpoint.database)] {
        // PostgreSQL cuts names at 63 bytes (NAMEDATALEN).
        if !(1..=63).contains(&text.len()) || text.chars().any(char::is_control) {
            errors.add(format!("{path}.{key}"), "write 1 to 63 bytes");
        }
    }
    if endpoint.port == 0 {
        errors.add(format!("{path}.port"), "write 1 to 65535");
    }
    match (endpoint.sslmode, &endpoint.ca_file) {
        (SslMode::VerifyFull, None) => {
            errors.add(format!("{path}.ca_file"), "sslmode verify-full needs the file of the CA");
        }
        (SslMode::VerifyFull, Some(_)) | (_, None) => {}
        (_, Some(_)) => errors.add(
            format!("{path}.ca_file"),
            "only sslmode = \"verify-full\" checks the certificate; set it or remove ca_file",
        ),
    }
    if endpoint.sslmode == SslMode::VerifyFull && Path::new(&endpoint.host).is_absolute() {
        errors.add(format!("{path}.sslmode"), "a Unix socket has no certificate to verify");
    }
}

fn check_pace(interval: Span, timeout: Span, path: &str, errors: &mut ConfigErrors) {
    for (key, span, longest) in
        [("interval", interval, LONGEST_INTERVAL), ("timeout", timeout, LONGEST_TIMEOUT)]
    {
        if !(SHORTEST..=longest).contains(&span.get()) {
            let longest = longest.as_secs();
            errors.add(format!("{path}.{key}"), format!("write a span from 100ms to {longest}s"));
        }
    }
}

fn default_host() -> String {
    "127.0.0.1".into()
}

const fn default_port() -> u16 {
    5432
}

fn default_user() -> String {
    "wardround".into()
}

fn default_database() -> String {
    "postgres".into()
}

const fn default_interval() -> Span {
    Span::secs(1)
}

const fn default_timeout() -> Span {
    Span::secs(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let instance: PostgresInstance = toml::from_str(text).unwrap();
        let mut errors = ConfigErrors::default();
        instance.check("postgres[0]", &mut errors);
        errors.faults.into_iter().map(|f| f.path).collect()
    }

    /// Scenario: an empty table, values at and beyond each limit, and TLS keys that contradict each other. Guarantees:
    /// defaults are valid, each fault names its key, values at the limit pass.
    #[test]
    fn faults_name_their_keys() {
        for (text, expected) in [
            ("", &[][..]),
            ("interval = \"100ms\"\ntimeout = \"30s\"", &[]),
            ("interval = \"99ms\"", &["postgres[0].interval"]),
            ("interval = \"301s\"", &["postgres[0].interval"]),
            ("timeout = \"31s\"", &["postgres[0].timeout"]),
            ("port = 0\nhost = \"\"", &["postgres[0].host", "postgres[0].port"]),
            ("host = \"主库\"\nuser = \"\"", &["postgres[0].host", "postgres[0].user"]),
            ("sslmode = \"verify-full\"", &["postgres[0].ca_file"]),
            ("sslmode = \"require\"\nca_file = \"/ca\"", &["postgres[0].ca_file"]),
            ("sslmode = \"verify-full\"\nca_file = \"/ca\"", &[]),
            (
                "sslmode = \"verify-full\"\nca_file = \"/ca\"\nhost = \"/run\"",
                &["postgres[0].sslmode"],
            ),
        ] {
            assert_eq!(faults(text), expected, "{text}");
        }
    }

    /// Scenario: core services with bad names and queries. Guarantees: refused with the key's path.
    #[test]
    fn core_services_are_checked() {
        for (name, query, expected) in [
            ("registration", "select 1", &[][..]),
            ("挂号", "select 1", &["core_service[0].name"]),
            ("", " ", &["core_service[0].name", "core_service[0].query"]),
        ] {
            let service: CoreService =
                toml::from_str(&format!("name = \"{name}\"\nquery = \"{query}\"")).unwrap();
            let mut errors = ConfigErrors::default();
            service.check("core_service[0]", &mut errors);
            let found: Vec<_> = errors.faults.iter().map(|f| f.path.as_str()).collect();
            assert_eq!(found, expected, "{name}");
        }
    }
}
