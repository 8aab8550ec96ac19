//! `leeway schedule`: computes the schedules of a file of cases and prints or draws them.

mod json;
mod plot;
mod table;

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use loan::cases::{self, Case};

/// Exit code for a file that can't be read and an id that isn't in it.
pub const EXIT_UNUSABLE: u8 = 2;

/// Largest file of cases in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;
/// Most cases that one picture shows.
const MAX_PLOTTED: usize = 500;

/// Arguments of `leeway schedule`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// File of cases (`peer-schedule-cases/1`); `-` reads standard input.
    #[arg(long)]
    pub cases: PathBuf,
    /// Only the case of this id.
    #[arg(long)]
    pub id: Option<String>,
    /// Print an array with the rows or the error of each case as JSON.
    #[arg(long)]
    pub json: bool,
    /// Draw the schedules before and after into this SVG file.
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
}

/// Why there is nothing to compute from. A single case that can't be computed isn't among these: its error is its answer.
#[derive(Debug, thiserror::Error)]
pub enum UnusableInput {
    #[error("`{file}` can't be read")]
    Unreadable { file: String, source: io::Error },
    #[error("`{file}` is larger than {MAX_FILE_BYTES} bytes")]
    TooLarge { file: String },
    #[error("`{file}` can't be used")]
    NotCases { file: String, source: cases::CasesError },
    #[error("`{file}` has no case `{id}`")]
    UnknownId { file: String, id: String },
}

/// Computes and prints, and draws where asked to.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let cases = chosen(args)?;
    if let Some(path) = &args.plot {
        anyhow::ensure!(
            cases.len() <= MAX_PLOTTED,
            "{} cases are more than a picture shows ({MAX_PLOTTED}); choose one by --id",
            cases.len()
        );
        let picture = plot::draw(&cases);
        fs::write(path, picture).with_context(|| format!("`{}` can't be written", path.display()))?;
    }
    let text = if args.json {
        format!("{}\n", serde_json::to_string_pretty(&json::answers(&cases))?)
    } else {
        table::print(&cases)
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("standard output can't be written"),
    }
}

fn chosen(args: &Args) -> Result<Vec<Case>, UnusableInput> {
    let file = args.cases.display().to_string();
    let bytes = bytes(&args.cases)?;
    let mut cases =
        cases::read(&bytes).map_err(|source| UnusableInput::NotCases { file: file.clone(), source })?;
    if let Some(id) = &args.id {
        cases.retain(|case| case.id == *id);
        if cases.is_empty() {
            return Err(UnusableInput::UnknownId { file, id: id.clone() });
        }
    }
    Ok(cases)
}

fn bytes(path: &Path) -> Result<Vec<u8>, UnusableInput> {
    let file = path.display().to_string();
    let mut bytes = Vec::new();
    let limit = MAX_FILE_BYTES + 1;
    let read = if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|opened| opened.take(limit).read_to_end(&mut bytes))
    };
    match read {
        Ok(count) if u64::try_from(count).is_ok_and(|count| count > MAX_FILE_BYTES) => {
            Err(UnusableInput::TooLarge { file })
        }
        Ok(_) => Ok(bytes),
        Err(source) => Err(UnusableInput::Unreadable { file, source }),
    }
}
