//! Commits: the store on each engine beside the same writes by the engine's own means.
//!
//! A commit is one case change with its journal entry, effect and idempotency record. Figures that are compared come from
//! rounds in turn, so that what else the machine does hits both sides alike; a ratio is the median of the rounds' own.

mod commits;
mod cpu;
mod pgbench;
mod postgres;
mod sqlite;

use std::path::PathBuf;

use super::{Figure, clock};

/// Arguments of `leeway bench store`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub options: super::Options,
    /// An empty PostgreSQL database, e.g. `postgres://postgres@127.0.0.1:5432/bench`; without it, SQLite alone.
    #[arg(long, value_name = "URL")]
    pub postgres: Option<String>,
    /// The program that PostgreSQL is measured against.
    #[arg(long, default_value = "pgbench")]
    pub pgbench: PathBuf,
    /// Clients at once on PostgreSQL.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub clients: u32,
    /// Length of a run on PostgreSQL, seconds.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub seconds: u32,
    /// Commits of a run on SQLite with many in flight; one at a time makes a tenth of them.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    pub commits: u32,
    /// Folder of the SQLite files: it decides which disk is measured (default: the system's for temporary files).
    #[arg(long)]
    pub folder: Option<PathBuf>,
}

/// Every figure, in order.
pub async fn measure(args: &Args) -> anyhow::Result<Vec<Figure>> {
    let mut figures = sqlite::measure(args).await?;
    if let Some(url) = &args.postgres {
        figures.extend(postgres::measure(args, url).await?);
    }
    Ok(figures)
}

/// Figures of rounds: one name and unit for each column of values.
fn figures<const N: usize>(
    told: [(&'static str, &'static str); N],
    rounds: &[[f64; N]],
    note: &str,
) -> Vec<Figure> {
    let columns = told.into_iter().enumerate();
    columns
        .map(|(at, (what, unit))| {
            let values = rounds.iter().filter_map(|round| round.get(at).copied()).collect();
            clock::figure(what, note.to_owned(), unit, values)
        })
        .collect()
}
