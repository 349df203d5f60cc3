//! The command line.

mod check_config;
mod doctor;
mod join;
mod probe;
mod run;
mod spool;

use crate::config::Config;
use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Version that the collector is told.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// 巡诊 Wardround agent: reads this node every second and sends what it read to the collector.
#[derive(Parser)]
#[command(name = "wardround-agent", version, about, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Configuration file [default: /etc/wardround/agent.toml if it exists]
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  wardround-agent join --collector 10.0.0.5:7443 --token wr1.…    once per node
  wardround-agent run                                             until SIGTERM or SIGINT
  wardround-agent probe                                           read once and print
  wardround-agent probe cpu postgres --format json                only these, as JSON
  wardround-agent doctor                                          what is missing here?
  wardround-agent spool dump --since 2026-11-25T08:00:00Z         readings kept here
  wardround-agent check-config --config agent.toml                all faults at once

Exit status: 0 done, 1 failed (the reason is on standard error), 2 wrong usage.";

#[derive(Subcommand)]
enum Command {
    /// Make this node known to a collector with a one-time token
    Join(join::JoinArgs),
    /// Read and send until SIGTERM or SIGINT
    #[command(after_help = run::HELP)]
    Run,
    /// Read once and print; needs no collector and sends nothing
    Probe(probe::ProbeArgs),
    /// Check a configuration file and print all its faults
    #[command(after_help = check_config::HELP)]
    CheckConfig,
    /// Check one by one what this node needs, and say what to do about it
    Doctor(doctor::DoctorArgs),
    /// Look into what is kept on disk for the collector; needs no network
    #[command(subcommand, after_help = spool::HELP)]
    Spool(spool::SpoolCommand),
    /// Print the completion script of a shell
    #[command(
        after_help = "Example:\n  wardround-agent completion bash > /etc/bash_completion.d/wardround-agent"
    )]
    Completion {
        /// bash, zsh, fish, elvish or powershell
        shell: Shell,
    },
}

impl Cli {
    /// Runs the command; its exit status is 0 or 1.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let config = || Config::load(self.config.as_deref());
        match self.command {
            Command::Join(join) => join.run(&config()?),
            Command::Run => run::run(&config()?),
            Command::Probe(probe) => return probe.run(&config()?),
            Command::Doctor(doctor) => return doctor.run(self.config.as_deref()),
            Command::Spool(spool) => spool.run(&config()?),
            Command::CheckConfig => check_config::run(&config()?),
            Command::Completion { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(
                    shell,
                    &mut Self::command(),
                    "wardround-agent",
                    &mut script,
                );
                write(&script)
            }
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Runs a command's future on the calling thread. Name resolutions and syncs that hang are left behind at its end.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Only the resolution of names uses it.
        .max_blocking_threads(2)
        .thread_stack_size(crate::lanes::STACK_BYTES)
        .build()
        .context("start the runtime")?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    result
}

/// Writes a command's result to standard output.
fn write(result: &[u8]) -> anyhow::Result<()> {
    std::io::stdout().write_all(result).context("write to standard output")
}

/// Writes a remark to standard error.
fn remark(line: &str) {
    // Nothing is left to do when standard error is closed.
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Prints an error with its causes to standard error.
pub(crate) fn print_error(error: &anyhow::Error) {
    remark(&format!("wardround-agent: {error:#}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the whole command line as declared. Guarantees: no clash of names, and each command has examples.
    #[test]
    fn the_command_line_is_sound() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{}", sub.get_name());
            assert!(sub.get_arguments().any(|a| a.get_id() == "config"), "{}", sub.get_name());
        }
    }
}
