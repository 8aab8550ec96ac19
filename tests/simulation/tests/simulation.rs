//! Three hundred seeds, what they exercise, and the five lies of a database that they must notice.

use simulation::{Counts, Sabotage, Scenario, play, repeat};

/// Seeds of one test; four of them make the three hundred.
const SEEDS: u64 = 75;
/// Within so many seeds a lie has to be noticed.
const MOST_SEEDS: u64 = 300;

/// What has to happen somewhere in each quarter: otherwise its seeds prove less than they seem to.
const KINDS: [&str; 41] = [
    "acknowledged accept",
    "acknowledged ask-for-evidence",
    "acknowledged ask-for-review",
    "acknowledged claim",
    "acknowledged co-sign",
    "acknowledged offer",
    "acknowledged pay",
    "acknowledged propose",
    "acknowledged refuse",
    "acknowledged register",
    "acknowledged review",
    "acknowledged submit",
    "acknowledged upload",
    "acknowledged withdraw",
    "cases accepted",
    "cases expired",
    "cases in_review",
    "cases refused",
    "cases withdrawn",
    "chains verified",
    "crashes",
    "documents",
    "failed reads",
    "full disks",
    "holds",
    "leaps",
    "lost answers",
    "lost writes",
    "messages",
    "open accept",
    "open pay",
    "open submit",
    "open upload",
    "partitions",
    "power cuts",
    "replays",
    "sent thrice at once",
    "slow networks",
    "storms",
    "subscriptions",
    "watched changes",
];

fn quarter(number: u64) -> anyhow::Result<()> {
    let mut total = Counts::new();
    let mut failed = Vec::new();
    for seed in number * SEEDS..(number + 1) * SEEDS {
        let scenario = Scenario { seed, sabotage: None };
        let report = play(scenario, false)?;
        for (kind, count) in report.counts {
            *total.entry(kind).or_default() += count;
        }
        if !report.breaches.is_empty() {
            eprintln!("seed {seed} failed: {:#?}\nrepeat it with: {}", report.breaches, repeat(&scenario));
            failed.push(seed);
        }
    }
    println!("{total:#?}");
    let missing: Vec<_> = KINDS.into_iter().filter(|kind| !total.contains_key(*kind)).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
    assert!(
        failed.is_empty(),
        "seeds {failed:?} failed; each is told above with the command that repeats it"
    );
    Ok(())
}

#[test]
fn the_first_quarter_of_the_seeds_holds() -> anyhow::Result<()> {
    quarter(0)
}

#[test]
fn the_second_quarter_of_the_seeds_holds() -> anyhow::Result<()> {
    quarter(1)
}

#[test]
fn the_third_quarter_of_the_seeds_holds() -> anyhow::Result<()> {
    quarter(2)
}

#[test]
fn the_last_quarter_of_the_seeds_holds() -> anyhow::Result<()> {
    quarter(3)
}

#[test]
fn a_seed_plays_the_same_every_time() -> anyhow::Result<()> {
    let trace = |seed| Ok::<_, anyhow::Error>(play(Scenario { seed, sabotage: None }, false)?.trace);
    let first = trace(7)?;
    assert_ne!(trace(8)?, first);
    assert_eq!(trace(7)?, first);
    Ok(())
}

/// Seeds until one fails.
fn noticed(sabotage: Sabotage) -> anyhow::Result<()> {
    for seed in 0..MOST_SEEDS {
        let report = play(Scenario { seed, sabotage: Some(sabotage) }, false)?;
        if let Some(first) = report.breaches.first() {
            println!("`{}` was noticed by seed {} of {MOST_SEEDS}: {first}", sabotage.name(), seed + 1);
            return Ok(());
        }
    }
    anyhow::bail!("`{}` was not noticed within {MOST_SEEDS} seeds", sabotage.name())
}

#[test]
fn an_answer_before_the_commit_is_noticed() -> anyhow::Result<()> {
    noticed(Sabotage::AnswerBeforeCommit)
}

#[test]
fn missing_idempotency_records_are_noticed() -> anyhow::Result<()> {
    noticed(Sabotage::NoDedupe)
}

#[test]
fn stale_leases_that_pass_are_noticed() -> anyhow::Result<()> {
    noticed(Sabotage::NoFencing)
}

#[test]
fn feed_positions_before_the_commit_are_noticed() -> anyhow::Result<()> {
    noticed(Sabotage::FeedByLastId)
}

#[test]
fn writes_on_any_revision_are_noticed() -> anyhow::Result<()> {
    noticed(Sabotage::SkippedRevision)
}
