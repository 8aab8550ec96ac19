//! Migrations are append-only: databases out there have run them as they were first committed.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Result;

use super::{Findings, Violation};
use crate::tools::Workspace;

const FOLDER: &str = "crates/store/migrations";

/// Holds each migration against the commit that added it, as far back as the history at hand goes.
pub fn check(workspace: &Workspace) -> Result<Findings> {
    if workspace.git(&["rev-parse", "--verify", "--quiet", "HEAD"]).is_err() {
        let summary = "not checked, git has no history here".to_owned();
        return Ok(Findings { summary, violations: Vec::new() });
    }
    let log =
        workspace.git(&["log", "--diff-filter=A", "--format=commit %H", "--name-only", "--", FOLDER])?;
    let added = first_additions(&String::from_utf8(log)?);
    let mut violations = Vec::new();
    for (path, commit) in &added {
        let first = workspace.git(&["show", &format!("{commit}:{path}")])?;
        let now = fs::read(workspace.root.join(path)).ok();
        if let Some(message) = complaint(&first, now.as_deref()) {
            violations.push(Violation::new(path, message));
        }
    }
    Ok(Findings { summary: format!("{} in git's history", added.len()), violations })
}

/// Each path and the commit that added it first, from a log that begins with the newest.
fn first_additions(log: &str) -> BTreeMap<String, String> {
    let mut added = BTreeMap::new();
    let mut commit = "";
    for line in log.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("commit ") {
            Some(hash) => commit = hash,
            None => {
                added.insert(line.to_owned(), commit.to_owned());
            }
        }
    }
    added
}

fn complaint(first: &[u8], now: Option<&[u8]>) -> Option<&'static str> {
    match now {
        None => Some("was removed; migrations stay"),
        Some(now) if now != first => Some("was changed since it was added; write a new migration"),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_addition_counts() {
        let log = "commit c3\n\nm/2.sql\nm/1.sql\ncommit c2\n\ncommit c1\n\nm/1.sql\n";
        let added: Vec<_> = first_additions(log).into_iter().collect();
        let expected =
            [("m/1.sql", "c1"), ("m/2.sql", "c3")].map(|(path, hash)| (path.to_owned(), hash.to_owned()));
        assert_eq!(added, expected);
    }

    #[test]
    fn a_migration_stays_as_it_was() {
        let rows = [("a", Some("a"), true), ("a", Some("b"), false), ("a", None, false)];
        for (first, now, expected) in rows {
            let found = complaint(first.as_bytes(), now.map(str::as_bytes));
            assert_eq!(found.is_none(), expected, "{first:?} {now:?}");
        }
    }
}
