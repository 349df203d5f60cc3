//! The ports of a collector that does not run: free, or somebody else's.

use super::Finding;
use crate::config::Config;
use std::net::{SocketAddr, TcpListener};

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    vec![
        free("agents' port", "agents.listen", config.agents.listen),
        free("people's port", "api.listen", config.api.listen),
    ]
}

fn free(check: &'static str, key: &str, address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok(check, format!("{address} is free")),
        Err(error) => {
            let advice = format!("see who has it with 'ss -ltnp', or choose another with {key}");
            Finding::fail(check, format!("{address}: {error}"), advice)
        }
    }
}
