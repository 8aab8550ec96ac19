//! The checks of a pack that need cases: every test passes, and together they reach every rule and row.

use super::cases::read_tests;
use super::reader::{PackErrors, PackProblem};
use super::{Pack, PackFiles, load_pack};
use crate::catalogue::bucket_word;
use crate::codes::MeasureKind;
use crate::reached::{Reached, RowKey};

/// A pack that may be put to use: everything about it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedPack {
    /// The pack.
    pub pack: Pack,
    /// How many tests it passed.
    pub tests: usize,
}

/// Reads a pack, checks it as [`load_pack`] does, and runs its tests. Errors: every problem with file, line, what is
/// wrong and how to mend it; where the pack can't be read, its tests aren't run.
///
/// Bounded by construction: at most [`super::MAX_PACK_TESTS`] assessments, each over at most
/// [`super::MAX_RULES`] × [`super::MAX_CONDITIONS`] comparisons and a bounded number of candidates.
pub fn check_pack(files: &PackFiles) -> Result<CheckedPack, PackErrors> {
    let pack = load_pack(files)?;
    let tests = read_tests(&pack, files)?;
    let mut all: Vec<PackProblem> = Vec::new();
    if tests.is_empty() {
        let mend = "add a file with facts and what must come out, such as `tests/moratorium.toml`";
        return Err(PackErrors(vec![problem("tests", 0, "pack has no test", mend)]));
    }
    let reached = Reached::default();
    for test in &tests {
        all.extend(test.run_noting(&pack, &reached));
    }
    unreached(&pack, &reached, &mut all);
    all.sort();
    if all.is_empty() { Ok(CheckedPack { pack, tests: tests.len() }) } else { Err(PackErrors(all)) }
}

fn problem(file: &str, line: u32, what: impl Into<String>, mend: impl Into<String>) -> PackProblem {
    PackProblem { file: file.to_owned(), line, what: what.into(), mend: mend.into() }
}

/// Names every rule that fires in no test and every row that none uses.
fn unreached(pack: &Pack, reached: &Reached, all: &mut Vec<PackProblem>) {
    for rule in pack.rules.iter().filter(|rule| !reached.has_rule(&rule.id)) {
        let what = format!("rule `{}` fires in no test", rule.id);
        all.push(problem("rules.toml", rule.line, what, "add a test in which it fires, or remove the rule"));
    }
    for row in pack.rows.iter().filter(|row| !reached.has_row(&row.key)) {
        all.push(problem(row.file, row.line, "no test reaches this row", mend(&row.key)));
    }
}

/// What a test must hold to reach a row.
fn mend(key: &RowKey) -> String {
    let with = match key {
        RowKey::History(_) => "whose late months it takes".to_owned(),
        RowKey::Tier(bucket, grade) => {
            format!("with terms in {} and {}", bucket_word(*bucket), grade.as_str())
        }
        RowKey::Measure(tier, kind) => {
            let settles = if *kind == MeasureKind::Settlement { ", with a proved lump sum" } else { "" };
            format!("in tier {tier} in which rules add {}{settles}", kind.as_str())
        }
        RowKey::Hazard(band, bucket, grade) => {
            let (bucket, grade) = (bucket_word(*bucket), grade.as_str());
            format!("in {bucket} and {grade} that pays up to {band} of the share in some month")
        }
        RowKey::Recovery(bucket) => format!("with terms in {}", bucket_word(*bucket)),
        RowKey::Settlement(bucket) => {
            format!("in {} with a proved lump sum, so that a settlement is tried", bucket_word(*bucket))
        }
        RowKey::Authority(_) => "with terms that it judges".to_owned(),
        RowKey::Evidence(reason) => format!("of reason {}", reason.as_str()),
    };
    format!("add a test {with}, or remove the row")
}
