//! `leeway calibrate`: holds what a pack says against what became of real borrowers, one figure a file of public data.

pub mod columns;
pub mod hardship;
pub mod history;
pub mod settlements;
mod share;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use assessment::{AssessError, Pack};
use loan::Currency;
use policy::PackShelf;
use serde::Serialize;

use columns::Table;
pub use share::Share;

/// Exit code for a file, column or pack that can't be used.
pub const EXIT_UNUSABLE: u8 = 2;

/// Currency of LendingClub's amounts.
const DOLLARS: &str = "USD";

/// Arguments of `leeway calibrate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub figure: Figure,
}

/// Which part of a pack is looked at.
#[derive(Debug, clap::Subcommand)]
pub enum Figure {
    /// The grade of the history against next month's default. Columns: PAY_0, PAY_2 to PAY_6 and
    /// default.payment.next.month.
    #[command(after_help = "Example: leeway calibrate history --file uci_repayment_status.csv --json")]
    History(Input),
    /// The range of settlements against settlements that were agreed. Columns: settlement_status, settlement_amount,
    /// settlement_percentage, settlement_term, int_rate and installment.
    #[command(after_help = "Example: leeway calibrate settlements --file lc_settlements.csv")]
    Settlements(Input),
    /// Three months of interest only against hardship plans. Columns: annual_inc, dti, int_rate, hardship_reason,
    /// hardship_amount, hardship_payoff_balance_amount and orig_projected_additional_accrued_interest.
    #[command(
        after_help = "Example: leeway calibrate hardship --file lc_hardship_plans.csv --pack us-consumer"
    )]
    Hardship(Input),
}

/// What a figure is computed from.
#[derive(Debug, clap::Args)]
pub struct Input {
    /// CSV file with at least the columns named above; others are passed over.
    #[arg(long)]
    pub file: PathBuf,
    /// Pack that ships.
    #[arg(long, default_value = "us-consumer")]
    pub pack: String,
    /// Print the figures as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Why there is nothing to compute from; none of these is a finding about the pack.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("`{file}` can't be read")]
    Unreadable { file: String, source: io::Error },
    #[error("`{file}` is not CSV")]
    NotCsv { file: String, source: csv::Error },
    #[error("`{file}` lacks the column{} {}", if columns.len() == 1 { "" } else { "s" }, quoted(columns))]
    MissingColumns { file: String, columns: Vec<&'static str> },
    #[error("`{file}`, line {line}: column `{column}` must be {wanted}, found `{found}`")]
    Cell { file: String, line: u64, column: &'static str, wanted: &'static str, found: String },
    #[error("no pack `{name}` ships; there are {}", known.join(", "))]
    UnknownPack { name: String, known: Vec<String> },
    #[error("the amounts are in {DOLLARS}, and pack `{pack}` is for {currency}")]
    Currency { pack: String, currency: String },
    #[error("`{file}`, line {line} can't be computed")]
    Row { file: String, line: u64, source: AssessError },
}

fn quoted(columns: &[&str]) -> String {
    let quoted: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
    quoted.join(", ")
}

/// Computes and prints.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match &args.figure {
        Figure::History(input) => {
            let figures = history::figures(&pack(&input.pack)?, &open(&input.file, &history::COLUMNS)?)?;
            print(input, &figures, &figures.table())
        }
        Figure::Settlements(input) => {
            let table = open(&input.file, &settlements::COLUMNS)?;
            let figures = settlements::figures(&pack(&input.pack)?, &table)?;
            print(input, &figures, &figures.table())
        }
        Figure::Hardship(input) => {
            let figures = hardship::figures(&pack(&input.pack)?, &open(&input.file, &hardship::COLUMNS)?)?;
            print(input, &figures, &figures.table())
        }
    }
}

/// A pack that ships, by name.
pub fn pack(name: &str) -> anyhow::Result<Pack> {
    let shelf = PackShelf::open(None)?;
    match shelf.get(name) {
        Some(pack) => Ok(Pack::clone(pack)),
        None => {
            let known = shelf.all().map(|pack| pack.name.clone()).collect();
            Err(Unusable::UnknownPack { name: name.to_owned(), known }.into())
        }
    }
}

/// Reads a file that must have the columns.
pub fn open(file: &Path, columns: &[&'static str]) -> Result<Table, Unusable> {
    let name = file.display().to_string();
    match File::open(file) {
        Ok(opened) => Table::read(&name, opened, columns),
        Err(source) => Err(Unusable::Unreadable { file: name, source }),
    }
}

/// The pack's currency, which must be that of the amounts.
fn dollars(pack: &Pack) -> Result<Currency, Unusable> {
    if pack.currency.code() == DOLLARS {
        return Ok(pack.currency);
    }
    Err(Unusable::Currency { pack: pack.name.clone(), currency: pack.currency.code().to_owned() })
}

fn print(input: &Input, figures: &impl Serialize, table: &str) -> anyhow::Result<()> {
    let text = if input.json {
        format!("{}\n", serde_json::to_string_pretty(figures)?)
    } else {
        format!("{} under {}\n{table}", input.file.display(), input.pack)
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("standard output can't be written"),
    }
}
