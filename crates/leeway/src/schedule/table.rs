//! Schedules for people: one aligned table a case, with totals.

use loan::cases::{Case, CaseError, CaseRow, SimpleInterest};
use loan::{Amount, ArithmeticError, Currency};
use rust_decimal::Decimal;

const HEADINGS: [&str; 8] =
    ["nr", "due date", "principal", "interest", "fees", "penalties", "total due", "balance after"];
/// Spaces between two columns.
const GAP: &str = "  ";

/// The tables of all cases, one below the other.
pub fn print(cases: &[Case]) -> String {
    cases.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(case: &Case) -> String {
    let body = body(case).unwrap_or_else(|error| format!("  can't be computed: {error}\n"));
    let title = if case.title.is_empty() { String::new() } else { format!(" – {}", case.title) };
    format!("{}{title}\n{body}", case.id)
}

fn body(case: &Case) -> Result<String, CaseError> {
    let Some(loan) = case.loan()? else { return Ok(case.calcs().iter().map(calc).collect()) };
    let rows = case.rows()?;
    let currency = loan.currency();
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| cells(row, currency)));
    lines.push(totals(&rows, currency)?);
    Ok(format!("{currency}, read on {}\n{}", loan.after.as_of, aligned(&lines)))
}

fn cells(row: &CaseRow, currency: Currency) -> [String; 8] {
    let money = |amount: Amount| amount.format(currency);
    [
        row.nr.to_string(),
        row.due.to_string(),
        money(row.principal),
        money(row.interest),
        money(row.fees),
        money(row.penalties),
        money(row.total_due),
        money(row.balance_after),
    ]
}

fn totals(rows: &[CaseRow], currency: Currency) -> Result<[String; 8], ArithmeticError> {
    let sum = |part: fn(&CaseRow) -> Amount| {
        Ok::<String, ArithmeticError>(Amount::try_sum(rows.iter().map(part))?.format(currency))
    };
    Ok([
        String::new(),
        "total".to_owned(),
        sum(|row| row.principal)?,
        sum(|row| row.interest)?,
        sum(|row| row.fees)?,
        sum(|row| row.penalties)?,
        sum(|row| row.total_due)?,
        String::new(),
    ])
}

/// Columns as wide as their widest cell; all but the dates are set to the right.
fn aligned(lines: &[[String; 8]]) -> String {
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| {
            let lengths = lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count());
            lengths.max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(
                |(column, (cell, width))| {
                    if column == 1 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            )
            .collect();
        text.push_str(cells.join(GAP).trim_end());
        text.push('\n');
    }
    text
}

fn calc(calc: &SimpleInterest) -> String {
    let percent = (calc.annual_rate.decimal() * Decimal::ONE_HUNDRED).normalize();
    let money = |amount: Amount| amount.format(calc.currency);
    format!(
        "  {} at {percent} % for {} days: {} {}\n",
        money(calc.principal),
        calc.days,
        money(calc.interest),
        calc.currency
    )
}
