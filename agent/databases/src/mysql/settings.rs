//! What the node's configuration says about an instance.

use crate::endpoint::{
    Endpoint, SslMode, check_endpoint, check_inspection, check_pace, default_host, default_user,
};
use serde::Deserialize;
use shared_runtime::config::{ConfigErrors, Span};
use std::path::PathBuf;

/// One instance to watch: `[[mysql]]`, of MySQL or MariaDB.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MysqlInstance {
    /// Host name, address, or the path of a Unix socket (begins with `/`). Default `127.0.0.1`.
    #[serde(default = "default_host")]
    pub host: String,
    /// Port, 1 to 65535. Default 3306.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Account with PROCESS, the rights to see replication, SELECT on performance_schema, and nothing more. Default `wardround`.
    #[serde(default = "default_user")]
    pub user: String,
    /// File whose first line is the password; readable by its owner only. Default: no password.
    pub password_file: Option<PathBuf>,
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
    /// Reads with an account that has SUPER all the same. Default false: such an account is refused.
    #[serde(default)]
    pub allow_superuser: bool,
    /// Accounts that are meant to have the rights they have, as `user` or `user@host`. Default `["root@localhost"]`.
    #[serde(default = "default_allowed_accounts")]
    pub allowed_accounts: Vec<String>,
    /// The server's error log, when it runs on this node: entries are counted by class, refused logins among them. Default: not read.
    pub error_log: Option<PathBuf>,
    /// The file that its audit writes, when this node sees it: when it was written to. Default: not read.
    pub audit_file: Option<PathBuf>,
    /// Folder of the server's data, when it is on this node: whether its disk is encrypted. Default: not looked at.
    pub data_directory: Option<PathBuf>,
}

impl MysqlInstance {
    /// `host:port`, which becomes the label `instance`.
    pub fn instance(&self) -> String {
        self.endpoint().instance()
    }

    /// Adds every fault that types cannot express to `errors`; `path` is where this table stands, `mysql[0]`.
    pub fn check(&self, path: &str, errors: &mut ConfigErrors) {
        check_endpoint(&self.endpoint(), path, errors);
        check_pace(self.interval, self.timeout, path, errors);
        for (key, file) in [
            ("error_log", &self.error_log),
            ("audit_file", &self.audit_file),
            ("data_directory", &self.data_directory),
        ] {
            if file.as_ref().is_some_and(|file| !file.is_absolute()) {
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
            // Everything is read by its full name; none is entered.
            database: "information_schema".into(),
            sslmode: self.sslmode,
            ca_file: self.ca_file.clone(),
        }
    }
}

const fn default_port() -> u16 {
    3306
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
    vec!["root@localhost".into()]
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
            ("port = 0", &["mysql[0].port"]),
            ("sslmode = \"verify-full\"", &["mysql[0].ca_file"]),
            ("interval = \"99ms\"\ntimeout = \"31s\"", &["mysql[0].interval", "mysql[0].timeout"]),
            ("error_log = \"error.log\"", &["mysql[0].error_log"]),
            ("inspection_interval = \"2d\"", &["mysql[0].inspection_interval"]),
        ] {
            let instance: MysqlInstance = toml::from_str(text).unwrap();
            let mut errors = ConfigErrors::default();
            instance.check("mysql[0]", &mut errors);
            let found: Vec<_> = errors.faults.into_iter().map(|f| f.path).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
