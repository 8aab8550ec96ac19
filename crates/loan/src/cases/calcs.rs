//! Cases that ask for the interest of single amounts.

use super::terms;
use super::{CaseError, file};
use crate::conventions::{Rounding, YearBasis};
use crate::interest;
use crate::money::{Amount, Currency, Rate};

/// The category of these cases. They are about one rule: actual/365 fixed, rounded away from zero.
pub const CATEGORY: &str = "interest_only_calc";

/// Currency whose decimal places hold where a case names none.
const CURRENCY: &str = "EUR";

/// Simple interest on an amount for some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimpleInterest {
    pub currency: Currency,
    pub principal: Amount,
    pub annual_rate: Rate,
    pub days: u16,
    /// Principal × rate × days / 365, rounded away from zero to the minor unit.
    pub interest: Amount,
}

/// The calculations that a case asks for. It states principal, rate and days beside the interest it expects, which isn't
/// looked at.
pub fn read(case: &file::Case) -> Result<Vec<SimpleInterest>, CaseError> {
    let stated = case.loan.as_ref().and_then(|loan| loan.currency.as_deref());
    let currency = Currency::parse(stated.unwrap_or(CURRENCY))?;
    let expected = case.expected.as_ref().ok_or(CaseError::Missing { field: "expected.calcs" })?;
    expected
        .calcs
        .iter()
        .map(|calc| {
            let principal = terms::amount("principal", calc.principal.as_ref(), currency)?;
            let annual_rate = terms::rate("annual_rate_pct", calc.annual_rate_pct.as_ref())?
                .ok_or(CaseError::Missing { field: "annual_rate_pct" })?;
            let days =
                terms::count("days", calc.days.as_ref())?.ok_or(CaseError::Missing { field: "days" })?;
            let days_run = u32::from(days);
            let interest =
                interest::simple(principal, annual_rate, days_run, YearBasis::Days365, Rounding::Up)?;
            Ok(SimpleInterest { currency, principal, annual_rate, days, interest })
        })
        .collect()
}
