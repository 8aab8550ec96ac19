//! LendingClub's columns. The status is authoritative and there are no due dates, so they follow from it.

use std::io::Read;

use anyhow::Context as _;
use api::google::r#type::Date as DateMessage;
use api::leeway::application::v1::LoanRegistration;
use api::leeway::common::v1 as common;
use api::leeway::policy::v1::{Facts, LoanFacts};
use jiff::Span;
use jiff::civil::Date;
use rust_decimal::prelude::ToPrimitive as _;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;

use super::PortfolioLoan;

const PACK: &str = "us-consumer";
const USD: &str = "USD";
/// Day of the month on which current loans are due next.
const DUE_DAY: i8 = 15;
/// Rows beyond which the last one takes what is left: a few instalments don't pay their interest.
const MAX_ROWS: usize = 120;

#[derive(Debug, Clone, Deserialize)]
struct Row {
    loan_id: String,
    annual_income: Decimal,
    verified_income: String,
    debt_to_income: Option<Decimal>,
    annual_income_joint: Option<Decimal>,
    debt_to_income_joint: Option<Decimal>,
    loan_purpose: String,
    application_type: String,
    loan_amount: Decimal,
    term: i32,
    interest_rate: Decimal,
    installment: Decimal,
    issue_month: String,
    loan_status: String,
    balance: Decimal,
}

/// Where a status puts a loan.
enum Standing {
    /// Due date of the oldest unpaid row.
    Open(Date),
    /// Paid or written off.
    Closed,
}

/// Every loan of the file.
pub fn read<R: Read>(reader: &mut csv::Reader<R>, as_of: Date) -> anyhow::Result<Vec<PortfolioLoan>> {
    let mut loans = Vec::new();
    for (index, row) in reader.deserialize::<Row>().enumerate() {
        let number = i64::try_from(index)? + 2;
        let row = row.with_context(|| format!("row {number}"))?;
        loans.push(loan(&row, number, as_of).with_context(|| format!("row {number}, `{}`", row.loan_id))?);
    }
    Ok(loans)
}

fn loan(row: &Row, number: i64, as_of: Date) -> anyhow::Result<PortfolioLoan> {
    let standing = standing(&row.loan_status, as_of)?;
    let registration = match &standing {
        Standing::Open(first_due) if row.balance.is_zero() => paid_off(row, *first_due, as_of)?,
        Standing::Open(first_due) => open(row, *first_due)?,
        Standing::Closed => closed(row)?,
    };
    let facts = Some(facts(row, &registration, as_of)?);
    Ok(PortfolioLoan { row: number, status: row.loan_status.clone(), registration, facts })
}

fn standing(status: &str, as_of: Date) -> anyhow::Result<Standing> {
    let ago = |days: i64| Ok(Standing::Open(as_of.checked_sub(Span::new().days(days))?));
    match status {
        "Current" => {
            let this_month = as_of.with().day(DUE_DAY).build()?;
            let coming = if this_month > as_of {
                this_month
            } else {
                this_month.checked_add(Span::new().months(1))?
            };
            Ok(Standing::Open(coming))
        }
        "In Grace Period" => ago(8),
        "Late (16-30 days)" => ago(23),
        "Late (31-120 days)" => ago(60),
        "Fully Paid" | "Charged Off" => Ok(Standing::Closed),
        other => anyhow::bail!("status `{other}` is unknown"),
    }
}

/// Rows of the stated instalment at a twelfth of the rate until the balance is paid; the last absorbs.
fn open(row: &Row, first_due: Date) -> anyhow::Result<LoanRegistration> {
    let balance = cents(row.balance)?;
    let instalment = cents(row.installment)?;
    let monthly = row.interest_rate / Decimal::from(1200);
    let mut left = balance;
    let mut rows = Vec::new();
    while left > 0 {
        let nr = i32::try_from(rows.len() + 1)?;
        let interest = rounded(Decimal::from(left) * monthly)?;
        let due = first_due.checked_add(Span::new().months(nr - 1))?;
        let last = left + interest <= instalment || instalment <= interest || rows.len() + 1 == MAX_ROWS;
        let principal = if last { left } else { instalment - interest };
        rows.push(common::StatedInstalment {
            nr,
            due_date: Some(date(due)),
            principal: Some(usd(principal)),
            interest: Some(usd(interest)),
            fee: Some(usd(0)),
        });
        left -= principal;
    }
    anyhow::ensure!(!rows.is_empty(), "an open loan without a balance");
    let issued = issue_day(&row.issue_month, first_due.day())?;
    let contract = common::LoanContract {
        principal: Some(usd(balance)),
        annual_rate: (row.interest_rate / Decimal::ONE_HUNDRED).normalize().to_string(),
        amortisation: common::Amortisation::EqualInstalments.into(),
        instalments: i32::try_from(rows.len())?,
        interest_from_date: Some(date(issued.min(first_due.checked_sub(Span::new().months(1))?))),
        first_due_date: Some(date(first_due)),
        ..common::LoanContract::default()
    };
    Ok(registration(row, contract, rows, false))
}

/// Open by its status though nothing is left: one row, paid.
fn paid_off(row: &Row, first_due: Date, as_of: Date) -> anyhow::Result<LoanRegistration> {
    let principal = cents(row.loan_amount)?;
    let mut registration = open(
        &Row { balance: row.loan_amount, installment: row.loan_amount * Decimal::TWO, ..row.clone() },
        first_due,
    )?;
    for stated in &mut registration.stated_instalments {
        stated.interest = Some(usd(0));
    }
    registration.events.push(common::LoanEvent {
        effective_date: Some(date(as_of)),
        kind: Some(common::loan_event::Kind::Payment(common::PaymentEvent {
            payment_id: format!("{}-paid", row.loan_id),
            amount: Some(usd(principal)),
        })),
    });
    Ok(registration)
}

/// A closed loan keeps its contract for the record.
fn closed(row: &Row) -> anyhow::Result<LoanRegistration> {
    let issued = issue_day(&row.issue_month, DUE_DAY)?;
    let contract = common::LoanContract {
        principal: Some(usd(cents(row.loan_amount)?)),
        annual_rate: (row.interest_rate / Decimal::ONE_HUNDRED).normalize().to_string(),
        amortisation: common::Amortisation::EqualInstalments.into(),
        instalments: row.term,
        interest_from_date: Some(date(issued)),
        first_due_date: Some(date(issued.checked_add(Span::new().months(1))?)),
        ..common::LoanContract::default()
    };
    Ok(registration(row, contract, Vec::new(), true))
}

fn registration(
    row: &Row,
    contract: common::LoanContract,
    stated_instalments: Vec<common::StatedInstalment>,
    closed: bool,
) -> LoanRegistration {
    LoanRegistration {
        loan_id: row.loan_id.clone(),
        borrower_id: format!("borrower-{}", row.loan_id),
        contract: Some(contract),
        product: Some(common::LoanProduct {
            penalty_multiplier: "1".to_owned(),
            cost_cap: "0.36".to_owned(),
            overpayment: common::Overpayment::ReduceNext.into(),
            ..common::LoanProduct::default()
        }),
        stated_instalments,
        events: Vec::new(),
        pack_name: PACK.to_owned(),
        closed,
    }
}

/// Income by the file, joint where two applied; debt payments as the file's ratio of it.
fn facts(row: &Row, registration: &LoanRegistration, as_of: Date) -> anyhow::Result<Facts> {
    let joint = row.application_type == "joint";
    let income = row.annual_income_joint.filter(|_| joint).unwrap_or(row.annual_income);
    let ratio = row.debt_to_income_joint.filter(|_| joint).or(row.debt_to_income).unwrap_or_default();
    let monthly = cents(income / Decimal::from(12))?;
    let debts = rounded(Decimal::from(monthly) * ratio / Decimal::ONE_HUNDRED)?;
    let stated = vec![common::MonthlyAmount { amount: Some(usd(monthly)), from_month: 0, months: 0 }];
    let statement = common::StatementOfAffairs {
        verified_income: if row.verified_income == "Not Verified" { Vec::new() } else { stated.clone() },
        declared_income: stated,
        priority_debt_payments: Some(usd(debts)),
        adults: if joint { 2 } else { 1 },
        ..common::StatementOfAffairs::default()
    };
    Ok(Facts {
        case_id: format!("portfolio-{}", row.loan_id),
        borrower_id: registration.borrower_id.clone(),
        as_of_date: Some(date(as_of)),
        loan: Some(LoanFacts {
            loan_id: registration.loan_id.clone(),
            contract: registration.contract.clone(),
            product: registration.product.clone(),
            stated_instalments: registration.stated_instalments.clone(),
            events: registration.events.clone(),
            closed: registration.closed,
        }),
        reason: reason(&row.loan_purpose).into(),
        statement: Some(statement),
        ..Facts::default()
    })
}

/// The file knows what a loan was for, not what went wrong; medical loans are the one hint.
fn reason(purpose: &str) -> common::HardshipReason {
    match purpose {
        "medical" => common::HardshipReason::IllnessDisability,
        "small_business" => common::HardshipReason::BusinessFailure,
        _ => common::HardshipReason::IncomeReduction,
    }
}

/// `Mar-2018` as a day of that month.
fn issue_day(text: &str, day: i8) -> anyhow::Result<Date> {
    let first =
        Date::strptime("%d-%b-%Y", format!("01-{text}")).with_context(|| format!("month `{text}`"))?;
    Ok(first.with().day(day.min(first.days_in_month())).build()?)
}

fn cents(amount: Decimal) -> anyhow::Result<i64> {
    rounded(amount * Decimal::ONE_HUNDRED)
}

fn rounded(amount: Decimal) -> anyhow::Result<i64> {
    let whole = amount.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven);
    whole.to_i64().with_context(|| format!("amount `{amount}` is too large"))
}

fn usd(minor_units: i64) -> common::Money {
    common::Money { currency_code: USD.to_owned(), minor_units }
}

fn date(day: Date) -> DateMessage {
    DateMessage { year: i32::from(day.year()), month: i32::from(day.month()), day: i32::from(day.day()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date as on;

    const HEADER: &str = "loan_id,annual_income,verified_income,debt_to_income,annual_income_joint,debt_to_income_joint,loan_purpose,application_type,loan_amount,term,interest_rate,installment,issue_month,loan_status,balance\n";

    fn one(line: &str) -> PortfolioLoan {
        let text = format!("{HEADER}{line}\n");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        read(&mut reader, on(2018, 6, 30)).unwrap().remove(0)
    }

    #[test]
    fn statuses_become_due_dates() {
        let rows = [
            ("Current", (2018, 7, 15)),
            ("In Grace Period", (2018, 6, 22)),
            ("Late (16-30 days)", (2018, 6, 7)),
            ("Late (31-120 days)", (2018, 5, 1)),
        ];
        for (status, due) in rows {
            let loan =
                one(&format!("L1,60000,Verified,10,,,car,individual,1000,36,12,33.21,Jan-2018,{status},900"));
            let first = loan.registration.stated_instalments.first().unwrap().due_date.unwrap();
            assert_eq!((first.year, first.month, first.day), due, "{status}");
            assert!(!loan.facts.unwrap().loan.unwrap().closed, "{status}");
            let principal: i64 = loan
                .registration
                .stated_instalments
                .iter()
                .map(|r| r.principal.as_ref().unwrap().minor_units)
                .sum();
            assert_eq!(principal, 90_000, "{status}");
        }
    }

    #[test]
    fn nothing_left_but_open_stays_open() {
        let loan = one("L5,60000,Verified,10,,,car,individual,7000,36,12,232.5,Jan-2018,Current,0");
        assert!(!loan.registration.closed);
        assert_eq!(loan.registration.stated_instalments.len(), 1);
        assert_eq!(loan.registration.events.len(), 1);
    }

    #[test]
    fn quirks_are_survived() {
        let closed =
            one("L2,0,Not Verified,469.02,,,medical,individual,5000,60,9.44,104.91,Mar-2018,Fully Paid,0");
        assert!(closed.registration.closed && closed.facts.unwrap().loan.unwrap().closed);
        let joint = one(
            "L3,0,Not Verified,469.02,90000,12.5,medical,joint,5000,60,9.44,104.91,Feb-2018,In Grace Period,4800",
        );
        let statement = joint.facts.unwrap().statement.unwrap();
        assert_eq!(statement.declared_income[0].amount.as_ref().unwrap().minor_units, 750_000);
        assert_eq!(statement.priority_debt_payments.unwrap().minor_units, 93_750);
        assert!(statement.verified_income.is_empty());
        let too_small = one("L4,1000,Verified,,,,car,individual,5000,60,30,10,Feb-2018,Current,4800");
        assert_eq!(too_small.registration.stated_instalments.len(), 1);
    }
}
