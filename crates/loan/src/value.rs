//! Present values and the nominal annual cost, in exact decimals.
//!
//! One month discounts by v = 1/(1 + r/12). A part of a month (30/360 days) discounts linearly, 1/(1 + r/12 × days/30),
//! so that no power with a broken exponent is needed.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::calendar::{self, Date};
use crate::contract::MAX_ANNUAL_RATE;
use crate::error::{ArithmeticError, LoanError};
use crate::money::{Amount, Rate, Ratio};
use crate::schedule::{Row, divide};

/// Halvings of the bracket 0 to 1,000 % a year: enough for 10 places.
const BISECTIONS: u32 = 48;
/// Decimal places of a reported annual cost and of a present-value share.
const REPORTED_PLACES: u32 = 6;
/// Places kept between steps; leaves digits for the products.
const WORKING_PLACES: u32 = 18;

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

/// Nominal annual cost: 12 × the monthly rate at which the flows are worth `outlay` on `at`, by bisection in decimals,
/// rounded to 6 places. `None` where the flows pay back less than the outlay or cost more than 1,000 % a year.
pub fn annual_cost(outlay: Amount, flows: &[Flow], at: Date) -> Result<Option<Rate>, LoanError> {
    let total = Amount::try_sum(flows.iter().map(|flow| flow.amount))?;
    if outlay.minor() < 1 || total < outlay {
        return Ok(None);
    }
    if total == outlay {
        return Ok(Some(Rate::ZERO));
    }
    let target = outlay.exact();
    let mut low = Decimal::ZERO;
    let mut high = MAX_ANNUAL_RATE;
    if pv_exact(flows, Rate::from(high), at)? > target {
        return Ok(None);
    }
    for _ in 0..BISECTIONS {
        let middle = ((low + high) / Decimal::TWO).round_dp(WORKING_PLACES);
        if pv_exact(flows, Rate::from(middle), at)? > target {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(Some(Rate::from(high.round_dp(REPORTED_PLACES))))
}
