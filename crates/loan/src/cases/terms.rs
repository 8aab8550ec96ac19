//! A case's terms as contract and product.

use rust_decimal::Decimal;

use super::CaseError;
use super::file::{self, Scalar};
use crate::calendar::Date;
use crate::contract::{Amortisation, Contract, MAX_INSTALMENTS};
use crate::conventions::{
    Accrual, Conventions, DayCount, Frequency, FrequencyUnit, Grace, MonthBasis, Rounding, RoundingPoint,
    YearBasis,
};
use crate::money::{Amount, Currency, Rate, Ratio};
use crate::product::{OverdueInterest, Overpayment, PayOffInterest, Product};

/// Most periods that are stepped over from a stated anchor to the first due date.
const MAX_STEPS: i32 = 1_200;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The contract that a case states. `generated` stands for a day that it doesn't.
pub fn contract(loan: &file::Loan, generated: Option<&str>) -> Result<Contract, CaseError> {
    let currency = Currency::parse(required("currency", loan.currency.as_deref())?)?;
    let interest_from = interest_from(loan, generated)?;
    let frequency = frequency(loan.repay_every.as_ref(), loan.repay_unit.as_deref())?;
    let (first_due, anchor_day) = first_due(loan, frequency, interest_from)?;
    let instalments = match count("n_instalments", loan.n_instalments.as_ref())? {
        Some(count) => count,
        None if loan.fixed_instalment.is_some() => MAX_INSTALMENTS,
        None => return Err(CaseError::Missing { field: "n_instalments" }),
    };
    let down_payment = number("down_payment_pct", loan.down_payment_pct.as_ref())?.unwrap_or_default();
    let fixed = optional_amount("fixed_instalment", loan.fixed_instalment.as_ref(), currency)?;
    Ok(Contract {
        currency,
        principal: amount("principal", loan.principal.as_ref(), currency)?,
        annual_rate: rate("annual_rate_pct", loan.annual_rate_pct.as_ref())?.unwrap_or(Rate::ZERO),
        amortisation: amortisation(loan)?,
        instalments,
        interest_from,
        first_due,
        anchor_day,
        instalment_multiple_of: multiple_of(loan.rounding.instalment_multiple_of.as_ref(), currency)?,
        conventions: Conventions {
            frequency,
            accrual: accrual(loan.interest_period.as_deref())?,
            day_count: day_count(&loan.day_count)?,
            rounding: rounding(loan.rounding.mode.as_deref()),
            rounding_point: rounding_point(loan),
            grace: grace(loan)?,
            down_payment: Ratio::from(down_payment / Decimal::ONE_HUNDRED),
            fixed_instalment: fixed,
            business_days: None,
        },
    })
}

/// What the case states beside the contract. Cases know penalties as charges only, so overdue days cost none.
pub fn product(loan: &file::Loan) -> Product {
    let says = |text: &Option<String>, words: &[&str]| {
        text.as_ref().is_some_and(|text| mentions(&text.to_lowercase(), words))
    };
    let overdue = loan.interest_on_overdue.as_deref().unwrap_or_default().to_lowercase();
    Product {
        penalty_multiplier: Ratio::ZERO,
        cost_cap: Rate::from(crate::contract::MAX_ANNUAL_RATE),
        allocation: Product::default_allocation(),
        overpayment: if says(&loan.prepayment, &["number", "term", "shorten"]) {
            Overpayment::ReduceTerm
        } else if says(&loan.prepayment, &["emi", "instalment amount", "installment amount"]) {
            Overpayment::ReduceInstalment
        } else if says(&loan.prepayment, &["last"]) {
            Overpayment::ReduceLast
        } else {
            Overpayment::ReduceNext
        },
        late_allocation: None,
        overdue_interest: if overdue.trim_start().starts_with("daily") {
            OverdueInterest::ContractRate
        } else {
            OverdueInterest::None
        },
        pay_off_interest: if says(&loan.preclose_rule, &["end of", "period end", "whole period"]) {
            PayOffInterest::ToPeriodEnd
        } else {
            PayOffInterest::ToDate
        },
    }
}

/// Every so many days, weeks, months or years; monthly where neither is stated.
pub fn frequency(every: Option<&Scalar>, unit: Option<&str>) -> Result<Frequency, CaseError> {
    let every = count("repay_every", every)?.unwrap_or(1);
    let text = unit.unwrap_or("months");
    let (unit, months) = match text.trim().to_lowercase().trim_end_matches('s') {
        "day" => (FrequencyUnit::Days, 1),
        "week" => (FrequencyUnit::Weeks, 1),
        "month" => (FrequencyUnit::Months, 1),
        "year" => (FrequencyUnit::Months, 12),
        _ => return Err(unreadable("repay_unit", text, "days, weeks, months or years")),
    };
    Ok(Frequency { every: every.saturating_mul(months), unit })
}

fn interest_from(loan: &file::Loan, generated: Option<&str>) -> Result<Date, CaseError> {
    let stated = loan.interest_from.as_deref().or(loan.disbursed_on.as_deref());
    match stated {
        // A remark such as `(today)` is no day; any day serves, and the file's own gives the same rows every time.
        Some(text) if text.chars().any(|c| c.is_ascii_digit()) => date("interest_from", text),
        Some(_) | None => date("generated", required("interest_from", generated)?),
    }
}

/// The first due date after a down payment, and the day of month that due dates keep.
fn first_due(
    loan: &file::Loan,
    frequency: Frequency,
    interest_from: Date,
) -> Result<(Date, Option<u8>), CaseError> {
    let is_monthly = frequency.unit == FrequencyUnit::Months;
    let anchored = |day: u8| is_monthly.then_some(day);
    if let Some(text) = &loan.first_due_date {
        return Ok((date("first_due_date", text)?, None));
    }
    if let Some((day, month)) = loan.note.as_deref().and_then(stated_anchor) {
        return first_after(frequency, (day, month), interest_from).map(|due| (due, anchored(day)));
    }
    let day = u8::try_from(interest_from.day()).unwrap_or(1);
    Ok((frequency.after(day, interest_from, 1)?, anchored(day)))
}

/// Day and month of a note such as `periods anchored on 1 January`.
fn stated_anchor(note: &str) -> Option<(u8, i8)> {
    let note = note.to_lowercase();
    let (_, rest) = note.split_once("anchored on ")?;
    let mut words = rest.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let day = words.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let name = words.next()?;
    let month = MONTHS.iter().zip(1_i8..).find_map(|(month, nr)| (*month == name).then_some(nr))?;
    Some((day, month))
}

/// The first due date after `interest_from` of those that run from the anchor's last recurrence before it.
fn first_after(frequency: Frequency, (day, month): (u8, i8), interest_from: Date) -> Result<Date, CaseError> {
    let in_year = |year: i16| {
        Date::new(year, month, 1)
            .map_err(|_| unreadable("note", "anchor", "a day of the calendar"))
            .and_then(|first| Ok(crate::calendar::month_after(day, first, 0)?))
    };
    let this_year = in_year(interest_from.year())?;
    let anchor = if this_year > interest_from { in_year(interest_from.year() - 1)? } else { this_year };
    for step in 1..=MAX_STEPS {
        let due = frequency.after(day, anchor, step)?;
        if due > interest_from {
            return Ok(due);
        }
    }
    Err(unreadable("note", "anchor", "near the day from which interest runs"))
}

fn amortisation(loan: &file::Loan) -> Result<Amortisation, CaseError> {
    let method = required("interest_method", loan.interest_method.as_deref())?;
    let kind = loan.amortisation.as_deref().unwrap_or("equal_instalments");
    match (method, kind) {
        ("flat", "equal_instalments" | "equal_principal") => Ok(Amortisation::Flat),
        ("declining_balance", "equal_instalments") => Ok(Amortisation::EqualInstalments),
        ("declining_balance", "equal_principal") => Ok(Amortisation::EqualPrincipal),
        ("declining_balance" | "flat", "interest_only") => Ok(Amortisation::InterestOnly),
        ("declining_balance" | "flat", _) => {
            Err(unreadable("amortisation", kind, "equal_instalments, equal_principal or interest_only"))
        }
        _ => Err(unreadable("interest_method", method, "flat or declining_balance")),
    }
}

fn accrual(text: Option<&str>) -> Result<Accrual, CaseError> {
    match text.unwrap_or("same_as_repayment") {
        "same_as_repayment" => Ok(Accrual::Nominal),
        "daily" => Ok(Accrual::Daily),
        other => Err(unreadable("interest_period", other, "same_as_repayment or daily")),
    }
}

fn day_count(stated: &file::DayCount) -> Result<DayCount, CaseError> {
    let text = |scalar: &Option<Scalar>| scalar.as_ref().map(|scalar| scalar.to_string().to_lowercase());
    let month = match text(&stated.days_in_month).as_deref() {
        Some("30") | None => MonthBasis::Thirty,
        // Weeks and days don't look at months.
        Some("actual" | "n/a") => MonthBasis::Actual,
        Some(other) => return Err(unreadable("days_in_month", other, "30, actual or n/a")),
    };
    let year = match text(&stated.days_in_year).as_deref() {
        Some("360") | None => YearBasis::Days360,
        Some("364") => YearBasis::Days364,
        Some("365") => YearBasis::Days365,
        Some("actual") => YearBasis::Actual,
        Some(other) => return Err(unreadable("days_in_year", other, "360, 364, 365 or actual")),
    };
    Ok(DayCount { month, year })
}

/// Texts that name no mode mean HALF_EVEN, and so does one that says nothing is rounded on the way: money is in minor
/// units here.
fn rounding(mode: Option<&str>) -> Rounding {
    match mode.unwrap_or_default().trim().to_uppercase().as_str() {
        "HALF_UP" => Rounding::HalfUp,
        "UP" | "AWAY_FROM_ZERO" | "CEILING" => Rounding::Up,
        "DOWN" | "FLOOR" => Rounding::Down,
        _ => Rounding::HalfEven,
    }
}

/// Once a period, unless a remark says that sub-periods are rounded.
fn rounding_point(loan: &file::Loan) -> RoundingPoint {
    let parts = [
        "sub-period",
        "sub-interval",
        "sub period",
        "sub interval",
        "subperiod",
        "subinterval",
        "cumulative",
    ];
    let rounds_parts = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or_default().to_lowercase();
        mentions(&text, &parts) && !mentions(&text, &["not ", "never "])
    };
    if rounds_parts(&loan.rounding.when) || rounds_parts(&loan.rounding.note) {
        RoundingPoint::SubPeriod
    } else {
        RoundingPoint::Period
    }
}

fn grace(loan: &file::Loan) -> Result<Grace, CaseError> {
    let of =
        |field, scalar: &Option<Scalar>| Ok::<u16, CaseError>(count(field, scalar.as_ref())?.unwrap_or(0));
    Ok(Grace {
        principal: of("grace_on_principal_instalments", &loan.grace_on_principal_instalments)?,
        interest: of("grace_on_interest_instalments", &loan.grace_on_interest_instalments)?,
        interest_deferred: of(
            "interest_payment_deferred_instalments",
            &loan.interest_payment_deferred_instalments,
        )?,
    })
}

/// Whole units of the currency that level instalments are rounded to: the number that the text begins with.
fn multiple_of(stated: Option<&Scalar>, currency: Currency) -> Result<Option<Amount>, CaseError> {
    let Some(text) = stated.map(Scalar::to_string) else { return Ok(None) };
    let digits = text.split(|c: char| !(c.is_ascii_digit() || c == '.')).next().unwrap_or_default();
    let amount = Amount::parse(digits, currency).map_err(|_| {
        unreadable("instalment_multiple_of", &text, "an amount of money, perhaps with a remark")
    })?;
    Ok((!amount.is_zero()).then_some(amount))
}

fn mentions(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

pub fn required<'a>(field: &'static str, text: Option<&'a str>) -> Result<&'a str, CaseError> {
    text.ok_or(CaseError::Missing { field })
}

pub fn date(field: &'static str, text: &str) -> Result<Date, CaseError> {
    text.trim().parse().map_err(|_| unreadable(field, text, "an ISO date"))
}

pub fn amount(field: &'static str, scalar: Option<&Scalar>, currency: Currency) -> Result<Amount, CaseError> {
    optional_amount(field, scalar, currency)?.ok_or(CaseError::Missing { field })
}

fn optional_amount(
    field: &'static str,
    scalar: Option<&Scalar>,
    currency: Currency,
) -> Result<Option<Amount>, CaseError> {
    let Some(text) = scalar.map(Scalar::to_string) else { return Ok(None) };
    Amount::parse(&text, currency).map(Some).map_err(|_| unreadable(field, &text, "an amount of money"))
}

/// A yearly rate from percent.
pub fn rate(field: &'static str, scalar: Option<&Scalar>) -> Result<Option<Rate>, CaseError> {
    Ok(number(field, scalar)?.map(|percent| Rate::from(percent / Decimal::ONE_HUNDRED)))
}

pub fn count(field: &'static str, scalar: Option<&Scalar>) -> Result<Option<u16>, CaseError> {
    let Some(text) = scalar.map(Scalar::to_string) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| unreadable(field, &text, "a whole number from 0 to 65535"))
}

fn number(field: &'static str, scalar: Option<&Scalar>) -> Result<Option<Decimal>, CaseError> {
    let Some(text) = scalar.map(Scalar::to_string) else { return Ok(None) };
    Decimal::from_str_exact(&text).map(Some).map_err(|_| unreadable(field, &text, "a decimal number"))
}

pub fn unreadable(field: &'static str, text: &str, expected: &'static str) -> CaseError {
    CaseError::Unreadable { field, text: text.to_owned(), expected }
}
