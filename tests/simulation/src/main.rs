//! Plays seeds of the simulation: `simulation --seed 7`, `simulation --seeds 1000`.

use std::process::ExitCode;

use clap::Parser;
use simulation::{Scenario, play};

#[derive(Parser)]
struct Arguments {
    /// First seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many, one after the other.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Tells what happens.
    #[arg(long)]
    told: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    for seed in arguments.seed..arguments.seed.saturating_add(arguments.seeds) {
        let report = play(Scenario { seed, sabotage: None }, arguments.told)?;
        println!("{report:#?}");
    }
    Ok(ExitCode::SUCCESS)
}
