//! `webhook test`.

use crate::admin::{Request, WebhookRequest, ask};
use crate::config::Config;
use clap::Subcommand;

#[derive(Subcommand)]
pub(super) enum Webhook {
    /// Have the running collector send one message that says of itself that it is a test
    #[command(
        after_help = "The message carries alertname=\"wardround.test\" and is signed like any other. Nothing is written to the ledger.\n\nExample:\n  wardround-collector webhook test noc"
    )]
    Test {
        /// Name of a [[webhook]] of the configuration
        name: String,
    },
}

impl Webhook {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<()> {
        let Self::Test { name } = self;
        let request = Request::Webhook(WebhookRequest::Test { name });
        let words: String = ask(&config.data_dir(), &request)?;
        super::print(&words)
    }
}
