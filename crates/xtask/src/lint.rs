//! `cargo xtask lint`: every check that needs no test to run. All of them run, whatever fails before.

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::tools::{PythonTools, Stopwatch, Workspace, cargo, cargo_deny, run as run_command, succeeds};
use crate::{manifests, tidy};

type Check = fn(&Workspace) -> Result<()>;

/// Runs all checks and prints a table of what each said and how long it took.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    let checks: [(&str, Check); 7] = [
        ("fmt", fmt),
        ("tidy", tidy),
        ("clippy", clippy),
        ("buf lint", buf_lint),
        ("cargo deny", deny),
        ("hadolint", hadolint),
        ("manifests", manifests::check),
    ];
    let mut results = Vec::new();
    for (name, check) in checks {
        println!("\n== {name}");
        let watch = Stopwatch::start();
        let outcome = check(workspace);
        if let Err(error) = &outcome {
            eprintln!("{name}: {error:#}");
        }
        results.push((name, outcome.is_ok(), watch.elapsed()));
    }
    Ok(report(&results))
}

fn report(results: &[(&str, bool, Duration)]) -> ExitCode {
    println!("\n{:<12} {:<8} {:>8}", "check", "result", "seconds");
    for (name, passed, took) in results {
        let result = if *passed { "ok" } else { "FAILED" };
        println!("{name:<12} {result:<8} {:>8.1}", took.as_secs_f32());
    }
    if results.iter().all(|(_, passed, _)| *passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn fmt(workspace: &Workspace) -> Result<()> {
    run_command(cargo(&["fmt", "--all", "--check"]).current_dir(&workspace.root))
}

fn tidy(workspace: &Workspace) -> Result<()> {
    ensure!(tidy::passes(workspace)?, "the rules above are broken");
    Ok(())
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    run_command(cargo(&arguments).current_dir(&workspace.root))
}

fn buf_lint(workspace: &Workspace) -> Result<()> {
    let buf = PythonTools::install(workspace)?.buf();
    let proto = workspace.root.join("proto");
    run_command(Command::new(&buf).arg("lint").current_dir(&proto))?;
    let format = ["format", "--diff", "--exit-code", "--path", "leeway"];
    run_command(Command::new(&buf).args(format).current_dir(&proto))
}

fn hadolint(workspace: &Workspace) -> Result<()> {
    let hadolint = PythonTools::install(workspace)?.hadolint();
    run_command(Command::new(hadolint).arg(workspace.root.join("deploy/Containerfile")))
}

/// Licences, bans and sources always; advisories where the advisory database can be reached.
fn deny(workspace: &Workspace) -> Result<()> {
    let program = cargo_deny(workspace)?;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(&workspace.root).args(arguments);
        command
    };
    run_command(&mut command(&["--locked", "check", "bans", "licenses", "sources"]))?;
    if succeeds(&mut command(&["fetch", "db"])) {
        return run_command(&mut command(&["--locked", "check", "advisories"]));
    }
    println!("NOT CHECKED: security advisories; the RustSec database (on GitHub) can't be fetched from here");
    Ok(())
}
