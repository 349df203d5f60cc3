//! `token create`.

use crate::admin::{Answer, Request, ask};
use crate::config::Config;
use anyhow::{Context, bail};
use clap::Subcommand;
use shared_runtime::config::Span;
use std::time::Duration;

/// A token is for now, not for later: at most a week.
const VALID_MAX: Duration = Duration::from_secs(7 * 86_400);

#[derive(Subcommand)]
pub(super) enum Token {
    /// Make a one-time token with which the agent of one node joins
    #[command(
        after_help = "Example:\n  wardround-collector token create --node db1 --valid 30m\n  wardround-agent join --collector 10.0.0.5:7443 --token wr1.…"
    )]
    Create {
        /// Name of the node, which becomes its host label: 1 to 63 of a-z 0-9 - _ .
        #[arg(long)]
        node: String,
        /// How long the token may be used, at most 7d
        #[arg(long, default_value = "1h")]
        valid: Span,
        /// Print a JSON object instead of text
        #[arg(long)]
        json: bool,
    },
}

impl Token {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<()> {
        let Self::Create { node, valid, json } = self;
        if valid.get() > VALID_MAX || valid.get().is_zero() {
            bail!("--valid {valid} is not between 1ms and 7d");
        }
        let node = config.node(&node).context("--node")?;
        let request = Request::TokenCreate { node, valid_secs: valid.get().as_secs().max(1) };
        let Answer::Token { token, id, expires } = ask(&config.data_dir(), &request)? else {
            bail!("the collector answered something else: are both of the same version?");
        };
        if json {
            return super::print(
                &serde_json::json!({ "token": token, "id": id, "expires": expires }).to_string(),
            );
        }
        super::print(&token)
    }
}
