//! `wardround-agent`: reads a node every second and sends what it read to the collector. It listens on nothing, runs no
//! shell, writes only to its own folder and takes no command from the network.

mod batcher;
mod clock_watch;
mod commands;
mod config;
mod contracted;
mod evidence_watch;
mod exposition;
mod forwarder;
mod heap;
mod lanes;
mod own_metrics;
mod pace;
mod plan;
mod renewal;
mod report;
mod reporter;

use clap::Parser;
use commands::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    heap::share();
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            commands::print_error(&error);
            ExitCode::FAILURE
        }
    }
}
