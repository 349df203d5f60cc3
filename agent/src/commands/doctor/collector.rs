//! Whether the collector can be reached: its name, its port, its certificate.

use super::Check;
use crate::commands::join::collector_address;
use crate::config::Config;
use agent_uplink::{LinkError, reach};
use shared_runtime::telemetry::chain;
use shared_runtime::tls::{NodeCredentials, client_config};
use std::sync::Arc;
use std::time::Duration;

/// For the resolver, which a broken one keeps waiting for half a minute.
const RESOLVE: Duration = Duration::from_secs(5);

pub(super) async fn check(config: &Config, checks: &mut Vec<Check>) {
    let address = match collector_address(config) {
        Ok(address) => address,
        Err(error) => {
            checks.push(Check::fail("collector", format!("{error:#}"), "see there"));
            return;
        }
    };
    let resolved = tokio::time::timeout(RESOLVE, tokio::net::lookup_host(&address)).await;
    let found = match resolved {
        Ok(Ok(found)) => found.map(|at| at.ip().to_string()).collect::<Vec<_>>().join(", "),
        Ok(Err(error)) => {
            let advice = "correct [collector] address, /etc/hosts or the resolver";
            checks.push(Check::fail("collector name", format!("{address}: {error}"), advice));
            return;
        }
        Err(_) => {
            let words = format!("{address}: no answer within {} s", RESOLVE.as_secs());
            let advice = "write an IP address into [collector] address, or mend the resolver";
            checks.push(Check::fail("collector name", words, advice));
            return;
        }
    };
    checks.push(Check::ok("collector name", format!("{address} is {found}")));
    let tls = NodeCredentials::load(&config.data_dir()).map_err(|error| chain(&error));
    let tls = tls.and_then(|found| client_config(&found).map_err(|error| chain(&error)));
    match tls {
        Ok(tls) => checks.extend(link(reach(&address, Arc::new(tls)).await)),
        Err(why) => {
            let advice = "join first: without a certificate the collector cannot be tried";
            checks.push(Check::fail("collector link", why, advice));
        }
    }
}

/// TCP and TLS, one by one.
fn link(reached: Result<(), LinkError>) -> Vec<Check> {
    let port = Check::ok("collector port", "takes connections");
    match reached {
        Ok(()) => {
            vec![port, Check::ok("collector identity", "proved by the authority that was joined")]
        }
        Err(error @ (LinkError::Reach { .. } | LinkError::Timeout { step: "connecting", .. })) => {
            let advice = "start the collector, or open its port on the way: firewall, route, cable";
            vec![Check::fail("collector port", chain(&error), advice)]
        }
        Err(error) => {
            let advice = match &error {
                LinkError::Clock { .. } => "set this node's clock",
                LinkError::Authority { .. } => {
                    "do not join again before it is clear whose collector this is"
                }
                _ => "the collector's log names the reason",
            };
            vec![port, Check::fail("collector identity", chain(&error), advice)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    /// Scenario: a link that is well, one refused on the way and one that proves nothing.
    /// Guarantees: the port and the identity are told apart.
    #[test]
    fn port_and_identity_are_told_apart() {
        let reach = || LinkError::Reach {
            address: "a:1".into(),
            source: std::io::ErrorKind::ConnectionRefused.into(),
        };
        let verdicts = |checks: Vec<Check>| -> Vec<Verdict> {
            checks.iter().map(|check| check.verdict).collect()
        };
        assert_eq!(verdicts(link(Ok(()))), [Verdict::Ok, Verdict::Ok]);
        assert_eq!(verdicts(link(Err(reach()))), [Verdict::Fail]);
        let clock = LinkError::Clock { problem: "has expired", off_s: 9 };
        assert_eq!(verdicts(link(Err(clock))), [Verdict::Ok, Verdict::Fail]);
    }
}
