//! Plays seeds of the simulation, and says of each that fails how to play it again.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Parser;
use simulation::{Counts, Sabotage, Scenario, play, repeat};

/// Plays seeds of the simulation.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -p simulation -- --seed 7 --told")]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many, one after the other.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// What the databases do wrong, such as `no-fencing`.
    #[arg(long, value_parser = sabotage)]
    sabotage: Option<Sabotage>,
    /// Tells on standard error what happens.
    #[arg(long)]
    told: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut total = Counts::new();
    let mut failed = BTreeMap::new();
    for seed in arguments.seed..arguments.seed.saturating_add(arguments.seeds) {
        let scenario = Scenario { seed, sabotage: arguments.sabotage };
        let report = play(scenario, arguments.told)?;
        for (kind, count) in report.counts {
            *total.entry(kind).or_default() += count;
        }
        if arguments.seeds == 1 {
            println!("seed {seed}: trace {}", report.trace);
        }
        if !report.breaches.is_empty() {
            println!("seed {seed} failed; repeat it with `{}`", repeat(&scenario));
            report.breaches.iter().for_each(|breach| println!("  {breach}"));
            failed.insert(seed, report.breaches.len());
        }
    }
    println!("{total:#?}");
    println!("{} of {} seeds failed", failed.len(), arguments.seeds);
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn sabotage(name: &str) -> Result<Sabotage, String> {
    let known = Sabotage::ALL.map(Sabotage::name);
    let found = Sabotage::ALL.into_iter().find(|one| one.name() == name);
    found.ok_or_else(|| format!("none of {}", known.join(", ")))
}
