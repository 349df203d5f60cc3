//! `join`: makes this node known to a collector.

use super::{VERSION, block_on, write};
use crate::config::{Config, check_address};
use anyhow::{Context, bail};
use clap::Args;
use shared_runtime::tls::JoinToken;
use shared_runtime::{Secret, SystemClock, replace_file};
use std::io::{BufRead, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// File in the data folder that holds the address of the collector that was joined.
const ADDRESS_FILE: &str = "collector";

/// A token has 137 bytes; what is read of standard input ends long after that.
const TOKEN_BYTES_MAX: u64 = 4_096;

/// Arguments of `join`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  wardround-agent join --collector 10.0.0.5:7443 --token wr1.…
  wardround-agent join --collector 10.0.0.5:7443 --token - < token-file

With - the token stays out of the process list. The key is made on this node and
never leaves it. The token is what 'wardround-collector token create' printed; it
works once.
Exit status: 0 joined, 1 refused or not reachable, 2 wrong usage.")]
pub(super) struct JoinArgs {
    /// The collector's port for agents
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    collector: String,
    /// The one-time token, or - to read it from standard input
    #[arg(long, value_name = "TOKEN")]
    token: String,
}

fn address(text: &str) -> Result<String, &'static str> {
    check_address(text).map(|()| text.to_owned())
}

impl JoinArgs {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<()> {
        let token: JoinToken = self.token()?.expose().parse()?;
        let dir = config.data_dir();
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&dir).with_context(|| format!("make {}", dir.display()))?;
        let joined = block_on(async {
            let join =
                agent_uplink::join(&self.collector, &token, None, &dir, VERSION, &SystemClock);
            Ok(Box::pin(join).await?)
        })?;
        replace_file(&dir.join(ADDRESS_FILE), format!("{}\n", self.collector).as_bytes(), 0o644)?;
        give_to_owner(&dir)?;
        let (identity, until) = (joined.identity, joined.not_after);
        write(format!("joined as {identity}, certificate valid until {until}\n").as_bytes())
    }

    fn token(&self) -> anyhow::Result<Secret> {
        if self.token != "-" {
            return Ok(Secret::new(self.token.clone()));
        }
        let mut line = String::new();
        let mut input = std::io::stdin().lock().take(TOKEN_BYTES_MAX);
        input.read_line(&mut line).context("read the token from standard input")?;
        Ok(Secret::new(line))
    }
}

/// Where readings go: as configured, else the collector that was joined.
pub(super) fn collector_address(config: &Config) -> anyhow::Result<String> {
    if let Some(address) = &config.collector.address {
        return Ok(address.clone());
    }
    let path = config.data_dir().join(ADDRESS_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
            "no collector is known: run 'wardround-agent join' first, or set [collector] address"
        ),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    let address = text.trim();
    match check_address(address) {
        Ok(()) => Ok(address.to_owned()),
        Err(what) => bail!("{} is damaged: {what}", path.display()),
    }
}

/// Gives what root has written to the account that the folder belongs to and that the agent runs as.
fn give_to_owner(dir: &Path) -> anyhow::Result<()> {
    let meta = std::fs::metadata(dir).with_context(|| format!("read {}", dir.display()))?;
    let written: Vec<PathBuf> = ["node.key", "node.crt", "ca.crt", ADDRESS_FILE]
        .iter()
        .map(|name| dir.join(name))
        .collect();
    for path in written {
        let owner = std::fs::metadata(&path).with_context(|| format!("read {}", path.display()))?;
        if owner.uid() != meta.uid() {
            std::os::unix::fs::chown(&path, Some(meta.uid()), Some(meta.gid()))
                .with_context(|| format!("give {} to the folder's owner", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: an address in the configuration, the file that `join` wrote, a damaged one and none. Guarantees: the
    /// configuration wins, the file serves without one, the others say what to do.
    #[test]
    fn the_joined_collector_is_the_default() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: Some(dir.path().to_owned()), ..Config::default() };
        let error = collector_address(&config).unwrap_err();
        assert!(error.to_string().contains("wardround-agent join"), "{error}");
        std::fs::write(dir.path().join(ADDRESS_FILE), "10.0.0.5:7443\n").unwrap();
        assert_eq!(collector_address(&config).unwrap(), "10.0.0.5:7443");
        std::fs::write(dir.path().join(ADDRESS_FILE), "nonsense").unwrap();
        assert!(collector_address(&config).unwrap_err().to_string().contains("is damaged"));
        config.collector.address = Some("other:1".into());
        assert_eq!(collector_address(&config).unwrap(), "other:1");
    }
}
