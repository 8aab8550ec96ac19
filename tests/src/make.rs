//! Small makers of messages.

use anyhow::Context as _;
use api::google::r#type::Date;
use api::leeway::common::v1 as common;

/// A new request id.
pub fn request_id() -> String {
    chassis::Ids::random().uuid().to_string()
}

/// CNY in fen.
pub fn cny(minor_units: i64) -> common::Money {
    common::Money { currency_code: "CNY".to_owned(), minor_units }
}

/// A date such as `2026-07-15`; anything else is the zero date, which every service refuses.
pub fn day(text: &str) -> Date {
    let read: Option<jiff::civil::Date> = text.parse().ok();
    read.map(|day| Date {
        year: i32::from(day.year()),
        month: i32::from(day.month()),
        day: i32::from(day.day()),
    })
    .unwrap_or_default()
}

/// A date as text; empty where there is none.
pub fn text(day: Option<&Date>) -> String {
    day.map(|d| format!("{:04}-{:02}-{:02}", d.year, d.month, d.day)).unwrap_or_default()
}

/// Minor units of an amount that must be there.
pub fn minor(money: Option<&common::Money>) -> anyhow::Result<i64> {
    Ok(money.context("an amount is missing")?.minor_units)
}

/// An amount a month, for good where `months` is 0.
pub fn monthly(minor_units: i64, from_month: i32, months: i32) -> common::MonthlyAmount {
    common::MonthlyAmount { amount: Some(cny(minor_units)), from_month, months }
}

/// A statement of one adult without other debts, whose income is verified.
pub fn statement(
    income: Vec<common::MonthlyAmount>,
    essentials: Vec<common::MonthlyAmount>,
) -> common::StatementOfAffairs {
    common::StatementOfAffairs {
        declared_income: income.clone(),
        verified_income: income,
        essentials,
        adults: 1,
        ..common::StatementOfAffairs::default()
    }
}

/// Terms of some measures.
pub fn terms(kinds: Vec<common::measure::Kind>) -> common::Terms {
    let measures = kinds.into_iter().map(|kind| common::Measure { kind: Some(kind) }).collect();
    common::Terms { measures, first_payment_date: None }
}

/// A deferral whose interest the pack completes.
pub fn deferral(months: i32) -> common::Terms {
    terms(vec![common::measure::Kind::Deferral(common::Deferral { months, interest: 0 })])
}

/// Lower payments of that factor for some instalments; the rest is completed.
pub fn reduction(factor: &str, instalments: i32) -> common::Terms {
    terms(vec![common::measure::Kind::PaymentReduction(common::PaymentReduction {
        pay: Some(common::payment_reduction::Pay::Factor(factor.to_owned())),
        instalments,
        shortfall_rows: 0,
        interest: 0,
    })])
}

/// The same day some months later, of days up to the 28th.
pub fn months_after(date: &Date, months: i32) -> Date {
    let index = date.year * 12 + date.month - 1 + months;
    Date { year: index.div_euclid(12), month: index.rem_euclid(12) + 1, day: date.day }
}
