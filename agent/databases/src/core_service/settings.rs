//! What the node's configuration says about a core business service.

use crate::endpoint::{Endpoint, SslMode, check_endpoint, check_pace, default_host, default_user};
use serde::Deserialize;
use shared_runtime::config::{ConfigErrors, Span};
use std::path::PathBuf;

/// The engine that answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceEngine {
    /// PostgreSQL.
    #[default]
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
}

/// One business question: `[[core_service]]`. Its query is configured on the node only, never over the network.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoreService {
    /// Name of the service, 1 to 64 of `a-z 0-9 - _ .`, as the collector's `[[core_service]]` has it.
    pub name: String,
    /// `postgres` or `mysql` (MariaDB as well). Default `postgres`.
    #[serde(default)]
    pub engine: ServiceEngine,
    /// One read-only statement that yields one row of one numeric column, with the schema's name, such as
    /// `select his_core.registration_age_seconds()`.
    pub query: String,
    /// Host name, address, or of a Unix socket the directory (PostgreSQL) or the path (MySQL). Default `127.0.0.1`.
    #[serde(default = "default_host")]
    pub host: String,
    /// Port, 1 to 65535. Default 5432 or 3306.
    port: Option<u16>,
    /// Account that may ask this question. Default `wardround`.
    #[serde(default = "default_user")]
    pub user: String,
    /// File whose first line is the password; readable by its owner only. Default: no password.
    pub password_file: Option<PathBuf>,
    /// Database to connect to. Default `postgres` or `information_schema`.
    database: Option<String>,
    /// `disable`, `prefer`, `require` or `verify-full`. Default `prefer`.
    #[serde(default)]
    pub sslmode: SslMode,
    /// PEM file of the authorities that `verify-full` trusts. Default: none.
    pub ca_file: Option<PathBuf>,
    /// Time between rounds, `100ms` to `5m`. Default `1s`.
    #[serde(default = "default_interval")]
    pub interval: Span,
    /// A question that takes longer counts as not answered, `100ms` to `30s`. Default `2s`.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
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
        let query = self.question();
        // PostgreSQL refuses a second statement by itself.
        let is_several = self.engine == ServiceEngine::Mysql && query.contains(';');
        if query.is_empty() || query.len() > 4096 || is_several {
            errors.add(format!("{path}.query"), "write one statement of 1 to 4096 bytes");
        }
        check_endpoint(&self.endpoint(), path, errors);
        check_pace(self.interval, self.timeout, path, errors);
    }

    /// The statement alone.
    pub(crate) fn question(&self) -> &str {
        self.query.trim().trim_end_matches(';').trim_end()
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        let (port, database) = match self.engine {
            ServiceEngine::Postgres => (5432, "postgres"),
            ServiceEngine::Mysql => (3306, "information_schema"),
        };
        Endpoint {
            host: self.host.clone(),
            port: self.port.unwrap_or(port),
            user: self.user.clone(),
            password_file: self.password_file.clone(),
            database: self.database.clone().unwrap_or_else(|| database.to_owned()),
            sslmode: self.sslmode,
            ca_file: self.ca_file.clone(),
        }
    }
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

    /// Scenario: core services with bad names and queries, of both engines. Guarantees: refused with the key's path; the engine's own
    /// port where none is written.
    #[test]
    fn core_services_are_checked() {
        let (name, query) = ("core_service[0].name", "core_service[0].query");
        for (text, port, expected) in [
            ("name = \"registration\"\nquery = \"select 1\"", 5432, &[][..]),
            ("name = \"his\"\nquery = \"select 1;\"\nengine = \"mysql\"", 3306, &[]),
            ("name = \"his\"\nquery = \"select 1; drop\"\nengine = \"mysql\"", 3306, &[query]),
            ("name = \"his\"\nquery = \"select 1\"\nengine = \"mysql\"\nport = 3307", 3307, &[]),
            ("name = \"挂号\"\nquery = \"select 1\"", 5432, &[name]),
            ("name = \"\"\nquery = \" ; \"", 5432, &[name, query]),
        ] {
            let service: CoreService = toml::from_str(text).unwrap();
            assert_eq!(service.endpoint().port, port, "{text}");
            let mut errors = ConfigErrors::default();
            service.check("core_service[0]", &mut errors);
            let found: Vec<_> = errors.faults.iter().map(|f| f.path.as_str()).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
