//! `cargo xtask tidy`: rules of this workspace that no other tool knows.
//!
//! A check is a function from the workspace to [`Findings`]. What a person decided to excuse stands, with the reason,
//! in `crates/xtask/tidy-exceptions.toml`; an exception that excuses nothing is a finding itself.

mod access;
mod crates;
mod lengths;
mod lexer;
mod migrations;
mod words;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::tools::Workspace;

/// A check's result.
struct Findings {
    /// One line: what was looked at, with counts.
    summary: String,
    violations: Vec<Violation>,
}

/// A rule broken at one place.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    /// Name of the place, stable while unrelated lines move; exceptions name it.
    item: String,
    message: String,
}

impl Violation {
    fn new(item: impl Into<String>, message: impl Into<String>) -> Self {
        Self { item: item.into(), message: message.into() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    #[serde(default, rename = "exception")]
    list: Vec<Exception>,
}

/// A place where a rule is deliberately broken.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    check: String,
    item: String,
    reason: String,
}

/// Runs every check and prints what it says.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    Ok(if passes(workspace)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs every check, prints what it says, and answers whether nothing is left to complain about.
pub fn passes(workspace: &Workspace) -> Result<bool> {
    let exceptions = exceptions(workspace)?;
    let mut results = vec![("crates", crates::check(&workspace.packages))];
    results.extend(lengths::check(&workspace.rust_files()?));
    results.push(("rpc access", access::check(workspace)?));
    results.push(("migrations", migrations::check(workspace)?));
    results.push(("words", words::check(workspace)?));
    let mut passed = true;
    for (name, findings) in &results {
        println!("{name}: {}", findings.summary);
        for violation in findings.violations.iter().filter(|violation| !excused(&exceptions, name, violation))
        {
            passed = false;
            println!("  {}: {}", violation.item, violation.message);
        }
    }
    for exception in stale(&exceptions, &results) {
        passed = false;
        println!("exception `{}` of `{}` excuses nothing or has no reason", exception.item, exception.check);
    }
    Ok(passed)
}

fn exceptions(workspace: &Workspace) -> Result<Vec<Exception>> {
    const FILE: &str = "crates/xtask/tidy-exceptions.toml";
    let text = fs::read_to_string(workspace.root.join(FILE)).context(FILE)?;
    Ok(toml::from_str::<Exceptions>(&text).context(FILE)?.list)
}

fn excused(exceptions: &[Exception], check: &str, violation: &Violation) -> bool {
    exceptions.iter().any(|exception| exception.check == check && exception.item == violation.item)
}

fn stale<'a>(exceptions: &'a [Exception], results: &[(&str, Findings)]) -> Vec<&'a Exception> {
    let used = |exception: &Exception| {
        results.iter().any(|(check, findings)| {
            exception.check == *check && findings.violations.iter().any(|found| found.item == exception.item)
        })
    };
    exceptions.iter().filter(|exception| exception.reason.trim().is_empty() || !used(exception)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exception(check: &str, item: &str, reason: &str) -> Exception {
        Exception { check: check.to_owned(), item: item.to_owned(), reason: reason.to_owned() }
    }

    #[test]
    fn an_exception_excuses_its_item_of_its_check_only() {
        let violation = Violation::new("a.rs", "too long");
        let rows = [
            (exception("file length", "a.rs", "a table"), true),
            (exception("file length", "b.rs", "a table"), false),
            (exception("words", "a.rs", "a table"), false),
        ];
        for (exception, expected) in rows {
            assert_eq!(excused(&[exception], "file length", &violation), expected);
        }
    }

    #[test]
    fn an_exception_needs_a_use_and_a_reason() {
        let violations = vec![Violation::new("a.rs", "too long")];
        let results = [("file length", Findings { summary: String::new(), violations })];
        let rows = [
            (exception("file length", "a.rs", "a table"), false),
            (exception("file length", "a.rs", " "), true),
            (exception("file length", "gone.rs", "a table"), true),
        ];
        for (exception, expected) in rows {
            assert_eq!(stale(&[exception], &results).len() == 1, expected);
        }
    }
}
