//! `rules check|export`.

use crate::config::Config;
use anyhow::Context;
use clap::Subcommand;
use collector_standards::Pack;

#[derive(Subcommand)]
pub(super) enum Rules {
    /// Check the built-in standards pack and list its rules
    #[command(after_help = "Example:\n  wardround-collector rules check")]
    Check,
    /// Print the pack as alerting rules of another engine
    #[command(
        after_help = "The contract's limits come from the configuration. What the other engine cannot express is said at the head.\n\nExamples:\n  wardround-collector rules export --format prometheus > wardround.rules.yml\n  promtool check rules wardround.rules.yml"
    )]
    Export {
        /// prometheus
        #[arg(long)]
        format: ExportFormat,
    },
}

/// What is exported.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum ExportFormat {
    /// Alerting rules of Prometheus, which vmalert, Mimir and Thanos take too.
    Prometheus,
}

impl Rules {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<()> {
        let pack = Pack::builtin().context("the built-in pack")?;
        if let Self::Export { format: ExportFormat::Prometheus } = self {
            let text = pack.to_prometheus(&config.contract.contract()?);
            return super::print(text.trim_end());
        }
        for rule in pack.rules() {
            super::print(&format!(
                "{:<28} {:<8} {}  {} / {}",
                rule.id, rule.clause, rule.level, rule.title.zh, rule.title.en
            ))?;
        }
        super::print(&format!("{} rules, digest {}", pack.rules().len(), pack.digest()))
    }
}
