//! `spool`: what the disk keeps for the collector, at rest or under a running agent. Takes no lock and changes nothing.

mod dump;
mod status;

use crate::config::Config;
use clap::Subcommand;

pub(super) const HELP: &str = "\
Examples:
  wardround-agent spool status
  wardround-agent spool dump --since 2026-11-25T08:00:00Z";

/// What to do with the spool.
#[derive(Subcommand)]
pub(super) enum SpoolCommand {
    /// Print the spool in numbers
    Status(status::StatusArgs),
    /// Print readings, events and declared losses as text
    Dump(dump::DumpArgs),
}

impl SpoolCommand {
    pub(super) fn run(&self, config: &Config) -> anyhow::Result<()> {
        let data_dir = config.data_dir();
        match self {
            Self::Status(status) => status.run(&data_dir),
            Self::Dump(dump) => dump.run(&data_dir),
        }
    }
}
