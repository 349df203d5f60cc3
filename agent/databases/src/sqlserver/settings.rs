//! What the node's configuration says about an instance.

use crate::endpoint::{
    Endpoint, SslMode, check_endpoint, check_inspection, check_pace, default_host, default_user,
};
use crate::facts::probe::Schedule;
use serde::Deserialize;
use shared_runtime::config::{ConfigErrors, Span};
use std::path::PathBuf;

/// One instance to watch: `[[sqlserver]]`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlServerInstance {
    /// Host name or address. Default `127.0.0.1`.
    #[serde(default = "default_host")]
    pub host: String,
    /// Port, 1 to 65535. Default 1433.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Login with VIEW SERVER STATE and VIEW ANY DEFINITION, and nothing more. Default `wardround`.
    #[serde(default = "default_user")]
    pub user: String,
    /// File whose first line is the password; readable by its owner only. Default: no password.
    pub password_file: Option<PathBuf>,
    /// `disable` (only the login is encrypted), `prefer`, `require` or `verify-full`. Default `prefer`.
    #[serde(default)]
    pub sslmode: SslMode,
    /// PEM file of the authority that `verify-full` trusts. Default: none.
    pub ca_file: Option<PathBuf>,
    /// Time between rounds, `100ms` to `5m`. Default `5s`.
    #[serde(default = "default_interval")]
    pub interval: Span,
    /// A round that takes longer is cut and the database counts as down, `100ms` to `30s`. Default `4s`.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// Time between inspections of what changes seldom and costs more (accounts), `1s` to `1d`. Default `1h`.
    #[serde(default = "default_inspection_interval")]
    pub inspection_interval: Span,
    /// Reads with a login that is a sysadmin all the same. Default false: such a login is refused.
    #[serde(default)]
    pub allow_superuser: bool,
    /// Logins that are meant to have the rights they have. Default `["sa"]`.
    #[serde(default = "default_allowed_accounts")]
    pub allowed_accounts: Vec<String>,
}

impl SqlServerInstance {
    /// `host:port`, which becomes the label `instance`.
    pub fn instance(&self) -> String {
        self.endpoint().instance()
    }

    /// Adds every fault that types cannot express to `errors`; `path` is where this table stands, `sqlserver[0]`.
    pub fn check(&self, path: &str, errors: &mut ConfigErrors) {
        check_endpoint(&self.endpoint(), path, errors);
        check_pace(self.interval, self.timeout, path, errors);
        check_inspection(self.inspection_interval, &self.allowed_accounts, path, errors);
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint {
            host: self.host.clone(),
            port: self.port,
            user: self.user.clone(),
            password_file: self.password_file.clone(),
            // Everything is read by its full name.
            database: "master".into(),
            sslmode: self.sslmode,
            ca_file: self.ca_file.clone(),
        }
    }

    pub(super) fn schedule(&self) -> Schedule {
        Schedule {
            instance: self.instance(),
            interval: self.interval.get(),
            timeout: self.timeout.get(),
            inspection: self.inspection_interval.get(),
            allowed: [&self.allowed_accounts[..], std::slice::from_ref(&self.user)].concat(),
        }
    }
}

const fn default_port() -> u16 {
    1433
}

const fn default_interval() -> Span {
    Span::secs(5)
}

const fn default_timeout() -> Span {
    Span::secs(4)
}

const fn default_inspection_interval() -> Span {
    Span::secs(3_600)
}

fn default_allowed_accounts() -> Vec<String> {
    vec!["sa".into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: an empty table, and keys that contradict each other or are out of range. Guarantees: defaults are valid, each
    /// fault names its key.
    #[test]
    fn faults_name_their_keys() {
        for (text, expected) in [
            ("", &[][..]),
            ("port = 0", &["sqlserver[0].port"]),
            ("sslmode = \"verify-full\"", &["sqlserver[0].ca_file"]),
            ("timeout = \"31s\"", &["sqlserver[0].timeout"]),
        ] {
            let instance: SqlServerInstance = toml::from_str(text).unwrap();
            let mut errors = ConfigErrors::default();
            instance.check("sqlserver[0]", &mut errors);
            let found: Vec<_> = errors.faults.into_iter().map(|f| f.path).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
