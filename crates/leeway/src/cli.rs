//! The command line.

use clap::{Parser, Subcommand};

use crate::{audit, backup, bench, calibrate, import, migrate, pack, schedule, serve, up};

/// Lets borrowers who fall behind negotiate instead of defaulting.
#[derive(Debug, Parser)]
#[command(name = "leeway", version, about, after_help = "Without a command: `leeway up`.")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Starts the three services in one process, plays the stories once (not with `--clock`), and serves.
    #[command(after_help = "Example: leeway up --data-dir /tmp/leeway --clock 2026-07-20T10:00+08:00")]
    Up(up::Args),
    /// Serves one service.
    #[command(after_help = "Example: leeway serve policy --config deploy/config.toml")]
    Serve(serve::Args),
    /// Brings the databases up to date; PostgreSQL must be before its service starts.
    #[command(after_help = "Example: leeway migrate --config deploy/config.toml --dry-run")]
    Migrate(migrate::Args),
    /// Shows what the journals prove.
    Audit(audit::Args),
    /// Copies databases and documents while the services run (SQLite; deploy/backup.md tells of PostgreSQL).
    ///
    /// What was acknowledged before it began is in the copy. To restore, copy the folder back as the data directory of
    /// stopped services. Exit codes: 0 complete, 1 broke off and left nothing, 2 nothing to copy or the target is there.
    #[command(after_help = "Example: leeway backup --data-dir leeway-data --to /backup/2026-07-20")]
    Backup(backup::Args),
    /// Holds what a pack says against what became of real borrowers.
    #[command(after_help = "Example: leeway calibrate history --file uci_repayment_status.csv --json")]
    Calibrate(calibrate::Args),
    /// Loads a portfolio from a CSV file.
    #[command(after_help = "Example: leeway import portfolio.csv --as-of 2018-06-30")]
    Import(import::Args),
    /// Computes the schedules of a file of cases; nothing is stored.
    #[command(
        after_help = "Example: leeway schedule --cases crates/leeway/examples/schedule_cases.json --json"
    )]
    Schedule(schedule::Args),
    /// Measures what the parts of Leeway do in a second on this machine.
    #[command(after_help = "Example: cargo run --release -- bench policy")]
    Bench(bench::Args),
    /// Checks, tests and explains a folder of policy.
    Pack(pack::Args),
}
