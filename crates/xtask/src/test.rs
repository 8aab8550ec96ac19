//! `cargo xtask test`: tools, one build, doc tests, then the test runner, whose summary closes the output.

use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result};
use clap::Args;

use cluster::Cluster;

use crate::tools::{PythonTools, Stopwatch, Workspace, cargo, debian_packages, succeeds};

/// Packages of the servers and tools that tests start, each with a program of it.
pub const DEBIAN: [(&str, &str); 3] =
    [("postgresql", "pg_ctl"), ("pgbouncer", "pgbouncer"), ("strace", "strace")];

#[derive(Args)]
pub struct Options {
    /// Installs and builds, runs nothing.
    #[arg(long)]
    no_run: bool,
    /// Arguments of the test runner, after `--`; doc tests are left out then.
    #[arg(last = true)]
    runner: Vec<String>,
}

/// Runs the tests. The code is that of the first step that fails.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let python = PythonTools::install(workspace)?;
    debian_packages(&DEBIAN)?;
    // One server for all tests, each with databases of its own; it ends with this process.
    let postgres = if options.no_run { None } else { Some(Cluster::start()?) };
    let port = postgres.as_ref().map(|cluster| cluster.port().to_string());
    // Tests build the library side of a package only; `--bins` adds the `leeway` they start. `--tests` keeps the
    // features of all dev-dependencies in, so the runner below finds everything built.
    let mut steps =
        vec![Step { name: "build", command: cargo(&["build", "--workspace", "--bins", "--tests"]) }];
    if !options.no_run {
        if options.runner.is_empty() && has_doc_tests(workspace)? {
            steps.push(Step {
                name: "doc tests",
                command: cargo(&["test", "--workspace", "--doc", "--quiet"]),
            });
        }
        let mut runner = if succeeds(&mut cargo(&["nextest", "--version"])) {
            cargo(&["nextest", "run", "--workspace", "--no-fail-fast"])
        } else {
            println!("cargo-nextest is not installed; cargo's own runner takes its place");
            cargo(&["test", "--workspace", "--bins", "--lib", "--tests", "--no-fail-fast"])
        };
        runner.args(&options.runner);
        steps.push(Step { name: "tests", command: runner });
    }
    for mut step in steps {
        step.command
            .current_dir(&workspace.root)
            .env("XTASK_PYTHON", python.python())
            .envs(port.iter().map(|port| (cluster::SHARED, port)))
            .env("XTASK_GRPCURL", python.grpcurl())
            .env("XTASK_ROTEL", python.rotel()?)
            .env("XTASK_BINARY", workspace.target_directory.join("debug/leeway"));
        let status = step.run()?;
        if !status.success() {
            return Ok(code(status));
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Step {
    name: &'static str,
    command: Command,
}

impl Step {
    /// Says what is run and how long it took, except for the tests, whose own summary ends the output.
    fn run(&mut self) -> Result<ExitStatus> {
        println!("{}: running", self.name);
        let watch = Stopwatch::start();
        let status = self.command.status().with_context(|| format!("{} could not be started", self.name))?;
        if self.name != "tests" {
            println!("{}: {:.1} s", self.name, watch.elapsed().as_secs_f32());
        }
        Ok(status)
    }
}

/// Killed by a signal counts as 1.
fn code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Whether a library file of the workspace opens a code block in a doc comment. rustdoc decides what is run; this only
/// saves starting it for nothing.
fn has_doc_tests(workspace: &Workspace) -> Result<bool> {
    Ok(workspace.rust_files()?.iter().any(|(_, text)| opens_code_block(text)))
}

fn opens_code_block(text: &str) -> bool {
    const NO_CODE: [&str; 3] = ["text", "ignore", "sh"];
    let mut inside = false;
    for line in text.lines().map(str::trim_start) {
        let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let Some(info) = comment.and_then(|comment| comment.trim_start().strip_prefix("```")) else {
            continue;
        };
        if !inside && !NO_CODE.contains(&info.trim()) {
            return true;
        }
        inside = !inside;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::opens_code_block;

    #[test]
    fn code_blocks_that_rustdoc_would_run() {
        let rows = [
            ("/// ```\n/// f();\n/// ```\nfn f() {}", true),
            ("//! ```no_run\n//! f();\n//! ```", true),
            ("/// ```text\n/// a picture\n/// ```", false),
            ("/// ```text\n/// ```\n/// ```rust\n/// ```", true),
            ("// ```\nlet s = \"```\";", false),
        ];
        for (text, expected) in rows {
            assert_eq!(opens_code_block(text), expected, "{text}");
        }
    }
}
