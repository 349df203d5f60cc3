//! What the node's configuration says about an instance.

use crate::endpoint::{
    check_host, check_inspection, check_names, check_pace, default_host, default_user,
};
use crate::facts::probe::Schedule;
use serde::Deserialize;
use shared_runtime::config::{ConfigErrors, Span};
use std::path::PathBuf;

/// One instance to watch: `[[oracle]]`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OracleInstance {
    /// Host name or address. Default `127.0.0.1`.
    #[serde(default = "default_host")]
    pub host: String,
    /// Port of the listener, 1 to 65535. Default 1521.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Name of the service, as `lsnrctl services` shows it.
    pub service: String,
    /// Account with CREATE SESSION and SELECT on the views, and nothing more. Default `wardround`.
    #[serde(default = "default_user")]
    pub user: String,
    /// File whose first line is the password; readable by its owner only. Default: no password.
    pub password_file: Option<PathBuf>,
    /// TCPS with the wallet that the client library is configured with. Default false.
    #[serde(default)]
    pub tls: bool,
    /// Time between rounds, `100ms` to `5m`. Default `5s`.
    #[serde(default = "default_interval")]
    pub interval: Span,
    /// A round that takes longer is cut and the database counts as down, `100ms` to `30s`. Default `4s`.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// Time between inspections of what changes seldom and costs more (accounts, indexes), `1s` to `1d`. Default `1h`.
    #[serde(default = "default_inspection_interval")]
    pub inspection_interval: Span,
    /// Reads with an account that has the role DBA all the same. Default false: such an account is refused.
    #[serde(default)]
    pub allow_superuser: bool,
    /// Accounts that are meant to have the rights they have. Default `["SYS", "SYSTEM"]`.
    #[serde(default = "default_allowed_accounts")]
    pub allowed_accounts: Vec<String>,
}

impl OracleInstance {
    /// `host:port/service`, which becomes the label `instance`.
    pub fn instance(&self) -> String {
        format!("{}:{}/{}", self.host, self.port, self.service)
    }

    /// Adds every fault that types cannot express to `errors`; `path` is where this table stands, `oracle[0]`.
    pub fn check(&self, path: &str, errors: &mut ConfigErrors) {
        check_host(&self.host, self.port, path, errors);
        check_names(&[("user", &self.user), ("service", &self.service)], path, errors);
        // They become part of a connect descriptor.
        for (key, text) in [("host", &self.host), ("service", &self.service)] {
            if text.contains(['(', ')', '=', '/', '"', '\'', '\\', ' ']) {
                errors.add(
                    format!("{path}.{key}"),
                    "write it without brackets, quotes, blanks, = and /",
                );
            }
        }
        check_pace(self.interval, self.timeout, path, errors);
        check_inspection(self.inspection_interval, &self.allowed_accounts, path, errors);
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
    1521
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
    vec!["SYS".into(), "SYSTEM".into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the shortest table, and keys that are out of range or would break the connect descriptor. Guarantees: defaults are
    /// valid, each fault names its key.
    #[test]
    fn faults_name_their_keys() {
        for (text, expected) in [
            ("service = \"his\"", &[][..]),
            ("service = \"his)(X=1\"\nport = 0", &["oracle[0].port", "oracle[0].service"]),
            ("service = \"\"\nuser = \"\"", &["oracle[0].user", "oracle[0].service"]),
            (
                "service = \"his\"\ninterval = \"99ms\"\ninspection_interval = \"2d\"",
                &["oracle[0].interval", "oracle[0].inspection_interval"],
            ),
        ] {
            let instance: OracleInstance = toml::from_str(text).unwrap();
            let mut errors = ConfigErrors::default();
            instance.check("oracle[0]", &mut errors);
            let found: Vec<_> = errors.faults.into_iter().map(|f| f.path).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
