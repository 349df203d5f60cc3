//! `rules check`.

use anyhow::Context;
use clap::Subcommand;
use collector_standards::Pack;

#[derive(Subcommand)]
pub(super) enum Rules {
    /// Check the built-in standards pack and list its rules
    #[command(after_help = "Example:\n  wardround-collector rules check")]
    Check,
}

impl Rules {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let Self::Check = self;
        let pack = Pack::builtin().context("the built-in pack")?;
        for rule in pack.rules() {
            super::print(&format!(
                "{:<28} {:<8} {}  {} / {}",
                rule.id, rule.clause, rule.level, rule.title.zh, rule.title.en
            ))?;
        }
        super::print(&format!("{} rules, digest {}", pack.rules().len(), pack.digest()))
    }
}
