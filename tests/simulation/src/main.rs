//! Plays seeds of the simulation, and says of each that fails how to play it again.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use clap::Parser;
use simulation::{Counts, Report, Sabotage, Scenario, play, repeat};

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
    let last = arguments.seed.saturating_add(arguments.seeds);
    let next = AtomicU64::new(arguments.seed);
    let total = Mutex::new(Total::default());
    let players = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..players {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        return;
                    }
                    let scenario = Scenario { seed, sabotage: arguments.sabotage };
                    let report = play(scenario, arguments.told);
                    total.lock().unwrap_or_else(PoisonError::into_inner).add(&scenario, report);
                }
            });
        }
    });
    let Total { counts, failed } = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{counts:#?}");
    println!("{failed} of {} seeds failed", arguments.seeds);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Default)]
struct Total {
    counts: Counts,
    failed: u64,
}

impl Total {
    fn add(&mut self, scenario: &Scenario, report: anyhow::Result<Report>) {
        let (breaches, trace) = match report {
            Ok(report) => {
                for (kind, count) in report.counts {
                    *self.counts.entry(kind).or_default() += count;
                }
                (report.breaches, report.trace)
            }
            Err(error) => (vec![format!("the run broke off: {error:#}")], String::new()),
        };
        println!("seed {}: trace {trace}", scenario.seed);
        if !breaches.is_empty() {
            self.failed += 1;
            println!("  failed; repeat it with `{}`", repeat(scenario));
            breaches.iter().for_each(|breach| println!("  {breach}"));
        }
    }
}

fn sabotage(name: &str) -> Result<Sabotage, String> {
    let known = Sabotage::ALL.map(Sabotage::name);
    let found = Sabotage::ALL.into_iter().find(|one| one.name() == name);
    found.ok_or_else(|| format!("none of {}", known.join(", ")))
}
