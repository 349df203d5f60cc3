//! A network namespace with one link to the host, which can be cut.

use std::process::Command;

/// The namespace and its link; dropping it takes both away.
pub struct Namespace {
    name: String,
    link: String,
    /// The host's address on the link.
    pub host: String,
}

impl Namespace {
    /// Makes one. `subnet` is the third number of its addresses, so that tests do not meet.
    pub fn new(subnet: u8) -> Self {
        let tag = format!("{}{subnet}", std::process::id() % 100_000);
        let space = Self {
            name: format!("wr-{tag}"),
            link: format!("wrh{tag}"),
            host: format!("10.199.{subnet}.1"),
        };
        let (name, link, peer) = (&space.name, &space.link, format!("wrn{tag}"));
        ip(&["netns", "add", name]);
        ip(&["link", "add", link, "type", "veth", "peer", "name", &peer, "netns", name]);
        ip(&["addr", "add", &format!("{}/24", space.host), "dev", link]);
        ip(&["link", "set", link, "up"]);
        ip(&["-n", name, "addr", "add", &format!("10.199.{subnet}.2/24"), "dev", &peer]);
        ip(&["-n", name, "link", "set", &peer, "up"]);
        ip(&["-n", name, "link", "set", "lo", "up"]);
        space
    }

    /// The command that runs another in the namespace.
    pub fn prefix(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Pulls the cable.
    pub fn cut(&self) {
        ip(&["link", "set", &self.link, "down"]);
    }

    /// Puts it back.
    pub fn heal(&self) {
        ip(&["link", "set", &self.link, "up"]);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The link goes with its other end.
        for args in [["link", "del", &self.link], ["netns", "del", &self.name]] {
            drop(Command::new("ip").args(args).status());
        }
    }
}

fn ip(args: &[&str]) {
    let output = Command::new("ip").args(args).output().unwrap();
    assert!(output.status.success(), "ip {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
