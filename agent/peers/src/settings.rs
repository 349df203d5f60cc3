//! What the configuration says about a peer.

use serde::Deserialize;
use shared_runtime::config::ConfigErrors;
use std::net::IpAddr;

/// Longest name of a node.
const NAME_MAX: usize = 63;

/// Another node of the same appliance: `[[peer]]`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Name under which that node joined the collector.
    pub name: String,
    /// Its address on the management network: `10.0.0.2`.
    pub management: String,
    /// Its address over InfiniBand (IPoIB). Default: none, that path is not probed.
    pub ib: Option<String>,
    /// How it is probed: `icmp`, or `tcp:PORT`, where an answer that refuses counts as well. Default `icmp`.
    #[serde(default = "icmp")]
    pub method: String,
}

/// How a peer is probed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Method {
    /// ICMP echo over an unprivileged socket.
    Icmp,
    /// A TCP connection to this port.
    Tcp(u16),
}

fn icmp() -> String {
    "icmp".to_owned()
}

impl Peer {
    /// Adds every fault that types cannot express to `errors`; `path` is where this table stands, `peer[0]`.
    pub fn check(&self, path: &str, errors: &mut ConfigErrors) {
        let byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if !(1..=NAME_MAX).contains(&self.name.len()) || !self.name.bytes().all(byte) {
            errors.add(format!("{path}.name"), "write the name under which that node joined");
        }
        let addresses = [("management", Some(&self.management)), ("ib", self.ib.as_ref())];
        for (key, address) in addresses {
            if address.is_some_and(|address| address.parse::<IpAddr>().is_err()) {
                let what = "write an IP address, such as 10.0.0.2: a name could not be resolved while the network is down";
                errors.add(format!("{path}.{key}"), what);
            }
        }
        if self.ib.as_ref() == Some(&self.management) {
            let needs = [format!("{path}.management")];
            errors.add_from(needs, format!("{path}.ib"), "is the address of the other path");
        }
        if self.method().is_none() {
            errors.add(
                format!("{path}.method"),
                "write \"icmp\" or \"tcp:PORT\", such as \"tcp:22\"",
            );
        }
    }

    /// The paths that are probed, by name.
    pub(crate) fn paths(&self) -> Vec<(&'static str, IpAddr)> {
        let path = |name, address: Option<&String>| Some((name, address?.parse().ok()?));
        [path("management", Some(&self.management)), path("ib", self.ib.as_ref())]
            .into_iter()
            .flatten()
            .collect()
    }

    /// `None` when it is written wrongly.
    pub(crate) fn method(&self) -> Option<Method> {
        match self.method.strip_prefix("tcp:") {
            Some(port) => port.parse().ok().filter(|port| *port > 0).map(Method::Tcp),
            None => (self.method == "icmp").then_some(Method::Icmp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let settings: Peer = toml::from_str(text).expect("TOML");
        let mut errors = ConfigErrors::default();
        settings.check("peer[0]", &mut errors);
        errors.faults.iter().map(|f| format!("{}: {}", f.path, f.what)).collect()
    }

    /// Scenario: a peer with two keys, one with all, and one with every fault. Guarantees: two keys are enough; each fault is told
    /// with its key.
    #[test]
    fn settings_are_checked() {
        let none: [String; 0] = [];
        assert_eq!(faults("name = \"db2\"\nmanagement = \"10.0.0.2\""), none);
        let full =
            "name = \"db2\"\nmanagement = \"fd00::2\"\nib = \"10.1.0.2\"\nmethod = \"tcp:22\"";
        assert_eq!(faults(full), none);
        let bad = faults("name = \"d b\"\nmanagement = \"db2\"\nib = \"db2\"\nmethod = \"tcp:0\"");
        for (fault, begin) in bad.iter().zip([
            "peer[0].name: ",
            "peer[0].management: write an IP address",
            "peer[0].ib: write an IP address",
            "peer[0].ib: is the address of the other path",
            "peer[0].method: write \"icmp\"",
        ]) {
            assert!(fault.starts_with(begin), "{fault} for {begin}");
        }
        assert_eq!(bad.len(), 5, "{bad:#?}");
    }
}
