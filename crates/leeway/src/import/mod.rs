//! `leeway import`: loads a portfolio from a CSV file over `ImportLoans`.

mod lending_club;
mod own;
mod send;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use api::leeway::application::v1::{ImportLoansResponse, LoanRegistration};
use api::leeway::policy::v1::Facts;
use chassis::{Ids, Principal};
use jiff::civil::Date;
use serde::Serialize;

use crate::config::Config;
use crate::progress::Progress;
use crate::serve;
use crate::stack::{self, Stack, World};

pub use send::{assess, buckets, import};

/// Day for which a LendingClub portfolio of 2018 is stated.
const LENDING_CLUB_AS_OF: Date = jiff::civil::date(2018, 6, 30);

/// Refused rows that are printed; `--json` has them all.
const MAX_REFUSALS_SHOWN: usize = 20;

/// Arguments of `leeway import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// CSV file: LendingClub's columns, or ours (`loan_id,borrower_id,currency,principal,annual_rate,instalments,
    /// interest_from_date,first_due_date` and optionally `amortisation,pack_name`).
    pub file: PathBuf,
    /// Day for which the file states balances (LendingClub's columns; default 2018-06-30).
    #[arg(long)]
    pub as_of: Option<Date>,
    /// Application service to load into, e.g. `http://127.0.0.1:7401`; without it a stack is started on the data
    /// directory for as long as the import takes.
    #[arg(long)]
    pub endpoint: Option<String>,
    /// Policy service for `--assess`; needed with `--endpoint`.
    #[arg(long, requires = "endpoint")]
    pub policy_endpoint: Option<String>,
    /// Assess every loan as well (LendingClub's columns), storing nothing.
    #[arg(long)]
    pub assess: bool,
    /// Folder of the databases and documents.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Settings file (TOML).
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// A portfolio as its file states it.
#[derive(Debug, Clone)]
pub struct Portfolio {
    pub as_of: Option<Date>,
    pub loans: Vec<PortfolioLoan>,
}

/// One row of a portfolio.
#[derive(Debug, Clone)]
pub struct PortfolioLoan {
    /// Row in the file, the header being 1.
    pub row: i64,
    /// Status in the file's own words; empty where it has none.
    pub status: String,
    pub registration: LoanRegistration,
    /// What an assessment is told; `None` where the file knows no income.
    pub facts: Option<Facts>,
}

/// Reads a portfolio; the header says whose columns it has.
pub fn read(file: &Path, as_of: Option<Date>) -> anyhow::Result<Portfolio> {
    let mut reader =
        csv::Reader::from_path(file).with_context(|| format!("`{}` can't be read", file.display()))?;
    let headers = reader.headers().with_context(|| format!("`{}` has no header", file.display()))?.clone();
    let has = |column: &str| headers.iter().any(|header| header == column);
    if has("loan_status") && has("installment") {
        let as_of = as_of.unwrap_or(LENDING_CLUB_AS_OF);
        return Ok(Portfolio { as_of: Some(as_of), loans: lending_club::read(&mut reader, as_of)? });
    }
    if has("loan_id") && has("principal") && has("annual_rate") {
        return Ok(Portfolio { as_of, loans: own::read(&mut reader)? });
    }
    anyhow::bail!(
        "`{}` has neither LendingClub's columns (loan_status, installment, …) nor ours (loan_id, principal, annual_rate, …)",
        file.display()
    )
}

/// Loads, shows progress, and says how the loans lie in the buckets.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let portfolio = read(&args.file, args.as_of)?;
    let mut config = Config::load(args.config.as_deref(), &[])?;
    if let Some(data_dir) = &args.data_dir {
        config.data_dir = data_dir.clone();
    }
    let mut own_stack = None;
    let (application, policy) = match &args.endpoint {
        Some(endpoint) => (endpoint.clone(), args.policy_endpoint.clone()),
        None => {
            let world = World { clock: serve::clock(&config, None)?, ids: Ids::random() };
            let started = Stack::start(&config.clone().on_free_ports(), &world).await?;
            let application = stack::endpoint(started.application.handle.grpc);
            let policy = stack::endpoint(started.policy.handle.grpc);
            own_stack = Some(started);
            (application, Some(policy))
        }
    };
    let loaded = load(&args, &portfolio, &application, policy.as_deref()).await;
    if let Some(started) = own_stack {
        started.stop().await;
    }
    loaded
}

async fn load(
    args: &Args,
    portfolio: &Portfolio,
    application: &str,
    policy: Option<&str>,
) -> anyhow::Result<()> {
    let progress = Progress::new(portfolio.loans.len(), args.json);
    let operator = Principal::service("import");
    let client = stack::connect(application, operator.clone())?;
    let result = import(&client, portfolio, &progress).await?;
    let mut report = Report::of(result);
    report.buckets = buckets(&client, portfolio.as_of).await?;
    if args.assess {
        let policy = policy.context("give --policy-endpoint with --endpoint to assess")?;
        report.outcomes = Some(assess(&stack::connect(policy, operator)?, portfolio, &progress).await?);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        report.print();
    }
    anyhow::ensure!(report.refused == 0, "{} rows were refused", report.refused);
    Ok(())
}

/// What came of an import.
#[derive(Debug, Serialize)]
struct Report {
    created: i64,
    unchanged: i64,
    refused: i64,
    refusals: Vec<Refusal>,
    buckets: BTreeMap<&'static str, i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcomes: Option<BTreeMap<String, i64>>,
}

#[derive(Debug, Serialize)]
struct Refusal {
    row: i64,
    loan_id: String,
    reason: String,
    message: String,
}

impl Report {
    fn of(result: ImportLoansResponse) -> Self {
        let refusals = result.refusals.into_iter().map(|r| Refusal {
            row: r.row,
            loan_id: r.loan_id,
            reason: r.reason,
            message: r.message,
        });
        Self {
            created: result.created,
            unchanged: result.unchanged,
            refused: result.refused,
            refusals: refusals.collect(),
            buckets: BTreeMap::new(),
            outcomes: None,
        }
    }

    fn print(&self) {
        println!("{} loans new, {} unchanged, {} refused", self.created, self.unchanged, self.refused);
        for refusal in self.refusals.iter().take(MAX_REFUSALS_SHOWN) {
            println!("  row {}: {} — {}", refusal.row, refusal.loan_id, refusal.message);
        }
        for (bucket, count) in &self.buckets {
            println!("  {bucket:<8} {count}");
        }
        if let Some(outcomes) = &self.outcomes {
            println!("loans assessed, nothing stored:");
            for (outcome, count) in outcomes {
                println!("  {outcome:<24} {count}");
            }
        }
    }
}
