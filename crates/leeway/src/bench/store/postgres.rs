//! PostgreSQL: our commit beside pgbench running the same statement, and beside pgbench running it in parts.

use std::time::Duration;

use anyhow::Context as _;
use store::{Migrate, PostgresOptions, Store};

use super::cpu::busy_seconds;
use super::pgbench::{Pgbench, Script};
use super::{Args, commits, figures};
use crate::bench::Figure;

/// Requests whose first call and repetition are compared.
const REPLAYS: u32 = 1_000;

pub async fn measure(args: &Args, url: &str) -> anyhow::Result<Vec<Figure>> {
    let options = PostgresOptions { max_connections: args.clients, ..PostgresOptions::new(url) };
    let steps = Store::migrate(&options, &commits::SCHEMA, Migrate::Apply).await?;
    let function = steps.iter().find_map(|step| step.strip_prefix("function `")?.strip_suffix('`'));
    let function = function.context("the database isn't empty")?;
    let store = Store::connect(&options, &commits::SCHEMA).await?;
    let pgbench = Pgbench::new(args, url, function)?;
    // Neither side pays for a cold start.
    pgbench.run(Script::OneStatement, 1)?;
    let mut first = 0;
    let mut rounds = Vec::new();
    for _ in 0..args.options.rounds {
        let (ours, our_cpu) = {
            let time = Duration::from_secs(args.seconds.into());
            let before = busy_seconds()?;
            let (done, rate) =
                commits::run(&store, (first, args.clients), move |_, elapsed| elapsed >= time).await?;
            first += done + u64::from(args.clients);
            (rate, cpu_each(before, done)?)
        };
        let one = pgbench.run(Script::OneStatement, args.seconds)?;
        let parts = pgbench.run(Script::Parts, args.seconds)?;
        let (once, again) = commits::first_and_replay(&store, first, REPLAYS).await?;
        first += u64::from(REPLAYS);
        rounds.push([
            ours,
            one.rate,
            parts.rate,
            ours / one.rate,
            ours / parts.rate,
            our_cpu,
            one.cpu_each,
            parts.cpu_each,
            once * 1_000_000.0,
            again * 1_000_000.0,
            once / again,
        ]);
    }
    store.close().await;
    let told = [
        ("PostgreSQL, commits", "per second"),
        ("PostgreSQL, pgbench with our statement", "per second"),
        ("PostgreSQL, pgbench with separate ones", "per second"),
        ("PostgreSQL, commits of pgbench's", "ratio"),
        ("PostgreSQL, commits of separate ones", "ratio"),
        ("PostgreSQL, commit, machine", "us of cpu"),
        ("PostgreSQL, pgbench's, machine", "us of cpu"),
        ("PostgreSQL, separate ones, machine", "us of cpu"),
        ("PostgreSQL, first call", "us"),
        ("PostgreSQL, its replay", "us"),
        ("PostgreSQL, first call of its replay", "ratio"),
    ];
    Ok(figures(told, &rounds, &format!("{} clients", args.clients)))
}

/// Microseconds of processor time for each of so many.
pub fn cpu_each(before: f64, count: u64) -> anyhow::Result<f64> {
    Ok((busy_seconds()? - before) * 1_000_000.0 / f64::from(u32::try_from(count.max(1))?))
}
