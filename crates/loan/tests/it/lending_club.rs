//! LendingClub's instalments and hardship plans: what a real book holds must come out of the contract's terms.

use loan::{Amount, Contract, Currency, DeferralInterest, Measure, Rate, Ratio, schedule};
use rust_decimal::Decimal;

use crate::common::{account, contract, date, terms};

/// The published files. Fewer rows would mean that some were dropped.
const PORTFOLIO_ROWS: usize = 6_000;
const HARDSHIP_ROWS: usize = 26;

/// Rows of a shared file as header → cell.
fn read(file: &str) -> Vec<csv::StringRecord> {
    let folder = std::env::var("XDATA")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").to_owned());
    let path = format!("{folder}/{file}");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{path}: {error}; put the shared data beside the workspace"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let mut rows = vec![headers];
    rows.extend(reader.records().map(Result::unwrap));
    rows
}

/// The cells of some columns, row by row.
fn columns<const N: usize>(file: &str, names: [&str; N]) -> Vec<[String; N]> {
    let rows = read(file);
    let (headers, rows) = rows.split_first().unwrap();
    let place = names.map(|name| headers.iter().position(|header| header == name).unwrap());
    rows.iter().map(|row| place.map(|column| row[column].to_owned())).collect()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn cents(text: &str) -> Amount {
    Amount::round(decimal(text) * Decimal::from(100)).unwrap()
}

fn lending_club(principal: Amount, months: &str, percent: &str) -> Contract {
    let months = u16::try_from(i64::try_from(decimal(months)).unwrap()).unwrap();
    Contract {
        currency: Currency::parse("USD").unwrap(),
        principal,
        annual_rate: Rate::from(decimal(percent) / Decimal::from(100)),
        ..contract("1.00", months, "0", "2018-01-15")
    }
}

#[test]
fn instalments_of_the_portfolio_come_out() {
    let rows =
        columns("lc_portfolio_2018.csv", ["loan_id", "loan_amount", "term", "interest_rate", "installment"]);
    assert!(rows.len() >= PORTFOLIO_ROWS, "only {} rows", rows.len());
    let mut strange = Vec::new();
    for [id, amount, months, percent, stated] in &rows {
        let level =
            schedule::build(&lending_club(cents(amount), months, percent)).unwrap()[0].total().unwrap();
        if level.sub(cents(stated)).unwrap().minor().abs() > 2 {
            strange.push(format!("{id}: {level} for {stated}"));
        }
    }
    // 99.9 %: at most 6 of 6,000.
    assert!(strange.len() * 1_000 <= rows.len(), "{strange:?}");
}

#[test]
fn hardship_plans_pay_the_interest_of_their_months() {
    let rows = columns(
        "lc_hardship_plans.csv",
        [
            "hardship_payoff_balance_amount",
            "term",
            "int_rate",
            "hardship_amount",
            "orig_projected_additional_accrued_interest",
            "deferral_term",
        ],
    );
    assert!(rows.len() >= HARDSHIP_ROWS, "only {} rows", rows.len());
    let interest_only =
        |months: u8| terms(vec![Measure::Deferral { months, interest: DeferralInterest::Paid }], None);
    let mut projected = 0;
    for [balance, term, percent, stated, interest, months] in &rows {
        let months = u8::try_from(i64::try_from(decimal(months)).unwrap()).unwrap();
        assert_eq!(months, 3);
        let stated = cents(stated);
        let on = date("2018-01-15");
        let plan = |contract: Contract| account(contract).preview(&interest_only(months), on).unwrap().after;

        let ours = plan(lending_club(cents(balance), term, percent));
        let (_, payment) = ours.first_payment.unwrap();
        let ratio = Ratio::from(stated.exact() / payment.exact()).decimal();
        assert!((ratio - Decimal::ONE).abs() <= Decimal::new(4, 2), "{stated} against {payment}");
        assert_eq!(ours.relief_interest.minor(), payment.minor() * 3);

        // A balance of which a month's interest is the stated amount: 12 % a year of a hundred times as much.
        let exact = plan(lending_club(Amount::new(stated.minor() * 100), term, "12"));
        let monthly: Vec<Amount> = exact.flows.iter().take(3).map(|flow| flow.amount).collect();
        assert_eq!(monthly, [stated; 3]);
        if !interest.is_empty() {
            assert_eq!(exact.relief_interest, cents(interest));
            projected += 1;
        }
    }
    assert_eq!(projected, 21);
}
