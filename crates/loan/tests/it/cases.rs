//! Schedules asserted by other systems' own tests: whatever a case asserts must come out exactly.

use loan::cases::{self, Case, CaseLoan, CaseRow, Subject};
use loan::{Amount, Bucket, Currency, Date, LoanError, RowState, State};
use rust_decimal::Decimal;
use serde_json::Value;

/// The published set. Fewer would mean that cases were dropped.
const CASES_AT_LEAST: usize = 49;

fn file() -> Vec<u8> {
    let path = &std::env::var("XCASES").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases/schedule_cases.json").to_owned()
    });
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    std::fs::read(path).unwrap_or_else(|error| {
        let hint = if ci { "CI must provide it" } else { "put the shared cases beside the workspace" };
        panic!("the schedule cases are missing at {path}: {error}; {hint}")
    })
}

#[test]
fn every_case_comes_out_exactly() {
    let bytes = file();
    let stated: Value = serde_json::from_slice(&bytes).unwrap();
    let stated = stated["cases"].as_array().unwrap();
    let read = cases::read(&bytes).unwrap();
    assert_eq!(read.len(), stated.len());
    assert!(read.len() >= CASES_AT_LEAST, "only {} cases", read.len());
    let mut differences = Vec::new();
    let mut failed = 0;
    for (case, stated) in read.iter().zip(stated) {
        assert_eq!(Some(case.id.as_str()), stated["id"].as_str());
        let found = differences_of(case, stated);
        failed += usize::from(!found.is_empty());
        differences.extend(found.into_iter().map(|difference| format!("{}: {difference}", case.id)));
    }
    assert!(
        differences.is_empty(),
        "{failed} of {} cases differ\n  {}",
        read.len(),
        differences.join("\n  ")
    );
}

fn differences_of(case: &Case, stated: &Value) -> Vec<String> {
    let mut found = Found::default();
    match &case.subject {
        Err(error) => found.differences.push(error.to_string()),
        Ok(Subject::Interest(_)) => found.calcs(case, &stated["expected"]["calcs"]),
        Ok(Subject::Loan(loan)) => {
            found.schedule("after", loan, loan.state(), (stated, &stated["expected"]));
            if !stated["expected_before"].is_null() {
                found.schedule("before", loan, loan.state_before(), (stated, &stated["expected_before"]));
            }
            found.delinquency(loan, &stated["delinquency"]);
        }
    }
    found.differences
}

/// What was found to differ, with the place it is at.
#[derive(Default)]
struct Found {
    differences: Vec<String>,
}

impl Found {
    fn text(&mut self, place: &str, expected: &str, found: &str) {
        if expected != found {
            self.differences.push(format!("{place}: {expected} expected, {found} found"));
        }
    }

    /// As many decimal places count as are asserted.
    fn money(&mut self, place: &str, expected: &Value, found: Amount, currency: Currency) {
        let Some(text) = expected.as_str() else {
            return self.differences.push(format!("{place}: {expected} is no amount"));
        };
        let expected: Decimal = text.parse().unwrap();
        let found = found.to_decimal(currency);
        if found.round_dp(expected.scale()) != expected {
            self.differences.push(format!("{place}: {expected} expected, {found} found"));
        }
    }

    fn calcs(&mut self, case: &Case, expected: &Value) {
        let expected = expected.as_array().unwrap();
        self.text("calcs", &expected.len().to_string(), &case.calcs().len().to_string());
        for (nr, (calc, expected)) in case.calcs().iter().zip(expected).enumerate() {
            self.money(&format!("calc {}", nr + 1), &expected["interest"], calc.interest, calc.currency);
        }
    }

    fn delinquency(&mut self, loan: &CaseLoan, stated: &Value) {
        if stated.is_null() {
            return;
        }
        for (place, state) in [("before", loan.state_before()), ("after", loan.state())] {
            let Ok(state) = state else { return };
            let expected = match stated[place]["range"].as_str().unwrap() {
                "NO_DELINQUENCY" => Bucket::M0,
                "RANGE_1" | "RANGE_3" => Bucket::M1,
                "RANGE_30" => Bucket::M2,
                "RANGE_60" => Bucket::M3,
                _ => Bucket::M4Plus,
            };
            self.text(
                &format!("{place}, delinquency"),
                &format!("{expected:?}"),
                &format!("{:?}", state.bucket),
            );
        }
    }

    fn schedule(
        &mut self,
        place: &str,
        loan: &CaseLoan,
        state: Result<State, LoanError>,
        (case, expected): (&Value, &Value),
    ) {
        let state = match state {
            Ok(state) => state,
            Err(error) => return self.differences.push(format!("{place}: {error}")),
        };
        let table = Table::new(loan, &state, case);
        for (key, expected) in expected.as_object().unwrap() {
            match key.as_str() {
                "rows" => {
                    let count = expected.as_array().unwrap().len();
                    self.text(&format!("{place}, rows"), &count.to_string(), &table.rows.len().to_string());
                    self.rows(place, &table, expected);
                }
                "rows_subset" => self.rows(place, &table, expected),
                "totals" => self.totals(place, &table, expected),
                "n_rows" => {
                    let count = expected.as_u64().unwrap().to_string();
                    self.text(&format!("{place}, rows"), &count, &table.rows.len().to_string());
                }
                "level_instalment" => {
                    let first = table.rows.first().unwrap();
                    self.money(
                        &format!("{place}, instalment"),
                        expected,
                        first.row.total_due,
                        table.currency,
                    );
                }
                key => match key.strip_prefix("instalment_").and_then(|nr| nr.parse().ok()) {
                    Some(nr) => self.row(&format!("{place}, row {nr}"), table.row(nr), expected, &table),
                    None => self.differences.push(format!("{place}: no rule compares `{key}`")),
                },
            }
        }
    }

    fn rows(&mut self, place: &str, table: &Table<'_>, expected: &Value) {
        for expected in expected.as_array().unwrap() {
            let nr = u32::try_from(expected["nr"].as_u64().unwrap()).unwrap();
            self.row(&format!("{place}, row {nr}"), table.row(nr), expected, table);
        }
    }

    fn row(&mut self, place: &str, found: Option<&TableRow<'_>>, expected: &Value, table: &Table<'_>) {
        let Some(found) = found else {
            return self.differences.push(format!("{place} is missing"));
        };
        let is_unstated = table.pays_unstated && is_positive(&expected["paid"]);
        for (key, expected) in expected.as_object().unwrap() {
            let place = format!("{place}, {key}");
            let amount = match key.as_str() {
                "nr" => continue,
                "due_date" => {
                    self.text(&place, expected.as_str().unwrap(), &found.row.due.to_string());
                    continue;
                }
                "days" => {
                    self.text(&place, &expected.to_string(), &found.days.to_string());
                    continue;
                }
                "paid" | "outstanding" | "paid_date" | "paid_in_advance" | "paid_late" if is_unstated => {
                    continue;
                }
                "paid_date" if found.row.total_due.is_zero() => continue, // nothing was paid on an emptied row
                "paid_date" => {
                    let paid_on = found.state.paid_on.map_or("null".to_owned(), |day| format!("\"{day}\""));
                    self.text(&place, &expected.to_string(), &paid_on);
                    continue;
                }
                key => found.amount(key),
            };
            match amount {
                Some(amount) => self.money(&place, expected, amount, table.currency),
                None => self.differences.push(format!("{place}: no rule compares it")),
            }
        }
    }

    fn totals(&mut self, place: &str, table: &Table<'_>, expected: &Value) {
        for (key, expected) in expected.as_object().unwrap() {
            let place = format!("{place}, total {key}");
            let amounts: Option<Vec<Amount>> = table.rows.iter().map(|row| row.amount(key)).collect();
            match amounts {
                Some(amounts) => {
                    self.money(&place, expected, Amount::try_sum(amounts).unwrap(), table.currency);
                }
                None => self.differences.push(format!("{place}: no rule compares it")),
            }
        }
    }
}

/// A schedule as cases assert it.
struct Table<'a> {
    currency: Currency,
    rows: Vec<TableRow<'a>>,
    /// The case asserts more as paid than its events pay (its source paid the down payment by itself).
    pays_unstated: bool,
}

struct TableRow<'a> {
    row: CaseRow,
    /// Days since the due date before.
    days: i64,
    state: &'a RowState,
}

impl<'a> Table<'a> {
    fn new(loan: &CaseLoan, state: &'a State, case: &Value) -> Self {
        let contract = loan.origin.contract();
        let mut previous = contract.interest_from;
        if case["loan"]["note"].as_str().is_some_and(|note| note.contains("anchored on")) {
            // Such a case counts its first period from the anchor, wherever interest starts in it.
            let frequency = contract.conventions.frequency;
            previous = frequency.after(contract.anchor_day(), contract.first_due, -1).unwrap();
        }
        let rows = state.rows.iter().map(|row| {
            let days = loan::calendar::days_between(previous, row.row.due);
            previous = row.row.due;
            TableRow { row: CaseRow::of(row).unwrap(), days, state: row }
        });
        Self { currency: contract.currency, rows: rows.collect(), pays_unstated: pays_unstated(case) }
    }

    fn row(&self, nr: u32) -> Option<&TableRow<'a>> {
        self.rows.iter().find(|row| row.row.nr == nr)
    }
}

impl TableRow<'_> {
    fn amount(&self, key: &str) -> Option<Amount> {
        let due = self.row.due;
        Some(match key {
            "principal" => self.row.principal,
            "interest" => self.row.interest,
            "fees" => self.row.fees,
            "penalties" => self.row.penalties,
            "total_due" => self.row.total_due,
            "balance_after" => self.row.balance_after,
            "outstanding" => self.state.left().unwrap().total().unwrap(),
            "paid" => self.state.paid.total().unwrap(),
            "paid_in_advance" => self.paid(|day| day < due),
            "paid_late" => self.paid(|day| day > due),
            _ => return None,
        })
    }

    fn paid(&self, counts: impl Fn(Date) -> bool) -> Amount {
        let shares = self.state.payments.iter().filter(|share| counts(share.date));
        Amount::try_sum(shares.map(|share| share.parts.total().unwrap())).unwrap()
    }
}

fn is_positive(amount: &Value) -> bool {
    amount.as_str().and_then(|text| text.parse().ok()).is_some_and(|amount: Decimal| amount > Decimal::ZERO)
}

fn pays_unstated(case: &Value) -> bool {
    let sum = |amounts: Vec<&Value>| -> Decimal {
        amounts.iter().filter_map(|amount| amount.as_str()?.parse::<Decimal>().ok()).sum()
    };
    let events = case["events"].as_array().unwrap();
    let stated = events.iter().filter(|event| event["type"] == "payment" || event["type"] == "payoff");
    let asserted = case["expected"]["rows"].as_array().into_iter().flatten();
    sum(asserted.map(|row| &row["paid"]).collect()) > sum(stated.map(|event| &event["amount"]).collect())
}
