//! What the node's configuration says about an instance.

use crate::endpoint::{
    Endpoint, SslMode, check_endpoint, check_inspection, check_pace, default_host, default_user,
};
use serde::Deserialize;
use shared_runtime::config::{ConfigErrors, Span};
use std::path::PathBuf;

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
    /// Time between inspections of what changes seldom and costs more (accounts, indexes), `1s` to `1d`. Default `15m`.
    #[serde(default = "default_inspection_interval")]
    pub inspection_interval: Span,
    /// Accounts that are meant to have the rights they have; the agent's own is one of them. Default `["postgres"]`.
    #[serde(default = "default_allowed_accounts")]
    pub allowed_accounts: Vec<String>,
    /// Reads with a superuser's account all the same, which is a finding of its own. Default false: such an account is refused.
    #[serde(default)]
    pub allow_superuser: bool,
    /// Folder of the server's log files, when it runs on this node: entries are counted by class, refused logins among them.
    /// Default: not read.
    pub log_directory: Option<PathBuf>,
    /// Folder that archived segments are put into, when this node sees it: missing ones are counted. Default: not read.
    pub archive_directory: Option<PathBuf>,
    /// Folder of the server's data, when it is on this node: whether its disk is encrypted. Default: not looked at.
    pub data_directory: Option<PathBuf>,
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
        for (key, folder) in [
            ("log_directory", &self.log_directory),
            ("archive_directory", &self.archive_directory),
            ("data_directory", &self.data_directory),
        ] {
            if folder.as_ref().is_some_and(|folder| !folder.is_absolute()) {
                errors.add(format!("{path}.{key}"), "write a path that begins with /");
            }
        }
        check_inspection(self.inspection_interval, &self.allowed_accounts, path, errors);
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

const fn default_port() -> u16 {
    5432
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

const fn default_inspection_interval() -> Span {
    Span::secs(900)
}

fn default_allowed_accounts() -> Vec<String> {
    vec!["postgres".into()]
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
            ("inspection_interval = \"1d\"\nallowed_accounts = []", &[]),
            ("inspection_interval = \"999ms\"", &["postgres[0].inspection_interval"]),
            ("log_directory = \"pg_log\"", &["postgres[0].log_directory"]),
            ("allowed_accounts = [\"\"]", &["postgres[0].allowed_accounts"]),
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
}
