//! What the configuration says about a cluster.

use crate::http::Target;
use crate::pace;
use serde::Deserialize;
use shared_runtime::config::{ConfigErrors, Span};
use std::path::PathBuf;
use std::time::Duration;

/// Most managers of a cluster; there are two or three.
const MOST_ENDPOINTS: usize = 8;

/// The shortest interval.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// The longest: rules close nothing before five minutes with at least three readings were well.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

/// One cluster: `[[ceph]]`. On a node that runs daemons of the cluster, an empty table reads their sockets.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceph {
    /// Name for messages, 1 to 64 of `a-z 0-9 - _ .`. Default `ceph`.
    #[serde(default = "name")]
    pub name: String,
    /// The module `prometheus` of each manager: `["http://mgr1:9283/metrics", "http://mgr2:9283/metrics"]`. The first that
    /// answers as the active one is taken. Default: none, only the sockets are read.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// Folder of the admin sockets. Default `/var/run/ceph`.
    #[serde(default = "asok_dir")]
    pub asok_dir: PathBuf,
    /// The cluster's fsid. Default: as `conf` or the sockets say.
    pub fsid: Option<String>,
    /// Ceph's own configuration, of which the fsid alone is read. Default `/etc/ceph/ceph.conf`.
    #[serde(default = "conf")]
    pub conf: PathBuf,
    /// PEM file of the authorities that `https` endpoints must be proven by. Default: the machine's own.
    pub ca_file: Option<PathBuf>,
    /// Time between rounds of the managers, `100ms` to `1m`. Default `10s`.
    #[serde(default = "pace::ten_seconds")]
    pub interval: Span,
    /// A round of the managers that takes longer is cut, `100ms` to `60s`. Default `5s`.
    #[serde(default = "pace::five_seconds")]
    pub timeout: Span,
    /// Time between rounds of the sockets, `100ms` to `1m`. Default `5s`.
    #[serde(default = "pace::five_seconds")]
    pub socket_interval: Span,
}

fn name() -> String {
    "ceph".to_owned()
}

fn asok_dir() -> PathBuf {
    "/var/run/ceph".into()
}

fn conf() -> PathBuf {
    "/etc/ceph/ceph.conf".into()
}

impl Ceph {
    /// Adds every fault that types cannot express to `errors`; `path` is where this table stands, `ceph[0]`.
    pub fn check(&self, path: &str, errors: &mut ConfigErrors) {
        if !pace::is_input_name(&self.name) {
            errors.add(format!("{path}.name"), "write 1 to 64 of a-z 0-9 - _ .");
        }
        if self.endpoints.len() > MOST_ENDPOINTS {
            errors.add(format!("{path}.endpoints"), format!("at most {MOST_ENDPOINTS}"));
        }
        for (at, url) in self.endpoints.iter().enumerate() {
            if let Err(what) = url.parse::<Target>() {
                errors.add(format!("{path}.endpoints[{at}]"), what);
            }
        }
        if self.fsid.as_ref().is_some_and(|fsid| !is_fsid(fsid)) {
            errors.add(format!("{path}.fsid"), "write what 'ceph fsid' prints");
        }
        pace::check(pace::ten_seconds(), self.timeout, path, errors);
        let range = Span(SHORTEST_INTERVAL)..=Span(LONGEST_INTERVAL);
        for (key, span) in [("interval", self.interval), ("socket_interval", self.socket_interval)]
        {
            if !range.contains(&span) {
                errors.add(format!("{path}.{key}"), "write a span from 100ms to 1m");
            }
        }
    }
}

/// Whether a text is a UUID as Ceph prints it.
pub(super) fn is_fsid(text: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
    let groups = text.split('-').map(|group| (group.len(), group.bytes().all(hex)));
    groups.eq([(8, true), (4, true), (4, true), (4, true), (12, true)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let settings: Ceph = toml::from_str(text).unwrap();
        let mut errors = ConfigErrors::default();
        settings.check("ceph[0]", &mut errors);
        errors.faults.iter().map(|f| format!("{}: {}", f.path, f.what)).collect()
    }

    /// Scenario: an empty table, a full one, one with every fault. Guarantees: empty is valid, each fault has its key.
    #[test]
    fn settings_are_checked() {
        assert_eq!(faults(""), Vec::<String>::new());
        let full = "endpoints = [\"http://a:9283/metrics\"]\nfsid = \"154ac1da-0e3d-4c3a-afb5-2d5c41ed247c\"";
        assert_eq!(faults(full), Vec::<String>::new());
        let found = faults(
            "name = \"\"\nendpoints = [\"a:9283\"]\nfsid = \"ceph\"\ninterval = \"1h\"\nsocket_interval = \"1ms\"",
        );
        for (fault, begin) in found.iter().zip([
            "ceph[0].name: ",
            "ceph[0].endpoints[0]: write a URL",
            "ceph[0].fsid: ",
            "ceph[0].interval: ",
            "ceph[0].socket_interval: ",
        ]) {
            assert!(fault.starts_with(begin), "{fault} for {begin}");
        }
        assert_eq!(found.len(), 5, "{found:#?}");
    }
}
