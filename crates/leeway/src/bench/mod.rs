//! `leeway bench`: what the parts of Leeway do in a second on this machine, one figure a line.

mod cases;
mod clock;
mod policy;
mod rpc;
mod store;

use std::io::{self, Write as _};

use serde::Serialize;

/// Arguments of `leeway bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub part: Part,
}

/// What is measured.
#[derive(Debug, clap::Subcommand)]
pub enum Part {
    /// Rules, assessments, pack checks and replays, on one core and without a network.
    #[command(after_help = "Example: cargo run --release -- bench policy --json")]
    Policy(Options),
    /// Calls over loopback: the whole stack beside bare tonic, and three times more calls than there is room for. Server and
    /// generator have a core each.
    #[command(after_help = "Example: cargo run --release -- bench rpc --rounds 5 --work-us 200 --json")]
    Rpc(rpc::Args),
    /// Commits on SQLite and PostgreSQL beside what the engines do by their own means.
    #[command(
        after_help = "Example: cargo run --release -- bench store --postgres postgres://postgres@127.0.0.1:5432/bench"
    )]
    Store(store::Args),
    /// A server to measure.
    #[command(hide = true)]
    RpcServer(rpc::ServerArgs),
}

/// How it is measured and told.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Measures each figure so many times; the median is told.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=101))]
    pub rounds: u32,
    /// Print the figures as JSON.
    #[arg(long)]
    pub json: bool,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What was done.
    pub what: &'static str,
    /// Median over the rounds, in `unit`.
    pub median: f64,
    /// Lowest and highest round.
    pub lowest: f64,
    pub highest: f64,
    /// For example `per second`.
    pub unit: &'static str,
    /// What it is about, for example how many candidates were feasible.
    pub note: String,
}

/// Measures and prints.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let (options, figures) = match &args.part {
        Part::Policy(options) => (options, policy::measure(options.rounds)?),
        Part::Rpc(args) => (&args.options, rpc::measure(args).await?),
        Part::Store(args) => (&args.options, store::measure(args).await?),
        Part::RpcServer(args) => return rpc::serve(args).await,
    };
    let mut out = io::stdout().lock();
    if options.json {
        serde_json::to_writer_pretty(&mut out, &figures)?;
        writeln!(out)?;
        return Ok(());
    }
    for figure in &figures {
        writeln!(
            out,
            "{:<44} {:>14} {:<12} {} … {}  {}",
            figure.what,
            told(figure.median),
            figure.unit,
            told(figure.lowest),
            told(figure.highest),
            figure.note
        )?;
    }
    Ok(())
}

/// Whole numbers where they are large, else two places.
fn told(value: f64) -> String {
    if value >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
