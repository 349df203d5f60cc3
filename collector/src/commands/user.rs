//! `user add|list|disable|enable|remove`.

use super::confirm::confirm;
use super::table::Format;
use crate::admin::{Request, UserLine, UserRequest, ask};
use crate::config::Config;
use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use collector_domain::Role;
use shared_runtime::Secret;
use std::io::BufRead;

#[derive(Subcommand)]
pub(super) enum User {
    /// Make an account, or give an account a new role and password
    #[command(
        after_help = "Examples:\n  wardround-collector user add zhang --role engineer                   prints a random password\n  wardround-collector user add li --role viewer --password-stdin < pw  takes it from standard input"
    )]
    Add {
        /// Name of the person, as it will stand in the ledger: 1 to 64 characters
        name: String,
        /// What the account may do
        #[arg(long)]
        role: RoleName,
        /// Read the password from the first line of standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
    },
    /// List all accounts
    #[command(
        after_help = "Examples:\n  wardround-collector user list\n  wardround-collector user list --format json"
    )]
    List {
        /// text or json
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Shut an account out: its sessions, and its programs' calls and streams, end within a second
    #[command(after_help = "Example:\n  wardround-collector user disable zhang")]
    Disable {
        /// Name of the account
        name: String,
    },
    /// Let a disabled account in again, and its programs
    #[command(after_help = "Example:\n  wardround-collector user enable zhang")]
    Enable {
        /// Name of the account
        name: String,
    },
    /// Remove an account; certificates of its programs never work again
    #[command(after_help = "Example:\n  wardround-collector user remove zhang --yes")]
    Remove {
        /// Name of the account
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Roles as they are typed.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum RoleName {
    /// Reads
    Viewer,
    /// Acknowledges, works on and resolves incidents
    Engineer,
    /// The hospital: confirms
    Approver,
    /// Accounts, roles, tokens, revocation
    SecurityAdmin,
    /// Settings and rules
    SystemAdmin,
    /// Reads the audit trail, cannot act
    Auditor,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Self::Viewer,
            RoleName::Engineer => Self::Engineer,
            RoleName::Approver => Self::Approver,
            RoleName::SecurityAdmin => Self::SecurityAdmin,
            RoleName::SystemAdmin => Self::SystemAdmin,
            RoleName::Auditor => Self::Auditor,
        }
    }
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Engineer => Self::Engineer,
            Role::Approver => Self::Approver,
            Role::SecurityAdmin => Self::SecurityAdmin,
            Role::SystemAdmin => Self::SystemAdmin,
            Role::Auditor => Self::Auditor,
        }
    }
}

impl User {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<()> {
        let data = config.data_dir();
        let request = match self {
            Self::Add { name, role, password_stdin } => {
                return add(config, name, role, password_stdin);
            }
            Self::List { format } => {
                let users: Vec<UserLine> = ask(&data, &Request::User(UserRequest::List))?;
                return format.print(&users, &["NAME", "ROLE", "STATE", "CREATED", "CLIENTS"], row);
            }
            Self::Disable { name } => UserRequest::Disable { name },
            Self::Enable { name } => UserRequest::Enable { name },
            Self::Remove { name, yes } => {
                confirm(&format!("remove the account {name}"), yes)?;
                UserRequest::Remove { name }
            }
        };
        ask(&data, &Request::User(request))
    }
}

fn row(user: &UserLine) -> Vec<String> {
    let state = if user.disabled { "disabled" } else { "enabled" };
    let role = RoleName::from(user.role);
    let role = role.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned());
    vec![user.name.clone(), role, state.to_owned(), user.created.clone(), user.clients.to_string()]
}

fn add(config: &Config, name: String, role: RoleName, password_stdin: bool) -> anyhow::Result<()> {
    let fits = (1..=64).contains(&name.chars().count())
        && !name.chars().any(|c| c.is_control() || c.is_whitespace());
    if !fits {
        bail!("a name has 1 to 64 characters and no spaces");
    }
    let password = if password_stdin { typed()? } else { random()? };
    let password_hash =
        collector_api::password::hash(password.expose()).context("--password-stdin")?;
    let request = UserRequest::Add { name, role: role.into(), password_hash };
    let (): () = ask(&config.data_dir(), &Request::User(request))?;
    if password_stdin { Ok(()) } else { super::print(password.expose()) }
}

fn typed() -> anyhow::Result<Secret> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("read the password from standard input")?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// 100 bits in letters that cannot be mistaken for one another, in groups that can be read aloud.
fn random() -> anyhow::Result<Secret> {
    let mut bytes = [0u8; 15];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
    let letters = data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase();
    let groups: Vec<&str> = letters
        .as_bytes()
        .chunks(5)
        .take(4)
        .map(|c| std::str::from_utf8(c).unwrap_or_default())
        .collect();
    Ok(Secret::new(groups.join("-")))
}
