//! `cargo xtask long`: what takes minutes, and finds what the tests didn't think of.

mod mutants;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::test::DEBIAN;
use crate::tools::{Workspace, cargo, debian_packages, run as run_command};

#[derive(Subcommand)]
pub enum Options {
    /// Tries new inputs on loan arithmetic; those that break something stay in crates/loan/tests/corpus.
    #[command(after_help = "Example:\n  cargo xtask long fuzz --seconds 300 --seed 7")]
    Fuzz(FuzzOptions),
    /// Changes the loan crate in one place at a time and looks whether its tests notice.
    ///
    /// Fails below 95 % caught, and where a survivor has no reason in crates/loan/mutants.toml.
    #[command(after_help = "Example:\n  cargo xtask long mutants --seed 1 --count 200")]
    Mutants(mutants::Options),
    /// Kills services and PostgreSQL under load, and looks whether everything acknowledged is there, once.
    ///
    /// So many kills on SQLite with one process a service, and as many on PostgreSQL with two.
    #[command(after_help = "Example:\n  cargo xtask long kills --kills 100 --seed 7")]
    Kills(KillsOptions),
    /// Plays more seeds of the simulation, on all processors, or one of them again.
    ///
    /// Says of each seed that fails what was wrong, and the command that repeats it.
    #[command(
        after_help = "Examples:\n  cargo xtask long sim --seeds 5000\n  cargo xtask long sim --seed 7 --told"
    )]
    Sim(SimOptions),
}

#[derive(Args)]
pub struct SimOptions {
    /// How many seeds.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What the databases do wrong: answer-before-commit, no-dedupe, no-fencing, feed-by-last-id or skipped-revision.
    #[arg(long)]
    sabotage: Option<String>,
    /// Tells on standard error what happens.
    #[arg(long)]
    told: bool,
}

#[derive(Args)]
pub struct FuzzOptions {
    /// How long to look.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Other seeds try other inputs.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Keeps up to so many inputs in the corpus that did something new.
    #[arg(long, default_value_t = 0)]
    keep: u32,
}

#[derive(Args)]
pub struct KillsOptions {
    /// How many processes are killed, one after the other.
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// Other seeds kill others, at other moments.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    match options {
        Options::Fuzz(options) => fuzz(workspace, options),
        Options::Mutants(options) => mutants::run(workspace, options),
        Options::Kills(options) => kills(workspace, options),
        Options::Sim(options) => sim(workspace, options),
    }
}

fn sim(workspace: &Workspace, options: &SimOptions) -> Result<ExitCode> {
    let mut command = cargo(&["run", "--quiet", "--package", "simulation", "--"]);
    command.current_dir(&workspace.root);
    command.arg("--seeds").arg(options.seeds.to_string()).arg("--seed").arg(options.seed.to_string());
    if let Some(sabotage) = &options.sabotage {
        command.arg("--sabotage").arg(sabotage);
    }
    if options.told {
        command.arg("--told");
    }
    let passed = command.status()?.success();
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn fuzz(workspace: &Workspace, options: &FuzzOptions) -> Result<ExitCode> {
    let test = ["test", "--package", "loan", "--test", "it", "--", "--ignored", "--nocapture", "--exact"];
    let mut command = cargo(&test);
    command
        .arg("fuzz::new_inputs_break_nothing")
        .current_dir(&workspace.root)
        .env("FUZZ_SECONDS", options.seconds.to_string())
        .env("FUZZ_SEED", options.seed.to_string())
        .env("FUZZ_KEEP", options.keep.to_string());
    run_command(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

fn kills(workspace: &Workspace, options: &KillsOptions) -> Result<ExitCode> {
    debian_packages(&DEBIAN)?;
    run_command(cargo(&["build", "--workspace", "--bins", "--tests"]).current_dir(&workspace.root))?;
    // By `--workspace`, so that nothing is built anew with other features.
    let test = ["test", "--workspace", "--test", "processes", "--", "--nocapture", "--test-threads", "1"];
    let mut command = cargo(&test);
    command
        .arg("kills::kills_of_every_process")
        .current_dir(&workspace.root)
        .env("XTASK_BINARY", workspace.target_directory.join("debug/leeway"))
        .env("KILLS", options.kills.to_string())
        .env("KILLS_SEED", options.seed.to_string());
    run_command(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
