//! A seeded sample of mutants of the loan crate, run by cargo-mutants against that crate's own tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::{Args, value_parser};
use serde::Deserialize;

use crate::tools::{Workspace, cargo_mutants};

/// Of the mutants that build, so many per cent have to be caught.
const CAUGHT_PER_CENT: usize = 95;
/// A mutant that runs longer than this loops; the tests take a few seconds.
const TIMEOUT_SECONDS: &str = "40";
/// Random cases of each law: enough to catch what they can, few enough for hundreds of runs.
const CASES: &str = "48";
const SURVIVORS: &str = "crates/loan/mutants.toml";

#[derive(Args)]
pub struct Options {
    /// Other seeds draw other samples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many mutants to draw.
    #[arg(long, default_value_t = 200, value_parser = value_parser!(u16).range(1..=300))]
    count: u16,
    /// Draws only from files whose path holds this.
    #[arg(long)]
    file: Option<String>,
    /// Arguments of the tests, after `--`.
    #[arg(last = true)]
    tests: Vec<String>,
}

/// A mutant as cargo-mutants lists it.
#[derive(Debug, Clone, Deserialize)]
struct Mutant {
    file: String,
    name: String,
}

impl Mutant {
    /// Its name without line and column, which change with every edit.
    fn change(&self) -> &str {
        let mut parts = self.name.splitn(4, ':');
        parts.nth(3).unwrap_or(&self.name).trim()
    }
}

/// Survivors that somebody looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Survivors {
    #[serde(default, rename = "survivor")]
    list: Vec<Survivor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Survivor {
    file: String,
    change: String,
    reason: String,
}

impl Survivor {
    fn is(&self, mutant: &Mutant) -> bool {
        self.file == mutant.file && self.change == mutant.change()
    }
}

impl Survivors {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("`{SURVIVORS}` is not readable"))?;
        let survivors: Self = toml::from_str(&text).with_context(|| format!("`{SURVIVORS}` is not right"))?;
        for survivor in &survivors.list {
            ensure!(!survivor.reason.trim().is_empty(), "`{}` has no reason", survivor.change);
        }
        Ok(survivors)
    }

    fn explain(&self, mutant: &Mutant) -> Option<&str> {
        let explains =
            |survivor: &&Survivor| survivor.file == mutant.file && survivor.change == mutant.change();
        self.list.iter().find(explains).map(|survivor| survivor.reason.as_str())
    }

    /// Entries that no mutant of the crate answers to any more.
    fn stale<'a>(&'a self, all: &[Mutant]) -> Vec<&'a Survivor> {
        let stands = |survivor: &Survivor| all.iter().any(|mutant| survivor.is(mutant));
        self.list.iter().filter(|survivor| !stands(survivor)).collect()
    }
}

pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let program = cargo_mutants(workspace)?;
    let survivors = Survivors::read(&workspace.root.join(SURVIVORS))?;
    let all = list(workspace, &program)?;
    // cargo-mutants 27.1 runs these whatever its filters say, so they belong to every sample.
    let (mut sample, eligible): (Vec<Mutant>, Vec<Mutant>) =
        all.iter().cloned().partition(|mutant| mutant.change().starts_with("delete field "));
    let wanted = |mutant: &Mutant| options.file.as_ref().is_none_or(|file| mutant.file.contains(file));
    let eligible = eligible.into_iter().filter(wanted).collect();
    let count = usize::from(options.count).saturating_sub(sample.len());
    sample.extend(draw(eligible, count, options.seed));
    println!("{} of {} mutants, seed {}", sample.len(), all.len(), options.seed);
    let output = workspace.target_directory.join("mutants");
    let command = command(workspace, &program, &output)?;
    try_out(command, &sample, &options.tests)?;
    let outcomes = outcomes(&output.join("mutants.out/outcomes.json"))?;
    Ok(report(&outcomes, &survivors, &survivors.stale(&all)))
}

fn list(workspace: &Workspace, program: &Path) -> Result<Vec<Mutant>> {
    let output = Command::new(program)
        .args(["mutants", "--package", "loan", "--list", "--json", "--no-shuffle"])
        .current_dir(&workspace.root)
        .output()
        .context("cargo-mutants could not be started")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("the list of mutants is not understood")
}

/// The first `count` of the list as a splitmix64 sequence shuffles it.
fn draw(mut mutants: Vec<Mutant>, count: usize, seed: u64) -> Vec<Mutant> {
    let mut state = seed;
    let mut keyed: Vec<(u64, Mutant)> = Vec::with_capacity(mutants.len());
    for mutant in mutants.drain(..) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut key = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        keyed.push((key ^ (key >> 31), mutant));
    }
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().take(count).map(|(_, mutant)| mutant).collect()
}

/// One after the other at low priority.
fn command(workspace: &Workspace, program: &Path, output: &Path) -> Result<Command> {
    fs::create_dir_all(output)?;
    let shared = workspace.root.join("../shared");
    let mut command = Command::new("nice");
    command
        .arg(program)
        .args(["mutants", "--package", "loan", "--jobs", "1", "--no-shuffle", "--timeout", TIMEOUT_SECONDS])
        .args(["--caught", "--unviable", "--cargo-test-arg=--lib", "--cargo-test-arg=--tests"])
        .arg("--output")
        .arg(output)
        .current_dir(&workspace.root)
        // The copy that is changed has its own target folder, and no shared data beside it.
        .env_remove("CARGO_TARGET_DIR")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("XCASES", shared.join("cases/schedule_cases.json"))
        .env("XDATA", shared.join("data"))
        .env("PROPTEST_CASES", CASES);
    Ok(command)
}

/// Missed mutants aren't this command's failure but the report's.
fn try_out(mut command: Command, sample: &[Mutant], tests: &[String]) -> Result<()> {
    for mutant in sample {
        command.arg("--re").arg(format!("^{}$", escaped(&mutant.name)));
    }
    if !tests.is_empty() {
        command.args(["--", "--"]).args(tests);
    }
    let status = command.status().context("`nice` could not be started")?;
    // 2: some were missed, 3: some timed out.
    ensure!(matches!(status.code(), Some(0 | 2 | 3)), "cargo-mutants failed ({status})");
    Ok(())
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        // `<` and `>` stay: escaped they would mean the edges of a word.
        if r".+*?()|[]{}^$\".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// What the tests made of a mutant, as cargo-mutants names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Verdict {
    Success,
    CaughtMutant,
    MissedMutant,
    Timeout,
    Unviable,
    Failure,
}

#[derive(Deserialize)]
struct Outcomes {
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: Verdict,
}

#[derive(Deserialize)]
enum Scenario {
    Baseline,
    Mutant(Mutant),
}

fn outcomes(path: &PathBuf) -> Result<Vec<(Verdict, Mutant)>> {
    let text = fs::read(path).with_context(|| format!("`{}` is not readable", path.display()))?;
    let all: Outcomes = serde_json::from_slice(&text).context("the outcomes are not understood")?;
    let mutant = |outcome: Outcome| match outcome.scenario {
        Scenario::Baseline => None,
        Scenario::Mutant(mutant) => Some((outcome.summary, mutant)),
    };
    Ok(all.outcomes.into_iter().filter_map(mutant).collect())
}

fn report(outcomes: &[(Verdict, Mutant)], survivors: &Survivors, stale: &[&Survivor]) -> ExitCode {
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for (verdict, _) in outcomes {
        let count = counts.entry(*verdict).or_default();
        *count = count.saturating_add(1);
    }
    let count = |verdict| counts.get(&verdict).copied().unwrap_or(0);
    // A change that makes the tests loop is noticed, too.
    let caught = count(Verdict::CaughtMutant).saturating_add(count(Verdict::Timeout));
    let viable = caught.saturating_add(count(Verdict::MissedMutant));
    let mut unexplained = 0_usize;
    for (_, mutant) in outcomes.iter().filter(|(verdict, _)| *verdict == Verdict::MissedMutant) {
        match survivors.explain(mutant) {
            Some(reason) => println!("survived   {}: {reason}", mutant.name),
            None => {
                unexplained = unexplained.saturating_add(1);
                println!("UNEXPLAINED {}", mutant.name);
            }
        }
    }
    for survivor in &survivors.list {
        let mut answers = outcomes.iter().filter(|(_, mutant)| survivor.is(mutant)).peekable();
        if answers.peek().is_some() && answers.all(|(verdict, _)| *verdict != Verdict::MissedMutant) {
            println!("caught although it is listed: {}: {}", survivor.file, survivor.change);
        }
    }
    for survivor in stale {
        println!("STALE {}: {}", survivor.file, survivor.change);
    }
    let share = caught.saturating_mul(1_000).checked_div(viable).unwrap_or(1_000);
    println!(
        "{} mutants: {} caught, {} timed out, {} missed, {} unviable; {}.{} % of {viable} viable ones caught",
        outcomes.len(),
        count(Verdict::CaughtMutant),
        count(Verdict::Timeout),
        count(Verdict::MissedMutant),
        count(Verdict::Unviable),
        share / 10,
        share % 10,
    );
    let enough = caught.saturating_mul(100) >= viable.saturating_mul(CAUGHT_PER_CENT);
    if enough && unexplained == 0 && stale.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(line: u32, change: &str) -> Mutant {
        let file = "crates/loan/src/money.rs".to_owned();
        Mutant { name: format!("{file}:{line}:9: {change}"), file }
    }

    #[test]
    fn samples_follow_the_seed() {
        let all: Vec<Mutant> = (0..50).map(|line| mutant(line, "replace + with -")).collect();
        let names = |seed| -> Vec<String> {
            draw(all.clone(), 10, seed).into_iter().map(|mutant| mutant.name).collect()
        };
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
        assert_eq!(draw(all.clone(), 80, 3).len(), 50);
    }

    #[test]
    fn survivors_are_found_wherever_they_moved() {
        let text = "[[survivor]]\nfile = \"crates/loan/src/money.rs\"\nchange = \"replace < with <= in a::b\"\nreason = \"r\"";
        let survivors: Survivors = toml::from_str(text).unwrap();
        assert_eq!(survivors.explain(&mutant(7, "replace < with <= in a::b")), Some("r"));
        assert_eq!(survivors.explain(&mutant(7, "replace < with == in a::b")), None);
        assert!(survivors.stale(&[mutant(9, "replace < with <= in a::b")]).is_empty());
        assert_eq!(survivors.stale(&[mutant(9, "replace < with == in a::b")]).len(), 1);
    }

    #[test]
    fn a_report_asks_for_reasons() {
        let none = Survivors { list: Vec::new() };
        let caught = |count: u32| (0..count).map(|line| (Verdict::CaughtMutant, mutant(line, "x")));
        let missed = (Verdict::MissedMutant, mutant(1, "y"));
        assert_eq!(report(&caught(30).collect::<Vec<_>>(), &none, &[]), ExitCode::SUCCESS);
        let one_missed: Vec<_> = caught(30).chain([missed.clone()]).collect();
        assert_eq!(report(&one_missed, &none, &[]), ExitCode::FAILURE);
        let listed = Survivors {
            list: vec![Survivor {
                file: missed.1.file.clone(),
                change: "y".to_owned(),
                reason: "equal".to_owned(),
            }],
        };
        assert_eq!(report(&one_missed, &listed, &[]), ExitCode::SUCCESS);
        let too_many: Vec<_> = caught(9).chain([missed]).collect();
        assert_eq!(report(&too_many, &listed, &[]), ExitCode::FAILURE);
        assert_eq!(report(&one_missed, &listed, &[&listed.list[0]]), ExitCode::FAILURE);
    }

    #[test]
    fn names_match_as_they_are_written() {
        assert_eq!(escaped("a.rs:1:2: replace < with +"), r"a\.rs:1:2: replace < with \+");
    }
}
