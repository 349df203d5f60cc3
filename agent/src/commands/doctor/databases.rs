//! Databases that run on this node and are not watched.

use super::Check;
use crate::config::Config;
use crate::contracted;
use agent_databases::{Engine, Found, discover};
use std::path::Path;

pub(super) fn checks(config: &Config) -> Vec<Check> {
    let here =
        |host: &str| matches!(host, "127.0.0.1" | "localhost" | "::1") || host.starts_with('/');
    let postgres = config.postgres.iter().map(|i| (here(&i.host), i.port));
    let mysql = config.mysql.iter().map(|i| (here(&i.host), i.port));
    let contracted = contracted::instances(config);
    let others = contracted.iter().map(|i| (here(&i.host), i.port));
    let of_this_node = postgres.chain(mysql).chain(others).filter(|(is_here, _)| *is_here);
    let watched: Vec<u16> = of_this_node.map(|(_, port)| port).collect();
    let found = discover(Path::new("/proc"));
    found
        .iter()
        .filter(|found| !found.ports.iter().any(|port| watched.contains(port)))
        .map(judge)
        .chain(contracted.iter().map(|i| by_contract(i.engine, &i.instance)))
        .collect()
}

/// What is read and was never proven on a real server is said where it is read.
fn by_contract(engine: Engine, instance: &str) -> Check {
    let engine = engine.name();
    let what = format!("{engine} is read by contract: no real server was ever read in the tests");
    let advice = "compare the readings of 'wardround-agent probe' with the vendor's own tools";
    Check::warn(format!("database {engine} {instance}"), what, advice)
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
    let state = if found.engine.is_proven() { "" } else { "; it would be read by contract" };
    let what = format!("process {} runs here and is not watched{state}", found.pid);
    let advice = "make the account by the script below, put its password into a file, paste the lines into agent.toml";
    let port =
        port.unwrap_or_else(|| "0  # not visible to this account: run doctor as root".to_owned());
    let more = match found.engine {
        Engine::Oracle => "service = \"his\"  # a name that lsnrctl services shows\n",
        _ => "",
    };
    let paste = format!(
        "{script}\n# agent.toml\n[[{key}]]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"wardround\"\n{more}\
         password_file = \"/etc/wardround/{key}.password\"\n"
    );
    Check { paste: Some(paste), ..Check::warn(name, what, advice) }
}
