//! `leeway pack`: checks, tests and explains a folder of policy.

mod explain;
mod grid;
mod json;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use assessment::{
    MAX_PACK_BYTES, Pack, PackErrors, PackFiles, PackProblem, PackTest, check_pack, load_pack, read_cases,
    read_tests,
};
use policy::ShelfError;
use serde_json::Value;

/// Arguments of `leeway pack`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with a pack.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Refuses the pack with every problem at once, or says that it may be put to use.
    #[command(after_help = "Examples:\n  leeway pack check crates/policy/packs/cn-instalment\n  \
        leeway pack check my-pack --json\nExit codes: 0 accepted, 1 refused, 2 the folder can't be read.")]
    Check {
        /// Folder of the pack.
        dir: PathBuf,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Runs the tests inside the pack, `tests/*.toml`.
    #[command(after_help = "Examples:\n  leeway pack test crates/policy/packs/cn-instalment\n  \
        leeway pack test my-pack --filter trial\nExit codes: 0 all pass, 1 one fails, 2 pack or tests can't be read.")]
    Test {
        /// Folder of the pack.
        dir: PathBuf,
        /// Print the results as JSON.
        #[arg(long)]
        json: bool,
        /// Only tests whose name contains this.
        #[arg(long)]
        filter: Option<String>,
    },
    /// Shows how the pack decides a case: every condition with what would flip it, affordability by month, offers side
    /// by side.
    #[command(after_help = "Examples:\n  \
        leeway pack explain crates/policy/packs/cn-instalment --case tests/li-deferral.toml\n  \
        leeway pack explain my-pack --case case.toml --json\n\
        A case is written like a test; it needn't say what it expects.\n\
        Exit codes: 0 explained, 2 pack or case can't be read.")]
    Explain {
        /// Folder of the pack.
        dir: PathBuf,
        /// File of the case, inside the pack's folder or elsewhere.
        #[arg(long, value_name = "FILE.toml")]
        case: PathBuf,
        /// Print the decision as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What can't be read, so that nothing was checked or explained.
#[derive(Debug, thiserror::Error)]
pub enum UnusableInput {
    #[error(transparent)]
    Folder(#[from] ShelfError),
    #[error("`{}` can't be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{}` is larger than {MAX_PACK_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
    /// The problems were printed.
    #[error("{count} in `{}`: there is nothing to try", path.display())]
    Refused { path: PathBuf, count: Count },
    #[error("no test of `{}` has `{filter}` in its name", path.display())]
    NoTest { path: PathBuf, filter: String },
}

/// The pack or its tests didn't pass; the problems were printed.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Failed {
    what: String,
}

/// `1 problem`, `2 problems`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(usize);

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} problem{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// Runs one of the commands. Errors: [`UnusableInput`] where something can't be read, [`Failed`] where the pack is refused
/// or a test fails.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::Check { dir, json } => check(dir, *json),
        Command::Test { dir, json, filter } => test(dir, filter.as_deref().unwrap_or(""), *json),
        Command::Explain { dir, case, json } => explain(dir, case, *json),
    }
}

fn check(dir: &Path, json: bool) -> anyhow::Result<()> {
    let files = folder(dir)?;
    let checked = check_pack(&files);
    if json {
        print_json(&json::checked(dir, checked.as_ref()))?;
    }
    match checked {
        Ok(checked) => {
            let pack = &checked.pack;
            let said = format!("{} {} is accepted: {} tests pass\n", pack.name, pack.version, checked.tests);
            if json { Ok(()) } else { print(&format!("{said}digest {}\n", pack.digest)) }
        }
        Err(PackErrors(problems)) => {
            if !json {
                print(&lines(dir, &problems))?;
            }
            let what = format!("`{}` is refused: {}", dir.display(), Count(problems.len()));
            Err(Failed { what }.into())
        }
    }
}

fn test(dir: &Path, filter: &str, json: bool) -> anyhow::Result<()> {
    let files = folder(dir)?;
    let pack = readable(dir, load_pack(&files))?;
    let mut tests = readable(dir, read_tests(&pack, &files))?;
    tests.retain(|test| test.name.contains(filter));
    if tests.is_empty() {
        return Err(UnusableInput::NoTest { path: dir.to_owned(), filter: filter.to_owned() }.into());
    }
    let results: Vec<(PackTest, Vec<PackProblem>)> = tests
        .into_iter()
        .map(|test| {
            let problems = test.run(&pack);
            (test, problems)
        })
        .collect();
    let failed = results.iter().filter(|(_, problems)| !problems.is_empty()).count();
    if json {
        print_json(&json::results(dir, &results))?;
    } else {
        print(&told(dir, &results))?;
    }
    if failed == 0 {
        return Ok(());
    }
    Err(Failed { what: format!("{failed} of {} tests fail", results.len()) }.into())
}

/// A line a test, and below it what isn't as expected.
fn told(dir: &Path, results: &[(PackTest, Vec<PackProblem>)]) -> String {
    let mut text = String::new();
    for (test, problems) in results {
        let verdict = if problems.is_empty() { "ok  " } else { "FAIL" };
        let _ = writeln!(text, "{verdict} {}", test.name);
        text.push_str(&lines(dir, problems));
    }
    text
}

fn explain(dir: &Path, case: &Path, json: bool) -> anyhow::Result<()> {
    let files = folder(dir)?;
    let pack = readable(dir, load_pack(&files))?;
    let inside = dir.join(case);
    let path = if inside.is_file() { inside.as_path() } else { case };
    let cases = cases(&pack, path)?;
    let mut text = String::new();
    let mut told = Vec::new();
    for case in &cases {
        let decision = case.decide(&pack);
        if json {
            told.push(json::decided(case, &decision)?);
        } else {
            let _ = writeln!(text, "{}", explain::case(&pack, dir, case, &decision));
        }
    }
    if json {
        print_json(&Value::Array(told))
    } else {
        print(text.trim_end_matches('\n')).and_then(|()| print("\n"))
    }
}

fn cases(pack: &Pack, path: &Path) -> Result<Vec<PackTest>, UnusableInput> {
    let unreadable = |source| UnusableInput::Unreadable { path: path.to_owned(), source };
    let length = fs::metadata(path).map_err(unreadable)?.len();
    if !usize::try_from(length).is_ok_and(|length| length <= MAX_PACK_BYTES) {
        return Err(UnusableInput::TooLarge { path: path.to_owned() });
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let parent = path.parent().unwrap_or(Path::new(""));
    readable(parent, read_cases(pack, &name, &bytes))
}

fn folder(dir: &Path) -> Result<PackFiles, UnusableInput> {
    Ok(policy::read_pack_folder(dir)?)
}

/// What was read, or its problems printed.
fn readable<T>(dir: &Path, read: Result<T, PackErrors>) -> Result<T, UnusableInput> {
    read.map_err(|PackErrors(problems)| {
        // Nothing is lost where whoever reads had enough: the exit code says the same.
        let _ = print(&lines(dir, &problems));
        UnusableInput::Refused { path: dir.to_owned(), count: Count(problems.len()) }
    })
}

/// `path/rules.toml:12: what; mend`, as editors make links of; a problem of a whole file is on its first line.
fn lines(dir: &Path, problems: &[PackProblem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let path = dir.join(&problem.file);
        let (line, what, mend) = (problem.line.max(1), &problem.what, &problem.mend);
        let _ = writeln!(text, "{}:{line}: {what}; {mend}", path.display());
    }
    text
}

fn print_json(value: &Value) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("standard output can't be written"),
    }
}
