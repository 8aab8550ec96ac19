//! Schedules for programs: money as decimal text in major units, dates as ISO text.

use jiff::civil::Date;
use loan::cases::{Case, CaseError, CaseRow, SimpleInterest};
use loan::{Amount, Currency};
use rust_decimal::Decimal;
use serde::Serialize;

/// What one case gives.
#[derive(Debug, Serialize)]
pub struct Answer {
    id: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome {
    Rows {
        rows: Vec<Row>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        calcs: Vec<Calc>,
    },
    Failed {
        error: Failure,
    },
}

#[derive(Debug, Serialize)]
struct Row {
    nr: u32,
    due_date: Date,
    principal: String,
    interest: String,
    fees: String,
    penalties: String,
    total_due: String,
    balance_after: String,
}

#[derive(Debug, Serialize)]
struct Calc {
    principal: String,
    annual_rate_pct: String,
    days: u16,
    interest: String,
}

#[derive(Debug, Serialize)]
struct Failure {
    code: &'static str,
    message: String,
}

/// An answer for each case, in their order.
pub fn answers(cases: &[Case]) -> Vec<Answer> {
    cases.iter().map(|case| Answer { id: case.id.clone(), outcome: outcome(case) }).collect()
}

fn outcome(case: &Case) -> Outcome {
    match rows(case) {
        Ok(rows) => Outcome::Rows { rows, calcs: case.calcs().iter().map(Calc::of).collect() },
        Err(error) => Outcome::Failed { error: Failure { code: error.code(), message: error.to_string() } },
    }
}

fn rows(case: &Case) -> Result<Vec<Row>, CaseError> {
    let Some(loan) = case.loan()? else { return Ok(Vec::new()) };
    let currency = loan.currency();
    Ok(case.rows()?.iter().map(|row| Row::of(row, currency)).collect())
}

impl Row {
    fn of(row: &CaseRow, currency: Currency) -> Self {
        let plain = |amount: Amount| amount.plain(currency);
        Self {
            nr: row.nr,
            due_date: row.due,
            principal: plain(row.principal),
            interest: plain(row.interest),
            fees: plain(row.fees),
            penalties: plain(row.penalties),
            total_due: plain(row.total_due),
            balance_after: plain(row.balance_after),
        }
    }
}

impl Calc {
    fn of(calc: &SimpleInterest) -> Self {
        Self {
            principal: calc.principal.plain(calc.currency),
            annual_rate_pct: (calc.annual_rate.decimal() * Decimal::ONE_HUNDRED).normalize().to_string(),
            days: calc.days,
            interest: calc.interest.plain(calc.currency),
        }
    }
}
