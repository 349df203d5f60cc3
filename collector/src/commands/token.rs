//! `token create|list|revoke`.

use super::table::{Format, or_dash};
use crate::admin::{Request, TokenCreated, TokenLine, TokenRequest, ask};
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
    /// List all tokens, those that may still be used first; never their secrets
    #[command(
        after_help = "Examples:\n  wardround-collector token list\n  wardround-collector token list --format json | jq '.[] | select(.state == \"usable\")'"
    )]
    List {
        /// text or json
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Take a token back before it is used
    #[command(after_help = "Example:\n  wardround-collector token revoke yq3m7c2hs5d4k")]
    Revoke {
        /// The token's id, as 'token list' prints it
        id: String,
    },
}

impl Token {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<()> {
        let data = config.data_dir();
        let request = match self {
            Self::Create { node, valid, json } => return create(config, &node, valid, json),
            Self::List { format } => {
                let tokens: Vec<TokenLine> = ask(&data, &Request::Token(TokenRequest::List))?;
                return format.print(&tokens, &["ID", "NODE", "STATE", "EXPIRES", "USED"], |t| {
                    let used = t.used.clone().or_else(|| t.revoked.clone());
                    vec![
                        t.id.clone(),
                        t.node.clone(),
                        t.state.clone(),
                        t.expires.clone(),
                        or_dash(used),
                    ]
                });
            }
            Self::Revoke { id } => TokenRequest::Revoke { id },
        };
        ask(&data, &Request::Token(request))
    }
}

fn create(config: &Config, node: &str, valid: Span, json: bool) -> anyhow::Result<()> {
    if valid.get() > VALID_MAX || valid.get().is_zero() {
        bail!("--valid {valid} is not between 1ms and 7d");
    }
    let node = config.node(node).context("--node")?;
    let request = TokenRequest::Create { node, valid_secs: valid.get().as_secs().max(1) };
    let created: TokenCreated = ask(&config.data_dir(), &Request::Token(request))?;
    if json {
        return super::print(&serde_json::to_string(&created).context("write the token as JSON")?);
    }
    super::print(&created.token)
}
