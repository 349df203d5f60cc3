//! The command line.

mod audit;
mod backup;
mod check_config;
mod client;
mod confirm;
mod doctor;
mod ledger;
mod node;
mod rules;
mod table;
mod token;
mod user;
mod webhook;

use crate::config::Config;
use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use std::io::Write;
use std::path::PathBuf;

/// 巡诊 Wardround collector: judges a hospital's database appliance by its maintenance standard.
#[derive(Parser)]
#[command(name = "wardround-collector", version, about, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Configuration file [default: /etc/wardround/collector.toml if it exists]
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  wardround-collector serve                                 start, with every default
  wardround-collector user add zhang --role engineer        an account; prints its password
  wardround-collector token create --node db1               a one-time token for a node
  wardround-collector doctor                                what is wrong, and what to do
  wardround-collector node list                             who joined, who is silent
  wardround-collector client create --account noc -o noc    a certificate for a program
  wardround-collector check-config --config my.toml         all faults of a file at once
  wardround-collector webhook test noc                      send a test message
  wardround-collector ledger verify                         recompute the chain of the ledger
  wardround-collector backup /media/usb/all.backup          everything in one file, running
  wardround-collector audit list --since 2026-11-25T00:00:00Z

Exit status: 0 done, 1 failed (the reason is on standard error), 2 wrong usage.";

#[derive(Subcommand)]
enum Command {
    /// Run the collector until SIGINT or SIGTERM
    #[command(
        after_help = "Agents are heard on agents.listen (default 127.0.0.1:7443), people on api.listen (default https://127.0.0.1:8443/).\n\nExamples:\n  wardround-collector serve\n  wardround-collector serve --config /srv/collector.toml\n\nExit status: 0 stopped by SIGINT or SIGTERM, 1 could not start or go on."
    )]
    Serve,
    /// Check a configuration file and print all its faults
    #[command(
        after_help = "Examples:\n  wardround-collector check-config                            the default file\n  wardround-collector check-config --config collector.toml    another one\n\nExit status: 0 valid, 1 faults: all are on standard error, with the path of each key."
    )]
    CheckConfig,
    /// Look at everything the collector stands on and say what to do
    #[command(
        after_help = "Asks the running daemon through its admin socket; reads the files of one that does not run, without changing them.\n\nExit status: 0 without a FAIL, 1 with one.\n\nExamples:\n  wardround-collector doctor\n  wardround-collector doctor --format json | jq '.[] | select(.verdict != \"OK\")'"
    )]
    Doctor {
        /// text or json
        #[arg(long, default_value = "text")]
        format: table::Format,
    },
    /// One-time join tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Nodes that joined
    #[command(subcommand)]
    Node(node::Node),
    /// Certificates of programs that act for an account, such as a NOC's
    #[command(subcommand)]
    Client(client::Client),
    /// Accounts of people and programs
    #[command(subcommand)]
    User(user::User),
    /// The standards pack
    #[command(subcommand)]
    Rules(rules::Rules),
    /// Receivers of notifications
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    /// The ledger of incidents (故障台账)
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// The audit log: who reached for what, and what became of it
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Put a running collector's logs and data into one file
    Backup(backup::Backup),
    /// Make a data folder from a backup, or prove one
    Restore(backup::Restore),
    /// Print the completion script of a shell
    #[command(
        after_help = "Example:\n  wardround-collector completion bash > /etc/bash_completion.d/wardround-collector"
    )]
    Completion {
        /// bash, zsh, fish, elvish or powershell
        shell: Shell,
    },
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let config = || Config::load(self.config.as_deref());
        match self.command {
            Command::Serve => crate::serve::run(&config()?),
            Command::CheckConfig => check_config::run(config()),
            Command::Doctor { format } => doctor::run(config(), format),
            Command::Token(command) => command.run(&config()?),
            Command::Node(command) => command.run(&config()?),
            Command::Client(command) => command.run(&config()?),
            Command::User(command) => command.run(&config()?),
            Command::Rules(command) => command.run(&config()?),
            Command::Webhook(command) => command.run(&config()?),
            Command::Ledger(command) => command.run(&config()?),
            Command::Audit(command) => command.run(&config()?),
            Command::Backup(command) => command.run(&config()?),
            Command::Restore(command) => command.run(),
            Command::Completion { shell } => {
                clap_complete::generate(
                    shell,
                    &mut Self::command(),
                    "wardround-collector",
                    &mut std::io::stdout(),
                );
                Ok(())
            }
        }
    }
}

/// Prints a line of a command's result to standard output.
fn print(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("write to standard output")
}

/// Prints an error with its causes to standard error.
pub(crate) fn print_error(error: &anyhow::Error) {
    // Nothing is left to do when standard error is closed as well.
    drop(writeln!(std::io::stderr(), "wardround-collector: {error:#}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the whole command line as declared. Guarantees: no clash of names, and each command that does something has
    /// an example.
    #[test]
    fn the_command_line_is_sound() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        let below = |command: &clap::Command| -> Vec<clap::Command> {
            command.get_subcommands().filter(|sub| sub.get_name() != "help").cloned().collect()
        };
        let mut waiting = below(&command);
        while let Some(sub) = waiting.pop() {
            let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            let name = sub.get_name();
            assert!(sub.has_subcommands() || help.contains("Example"), "{name}: no example");
            waiting.extend(below(&sub));
        }
    }
}
