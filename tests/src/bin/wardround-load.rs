//! Loads and measures the daemons beside their peers. `tests/bench.sh` runs all of it and prints the table.
#![allow(clippy::print_stdout, reason = "a program whose output is its result")]

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;
use tests::load::agent_cost::Intervals;
use tests::load::ingest::Size;
use tests::load::report::Row;
use tests::load::{agent_cost, breach, database_cost, events, growth, ingest, latency};
use tokio::signal::unix::{SignalKind, signal};

/// Measures the agent and the collector beside node_exporter, Prometheus and VictoriaMetrics, all on loopback
#[derive(Parser)]
struct Arguments {
    /// Folder of wardround-agent and wardround-collector
    #[arg(long, default_value = "target/release")]
    binaries: PathBuf,
    /// Keep the temporary folder with the logs
    #[arg(long)]
    keep: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// CPU, memory and bytes of an agent beside node_exporter with its default collectors
    Agent {
        /// Leave each probe of the agent at its own interval instead of 1 s
        #[arg(long)]
        default_intervals: bool,
        /// Windows to measure
        #[arg(long, default_value_t = 5)]
        windows: usize,
        /// Seconds of each
        #[arg(long, default_value_t = 30)]
        window_seconds: u64,
    },
    /// Memory of an agent after an hour's rounds, made in six minutes
    Growth {
        /// Rounds to make after it has settled [default: an hour's]
        #[arg(long)]
        rounds: Option<u32>,
    },
    /// Samples per CPU second of the collector beside Prometheus and VictoriaMetrics
    Ingest {
        /// Simulated nodes
        #[arg(long, default_value_t = 50)]
        nodes: usize,
        /// Series of each node
        #[arg(long, default_value_t = 300)]
        series: usize,
        /// Seconds of node time per turn; a multiple of 120, the rows of a stored block, counts sealing fairly
        #[arg(long, default_value_t = 240)]
        rounds: usize,
        /// Turns of each server
        #[arg(long, default_value_t = 4)]
        turns: usize,
        /// Recording (HCAP1) whose values are replayed; without one they are made
        #[arg(long)]
        recording: Option<PathBuf>,
    },
    /// Time from a round on the node to its acknowledgement
    Latency {
        /// Simulated nodes
        #[arg(long, default_value_t = 50)]
        nodes: usize,
        /// Series of each node
        #[arg(long, default_value_t = 300)]
        series: usize,
        /// Rounds of each node, one a second
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Recording (HCAP1) whose values are replayed; without one they are made
        #[arg(long)]
        recording: Option<PathBuf>,
    },
    /// What watching a database costs it, and what a whole node with a PostgreSQL costs, beside Prometheus' exporters
    Databases {
        /// Windows to measure
        #[arg(long, default_value_t = 5)]
        windows: usize,
        /// Seconds of each
        #[arg(long, default_value_t = 20)]
        window_seconds: u64,
    },
    /// Time from a breach on the node to the incident
    Breach {
        /// Ports that go down, one breach each
        #[arg(long, default_value_t = 60)]
        trials: usize,
        /// Seed of the random moments
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Time from what the kernel tells by itself (lost carrier, lost port, log) to the incident
    Events {
        /// Cables that are pulled, and ports that go down
        #[arg(long, default_value_t = 40)]
        trials: usize,
        /// Seed of the random moments
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rows = runtime.block_on(async {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            rows = measure(&arguments) => rows,
            _ = interrupted.recv() => bail!("interrupted"),
            _ = terminated.recv() => bail!("terminated"),
        }
    })?;
    for row in rows {
        println!("{row}");
    }
    Ok(())
}

async fn measure(arguments: &Arguments) -> Result<Vec<Row>> {
    let folder = tempfile::Builder::new().prefix("wardround-bench-").tempdir_in("/tmp")?;
    let dir = folder.path().to_owned();
    let rows = match &arguments.command {
        Command::Agent { default_intervals, windows, window_seconds } => {
            let intervals = if *default_intervals { Intervals::Default } else { Intervals::Equal };
            let window = Duration::from_secs(*window_seconds);
            agent_cost::measure(&arguments.binaries, intervals, *windows, window, &dir).await
        }
        Command::Databases { windows, window_seconds } => {
            let window = Duration::from_secs(*window_seconds);
            database_cost::measure(&arguments.binaries, *windows, window, &dir).await
        }
        Command::Growth { rounds } => growth::measure(&arguments.binaries, *rounds, &dir).await,
        Command::Ingest { nodes, series, rounds, turns, recording } => {
            let size = Size {
                nodes: *nodes,
                series: *series,
                rounds: *rounds,
                turns: *turns,
                recording: recording.clone(),
            };
            ingest::measure(&arguments.binaries, &size, &dir).await
        }
        Command::Latency { nodes, series, seconds, recording } => {
            let size = latency::Size {
                nodes: *nodes,
                series: *series,
                seconds: *seconds,
                recording: recording.clone(),
            };
            latency::measure(&arguments.binaries, &size, &dir).await
        }
        Command::Breach { trials, seed } => {
            breach::measure(&arguments.binaries, *trials, *seed, &dir).await
        }
        Command::Events { trials, seed } => {
            events::measure(&arguments.binaries, *trials, *seed, &dir).await
        }
    };
    if arguments.keep {
        println!("# logs are in {}", folder.keep().display());
    }
    rows
}
