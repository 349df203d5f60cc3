//! `wardround-collector`: receives what agents read, judges it by the maintenance standard, raises incidents with their
//! contract clocks running, and keeps the proof.

mod admin;
mod archive;
mod audit;
mod checkpoints;
mod commands;
mod config;
mod desk;
mod doctor;
mod engine;
mod figures;
mod notifier;
mod notify_metrics;
mod receivers;
mod serve;

use clap::Parser;
use commands::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::debug!(?error, "failed");
            commands::print_error(&error);
            ExitCode::FAILURE
        }
    }
}
