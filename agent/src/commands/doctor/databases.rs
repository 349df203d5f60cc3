//! Databases that run on this node and are not watched.

use super::Check;
use crate::config::Config;
use agent_databases::{Found, discover};
use std::path::Path;

pub(super) fn checks(config: &Config) -> Vec<Check> {
    let here =
        |host: &str| matches!(host, "127.0.0.1" | "localhost" | "::1") || host.starts_with('/');
    let postgres = config.postgres.iter().map(|i| (here(&i.host), i.port));
    let mysql = config.mysql.iter().map(|i| (here(&i.host), i.port));
    let watched: Vec<u16> =
        postgres.chain(mysql).filter(|(is_here, _)| *is_here).map(|(_, port)| port).collect();
    let found = discover(Path::new("/proc"));
    found
        .iter()
        .filter(|found| !found.ports.iter().any(|port| watched.contains(port)))
        .map(judge)
        .collect()
}

fn judge(found: &Found) -> Check {
    let engine = found.engine.name();
    let port = found.ports.first().map(u16::to_string);
    let name = format!("database {engine} {}", port.as_deref().unwrap_or("?"));
    let Some((script, key)) = found.engine.account() else {
        let what = format!("process {} runs here; this version does not read {engine}", found.pid);
        let advice = "nothing is known of it: watch it by other means and say so to whoever signs";
        return Check::warn(name, what, advice);
    };
    let what = format!("process {} runs here and is not watched", found.pid);
    let advice = "make the account by the script below, put its password into a file, paste the lines into agent.toml";
    let port =
        port.unwrap_or_else(|| "0  # not visible to this account: run doctor as root".to_owned());
    let paste = format!(
        "{script}\n# agent.toml\n[[{key}]]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"wardround\"\n\
         password_file = \"/etc/wardround/{key}.password\"\n"
    );
    Check { paste: Some(paste), ..Check::warn(name, what, advice) }
}
