//! Present values in exact decimals, nominal and effective annual cost in integers.
//!
//! One month discounts by v = 1/(1 + r/12). A part of a month (30/360 days) discounts linearly, 1/(1 + r/12 × days/30),
//! so that no power with a broken exponent is needed.

mod scaled;
mod solve;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::calendar::{self, Date};
use crate::contract::MAX_ANNUAL_RATE;
use crate::error::{ArithmeticError, LoanError};
use crate::money::{Amount, Rate, Ratio};
use crate::schedule::{Row, divide};

use scaled::Scaled;
use solve::{Due, Question, last_halving};

/// Decimal places of a reported annual cost and of a present-value share.
const REPORTED_PLACES: u32 = 6;
/// Decimal places that a solved rate surely has.
const SOLVED_PLACES: u32 = 9;
/// Places kept between steps; leaves digits for the products.
const WORKING_PLACES: u32 = 18;

/// Lowest effective yearly rate that is looked for: −99.9999 %.
pub const LOWEST_EFFECTIVE_RATE: Decimal = Decimal::from_parts(999_999, 0, 0, true, 6);
/// Highest effective yearly rate that is looked for: 100,000 %.
pub const HIGHEST_EFFECTIVE_RATE: Decimal = Decimal::ONE_THOUSAND;

/// Nominal days of a month (30/360).
const DAYS_IN_MONTH: u32 = 30;
/// Days of the year of an effective rate, leap years too.
const DAYS_IN_YEAR: u32 = 365;
/// A monthly rate is solved in units of 2^−60.
const MONTHLY_BITS: u32 = 60;
const MONTHLY_EXPONENT: i32 = 60;
/// 7/8 a month, 1,050 % a year: a little more than what is reported.
const MONTHLY_UNITS_MOST: u64 = 7 << 57;
/// A daily discount factor is solved in units of 2^−63.
const DAILY_EXPONENT: i32 = 63;
/// 125/128: above 500,000 % a year.
const DAILY_UNITS_LEAST: u64 = 125 << 56;
/// 134/128: −99.999994 % a year, which is reported as −100 % and so lies outside.
const DAILY_UNITS_MOST: u64 = 134 << 56;

/// A payment on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    pub date: Date,
    pub amount: Amount,
}

/// What the rows pay and when, penalty apart.
pub fn flows(rows: &[Row]) -> Result<Vec<Flow>, ArithmeticError> {
    rows.iter().map(|row| Ok(Flow { date: row.due, amount: row.total()? })).collect()
}

/// Present value at `at` in minor units, unrounded (18 places). Flows before `at` count undiscounted.
pub fn pv_exact(flows: &[Flow], annual_rate: Rate, at: Date) -> Result<Decimal, LoanError> {
    let monthly = divide(annual_rate.decimal(), Decimal::from(12))?;
    let growth = Decimal::ONE.checked_add(monthly).ok_or(ArithmeticError::Overflow)?;
    let mut ordered: Vec<(i64, Amount)> =
        flows.iter().map(|flow| (calendar::days_30_360(at, flow.date).max(0), flow.amount)).collect();
    ordered.sort_unstable();
    let mut value = Decimal::ZERO;
    let mut month = 0;
    let mut discount = Decimal::ONE;
    for (days, amount) in ordered {
        while month < days / 30 {
            discount = divide(discount, growth)?;
            month += 1;
        }
        let share = divide(Decimal::from(days % 30), Decimal::from(30))?;
        let part = monthly
            .checked_mul(share)
            .and_then(|interest| interest.checked_add(Decimal::ONE))
            .ok_or(ArithmeticError::Overflow)?;
        let present = amount
            .exact()
            .checked_mul(divide(discount, part)?.round_dp(WORKING_PLACES))
            .ok_or(ArithmeticError::Overflow)?;
        value = value.checked_add(present).ok_or(ArithmeticError::Overflow)?;
    }
    Ok(value)
}

/// Present value at `at`, rounded once.
pub fn pv(flows: &[Flow], annual_rate: Rate, at: Date) -> Result<Amount, LoanError> {
    Ok(Amount::round(pv_exact(flows, annual_rate, at)?)?)
}

/// What a change of schedule costs in present value: the loss, rounded once, and its share of the principal left
/// (6 places). Negative where the new schedule is worth more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    pub before: &'a [Flow],
    pub after: &'a [Flow],
    pub annual_rate: Rate,
    pub at: Date,
    pub principal_left: Amount,
}

/// (loss, loss / principal left).
pub fn pv_loss(change: &Change<'_>) -> Result<(Amount, Ratio), LoanError> {
    let before = pv_exact(change.before, change.annual_rate, change.at)?;
    let after = pv_exact(change.after, change.annual_rate, change.at)?;
    let loss = before.checked_sub(after).ok_or(ArithmeticError::Overflow)?;
    let share = if change.principal_left.is_zero() {
        Decimal::ZERO
    } else {
        divide(loss, change.principal_left.exact())?
    };
    Ok((Amount::round(loss)?, Ratio::from(share.round_dp(REPORTED_PLACES))))
}

/// Nominal annual cost: 12 × the monthly rate at which the flows are worth `outlay` on `at` (discounted as in
/// [`pv_exact`]), rounded to 6 places. `None` where the flows pay back less than the outlay, cost more than 1,000 % a year,
/// or one is negative.
///
/// Worked line: 100.00 laid out, 102.00 one month later: 12 × 2 % = 0.24. Always ends: 60 halvings of the bracket 0 to
/// 1,000 %, in integers. Source: the nominal rate of the annuity formula, as in RATE() of spreadsheets times 12.
pub fn annual_cost(outlay: Amount, flows: &[Flow], at: Date) -> Result<Option<Rate>, LoanError> {
    let dues = dues(flows, at, |date| calendar::days_30_360(at, date), DAYS_IN_MONTH)?;
    let payments = match Question::of(outlay, flows, dues) {
        Question::Zero => return Ok(Some(Rate::ZERO)),
        Question::Solve { payments, pays_back_less: false } => payments,
        Question::Solve { .. } | Question::Undiscounted | Question::Unanswerable => return Ok(None),
    };
    // A monthly rate is `units` / 2^60; days beyond whole months add linearly.
    let one = 1_u128 << MONTHLY_BITS;
    let growth = |units: u128| Scaled::new(one + units, -MONTHLY_EXPONENT);
    let units = last_halving(0, MONTHLY_UNITS_MOST, |units| {
        let units = u128::from(units);
        payments.worth_more(growth(units).inverse(), |days| {
            growth(units * u128::from(days) / u128::from(DAYS_IN_MONTH)).inverse()
        })
    });
    let annual = Scaled::new(u128::from(units) * 12, -MONTHLY_EXPONENT);
    Ok(annual.to_decimal().map(reported).filter(|rate| *rate <= MAX_ANNUAL_RATE).map(Rate::from))
}

/// Effective annual cost (XIRR): the yearly rate i with Σ flow / (1 + i)^(days / 365) = `outlay`, actual days from `at`,
/// rounded to 6 places HALF_EVEN. Flows on or before `at` count undiscounted. Negative where less comes back than was laid
/// out.
///
/// Defined from [`LOWEST_EFFECTIVE_RATE`] to [`HIGHEST_EFFECTIVE_RATE`]; `None` beyond them, where nothing is laid out or
/// nothing comes back, where everything was due by `at` and isn't the outlay, and where a flow is negative (several rates
/// could fit). With flows of one sign there is one rate at most.
///
/// Solved for the daily discount factor (1 + i)^(−1/365), whose whole powers are exact arithmetic: no logarithm, no float,
/// 59 halvings of a bracket, then one power. Worked line: 10,000 laid out on 2008-01-01; 2,750 back on 03-01, 4,250 on
/// 10-30, 3,250 on 2009-02-15 and 2,750 on 04-01 give 0.373363 (37.336 % in the manual of Excel's XIRR). Source: XIRR, and
/// Directive 2008/48/EC, annex I, part I, with the time between dates in days / 365.
pub fn effective_annual_cost(outlay: Amount, flows: &[Flow], at: Date) -> Result<Option<Rate>, LoanError> {
    let dues = dues(flows, at, |date| calendar::days_between(at, date), 1)?;
    let payments = match Question::of(outlay, flows, dues) {
        Question::Zero => return Ok(Some(Rate::ZERO)),
        Question::Solve { payments, .. } => payments,
        Question::Undiscounted | Question::Unanswerable => return Ok(None),
    };
    let discount = |units: u64| Scaled::new(u128::from(units), -DAILY_EXPONENT);
    // The dearer the rate the smaller the factor: it is the least one that makes the payments worth more.
    let units = last_halving(DAILY_UNITS_LEAST, DAILY_UNITS_MOST, |units| {
        !payments.worth_more(discount(units), |_| Scaled::ONE)
    });
    let growth = discount(units).power(DAYS_IN_YEAR).inverse();
    let rate = growth.to_decimal().map(|growth| reported(growth - Decimal::ONE));
    let in_bracket = |rate: &Decimal| (LOWEST_EFFECTIVE_RATE..=HIGHEST_EFFECTIVE_RATE).contains(rate);
    Ok(rate.filter(in_bracket).map(Rate::from))
}

/// Flows as whole periods and days beyond them; what was due by `at` lies at 0.
fn dues(
    flows: &[Flow],
    at: Date,
    days_to: impl Fn(Date) -> i64,
    days_in_period: u32,
) -> Result<Vec<Due>, ArithmeticError> {
    let due = |flow: &Flow| {
        let days = if flow.date <= at { 0 } else { days_to(flow.date).max(0) };
        let days = u32::try_from(days).map_err(|_| ArithmeticError::Overflow)?;
        let (periods, rest) = (days / days_in_period, days % days_in_period);
        Ok(Due { periods, rest, amount: Scaled::of(flow.amount) })
    };
    flows.iter().map(due).collect()
}

/// A solved rate as it is reported: the solver's last digits go first, so that a rate half-way between two is even.
fn reported(solved: Decimal) -> Decimal {
    solved.round_dp(SOLVED_PLACES).round_dp(REPORTED_PLACES)
}
