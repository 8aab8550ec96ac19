//! Tests inside a pack, `tests/*.toml`: facts of a case, pinned to a day, and what must come out.
//!
//! A file is one test, or a list `[[test]]` of named ones that take from the file what they don't say themselves.
//! Everything has a default but the day, the loan and the expected outcome; what is expected is compared exactly.
//!
//! | where | keys |
//! |---|---|
//! | top | `as_of`, `reason`, `hardship_end`, `evidence` (words, or tables of `type`, `state`, `doubts`), `flags`, `malicious_indicators`, `other_own_balance` |
//! | `[loan]` | `principal`, `rate`, `instalments`, `interest_from`, `first_due`, `amortisation`; `paid`: so many on their due dates; `late`: of those, `nr` by `days`; `payments`: `on`, `amount` |
//! | `[statement]` | `income` (declared and verified alike) or `declared_income`, `verified_income`; `essentials`, `priority_debt_payments`, `other_debt_balance`, `adults`, `dependants`, `lump_sum` |
//! | `[prior]` | `plans_12m`, `plans_60m`, `broken_plans_12m`, `applications` |
//! | `[proposal]` | `measures`: tables of `kind` and its parameters; `first_payment` |
//! | `[expect]` | `outcome` or `error`; `authority`, `codes`, `requested`, `rules` (all that fire), `bucket`, `grade`, `tier`, `proposal`, `offers`, `facts`; `[[expect.offer]]`: `label` and what of that offer is compared |

mod expect;
mod facts;
mod proposal;

use std::collections::BTreeMap;

use super::reader::{self, Node, PackErrors, PackProblem, Problems, Value};
use super::section::{Section, tables};
use super::{Pack, PackFiles};
use crate::assess::{Trace, assess, assess_noting};
use crate::decision::Decision;
use crate::error::AssessError;
use crate::facts::Facts;
use crate::reached::Reached;
use expect::Expected;

/// Most tests of a pack; with the bounds of one assessment they bound what a check costs.
pub const MAX_PACK_TESTS: usize = 128;

/// One test of a pack: the facts of a case and what must come out.
#[derive(Debug, Clone)]
pub struct PackTest {
    /// The file's name without folder and ending; with `/name` where the file holds several.
    pub name: String,
    /// File, relative to the pack's folder.
    pub file: String,
    /// Line on which it starts.
    pub line: u32,
    /// The case.
    pub facts: Facts,
    expected: Expected,
}

impl PackTest {
    /// Every expectation that isn't met, each with its place; none: the test passes.
    pub fn run(&self, pack: &Pack) -> Vec<PackProblem> {
        self.run_noting(pack, &Reached::default())
    }

    /// The decision that the pack gives on this case, with its trace. Errors: see [`AssessError`].
    pub fn decide(&self, pack: &Pack) -> Result<Decision, AssessError> {
        assess(pack, &self.facts, Trace::Full)
    }

    /// The same as [`PackTest::run`]; `reached` learns what the case used of the pack.
    pub(crate) fn run_noting(&self, pack: &Pack, reached: &Reached) -> Vec<PackProblem> {
        let noted = Reached::default();
        let answer = assess_noting(pack, &self.facts, Trace::Full, Some(&noted));
        let mut problems = Problems::new(&self.file);
        self.expected.compare(self, pack, (&answer, &noted), &mut problems);
        reached.join(noted);
        problems.list
    }
}

/// Reads every test of a pack. Errors: every problem with file, line, what is wrong and how to mend it.
pub fn read_tests(pack: &Pack, files: &PackFiles) -> Result<Vec<PackTest>, PackErrors> {
    let (mut tests, mut all) = (Vec::new(), Vec::new());
    for (file, bytes) in files.0.iter().filter(|(name, _)| name.starts_with(FOLDER)) {
        let mut problems = Problems::new(file);
        if let Some(root) = reader::parse(bytes, &mut problems) {
            read_file(pack, (&root, Expecting::Always), &mut tests, &mut problems);
        }
        all.append(&mut problems.list);
        if tests.len() > MAX_PACK_TESTS {
            let what = format!("pack has more than {MAX_PACK_TESTS} tests");
            let mend = "remove those that show the same as others".to_owned();
            all.push(PackProblem { file: file.clone(), line: 0, what, mend });
            break;
        }
    }
    if all.is_empty() {
        return Ok(tests);
    }
    all.sort();
    Err(PackErrors(all))
}

/// Reads the cases of a file that is written like a test; what they expect may be left out. Errors: as [`read_tests`].
pub fn read_cases(pack: &Pack, file: &str, bytes: &[u8]) -> Result<Vec<PackTest>, PackErrors> {
    let (mut cases, mut problems) = (Vec::new(), Problems::new(file));
    if let Some(root) = reader::parse(bytes, &mut problems) {
        read_file(pack, (&root, Expecting::IfStated), &mut cases, &mut problems);
    }
    if problems.list.is_empty() {
        return Ok(cases);
    }
    problems.list.sort();
    Err(PackErrors(problems.list))
}

const FOLDER: &str = "tests/";

/// Whether a case must say what it expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expecting {
    Always,
    IfStated,
}

fn read_file(
    pack: &Pack,
    (root, expecting): (&BTreeMap<String, Node>, Expecting),
    tests: &mut Vec<PackTest>,
    problems: &mut Problems,
) {
    let stem = problems.file.trim_start_matches(FOLDER).trim_end_matches(".toml").to_owned();
    let Some(list) = root.get("test") else {
        tests.extend(read_test(pack, (root, 1, expecting), stem, problems));
        return;
    };
    let mut shared = root.clone();
    shared.remove("test");
    let items = tables(list, "test", problems);
    let mut seen: Vec<String> = Vec::new();
    for (own, line) in items.into_iter().take(MAX_PACK_TESTS + 1) {
        let mut table = merged(&shared, own);
        let name = match table.remove("name") {
            Some(Node { value: Value::Text(name), .. }) => name,
            _ => {
                problems.add(line, "test has no name", "add `name`, unlike those of the file's others");
                continue;
            }
        };
        if seen.contains(&name) {
            problems.add(line, format!("test `{name}` stands twice"), "give it a name of its own");
        }
        tests.extend(read_test(pack, (&table, line, expecting), format!("{stem}/{name}"), problems));
        seen.push(name);
    }
}

/// What a test says itself, over what its file says for all; tables are joined, anything else is replaced.
fn merged(shared: &BTreeMap<String, Node>, own: &BTreeMap<String, Node>) -> BTreeMap<String, Node> {
    let mut joined = shared.clone();
    for (key, node) in own {
        let value = match (joined.get(key).map(|node| &node.value), &node.value) {
            (Some(Value::Table(shared)), Value::Table(own)) => Value::Table(merged(shared, own)),
            (_, value) => value.clone(),
        };
        joined.insert(key.clone(), Node { line: node.line, value });
    }
    joined
}

fn read_test(
    pack: &Pack,
    (table, line, expecting): (&BTreeMap<String, Node>, u32, Expecting),
    name: String,
    problems: &mut Problems,
) -> Option<PackTest> {
    let mut section = Section::new(table, line);
    let facts = facts::read(pack, &name, &mut section, problems);
    let found = match expecting {
        Expecting::Always => section.required_table("expect", problems),
        Expecting::IfStated => section.optional_table("expect", problems),
    };
    section.finish(problems);
    let expected = match found {
        Some(found) => expect::read(found, pack.currency, problems)?,
        None => Expected::default(),
    };
    let file = problems.file.clone();
    Some(PackTest { name, file, line, facts: facts?, expected })
}
