//! The content of a pack as a request brings it, checked.

use std::collections::BTreeMap;

use assessment::{CheckedPack, MAX_PACK_FILES, Pack, PackErrors, PackFiles, PackProblem, check_pack};
use chassis::{Problem, Violations};

use crate::service::State;

/// Longest path of a file, bytes: it comes back in what is said about the file.
const MAX_PATH_BYTES: usize = 128;
/// Longest sentence about a pack, characters: it may quote what stands in the pack.
const MAX_TEXT_CHARS: usize = 300;

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
    if files.0.len() > MAX_PACK_FILES || files.0.keys().any(|path| path.len() > MAX_PATH_BYTES) {
        return Err(vec![PackProblem {
            file: String::new(),
            line: 0,
            what: "pack has too many files, or one with too long a path".to_owned(),
            mend: format!("keep it to {MAX_PACK_FILES} files, and paths to {MAX_PATH_BYTES} bytes"),
        }]);
    }
    let checked = check_pack(&files);
    let CheckedPack { pack, tests } =
        checked.map_err(|PackErrors(problems)| problems.into_iter().map(short).collect::<Vec<_>>())?;
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
    if problems.is_empty() { Ok(Checked { pack, files, tests }) } else { Err(problems) }
}

/// The problem with its sentences cut.
fn short(problem: PackProblem) -> PackProblem {
    let cut = |text: String| match text.char_indices().nth(MAX_TEXT_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    };
    PackProblem { what: cut(problem.what), mend: cut(problem.mend), ..problem }
}
