//! The content of a pack as a request brings it, checked.

use std::collections::BTreeMap;

use assessment::{Pack, PackErrors, PackFiles, PackProblem, load_pack};
use chassis::{Problem, Violations};

use crate::service::State;

/// A pack that can be published.
pub(crate) struct Checked {
    pub pack: Pack,
    pub files: PackFiles,
    /// Tests inside the pack that ran.
    pub tests: usize,
}

/// Runs every check over some files, off the threads that serve. The inner error: everything that is wrong.
pub(crate) async fn check(
    state: &State,
    files: BTreeMap<String, Vec<u8>>,
) -> Result<Result<Checked, Vec<PackProblem>>, Problem> {
    let files = PackFiles(files);
    state.compute(move || Ok(checked(files))).await
}

fn checked(files: PackFiles) -> Result<Checked, Vec<PackProblem>> {
    let pack = load_pack(&files).map_err(|PackErrors(problems)| problems)?;
    // Both are part of names: of the version, and of the pack's journal.
    let mut problems = Vec::new();
    for (field, value) in [("name", &pack.name), ("version", &pack.version)] {
        let mut v = Violations::new();
        if wire::id_in(&mut v, field, value).is_none() {
            problems.push(PackProblem {
                file: "pack.toml".to_owned(),
                line: 0,
                what: format!("{} is no id", v.describe()),
                mend: "write 1 to 128 of ASCII letters, digits, `-`, `_`, `.` and `:`".to_owned(),
            });
        }
    }
    if problems.is_empty() { Ok(Checked { pack, files, tests: 0 }) } else { Err(problems) }
}
