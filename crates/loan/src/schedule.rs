//! Contract schedules and the solver behind them.
//!
//! Interest is rounded once per period; the last instalment absorbs the remainder (domain section 3.3).

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::calendar::{self, Date};
use crate::contract::{Amortisation, Contract};
use crate::error::{ArithmeticError, LoanError};
use crate::money::{Amount, Rate};

/// One instalment of a schedule, penalty apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Row {
    /// From 1; kept for life, also where relief empties the row.
    pub nr: u32,
    /// Due date in force.
    pub due: Date,
    /// Due date of the contract; of a row that relief added, its first due date.
    pub contract_due: Date,
    pub principal: Amount,
    /// Interest of this row's own period, less what was waived or put off.
    pub interest: Amount,
    pub fee: Amount,
    /// Interest that relief put off to this row or charged for the plan, shown apart.
    pub relief_interest: Amount,
    /// Principal left once this row is paid.
    pub balance_after: Amount,
}

impl Row {
    /// Everything that falls due with this row, penalty apart.
    pub fn total(&self) -> Result<Amount, ArithmeticError> {
        Amount::try_sum([self.principal, self.interest, self.fee, self.relief_interest])
    }
}

/// The schedule of a contract. The principal rows add up to the principal; no part is negative.
pub fn build(contract: &Contract) -> Result<Vec<Row>, LoanError> {
    contract.check()?;
    let periods = contract_periods(contract)?;
    let method = Method::of(contract);
    let splits = method.solve(contract.principal, &periods)?;
    let mut left = contract.principal;
    let mut rows = Vec::with_capacity(splits.len());
    for (split, nr) in splits.iter().zip(1_u32..) {
        let months = i32::try_from(nr - 1).map_err(|_| ArithmeticError::Overflow)?;
        let due = calendar::month_after(contract.anchor_day(), contract.first_due, months)?;
        left = left.sub(split.principal)?;
        rows.push(Row {
            nr,
            due,
            contract_due: due,
            principal: split.principal,
            interest: split.interest,
            fee: Amount::ZERO,
            relief_interest: Amount::ZERO,
            balance_after: left,
        });
    }
    check(&rows, contract.principal)?;
    Ok(rows)
}

/// Conservation (domain section 3.9): the principal rows add up to `principal`, and no part is negative.
pub(crate) fn check(rows: &[Row], principal: Amount) -> Result<(), LoanError> {
    for row in rows {
        for amount in [row.principal, row.interest, row.fee, row.relief_interest, row.balance_after] {
            if amount.is_negative() {
                return Err(LoanError::NegativePart { nr: row.nr, amount });
            }
        }
    }
    let sum = Amount::try_sum(rows.iter().map(|row| row.principal))?;
    if sum != principal {
        return Err(LoanError::NotConserved { what: "principal rows", left: sum, right: principal });
    }
    Ok(())
}

/// One period: `rate` a year for `numerator`/`denominator` nominal months.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Period {
    pub rate: Rate,
    pub numerator: i64,
    pub denominator: i64,
}

impl Period {
    /// A whole nominal month.
    pub fn month(rate: Rate) -> Self {
        Self { rate, numerator: 1, denominator: 1 }
    }

    /// Interest on `balance` for this period, rounded once.
    pub fn interest(&self, balance: Amount) -> Result<Amount, ArithmeticError> {
        let product = balance
            .exact()
            .checked_mul(self.rate.decimal())
            .and_then(|yearly| yearly.checked_mul(Decimal::from(self.numerator)))
            .ok_or(ArithmeticError::Overflow)?;
        Amount::round(divide(product, self.twelfths())?)
    }

    fn growth(&self) -> Result<Decimal, ArithmeticError> {
        let yearly = self
            .rate
            .decimal()
            .checked_mul(Decimal::from(self.numerator))
            .ok_or(ArithmeticError::Overflow)?;
        let monthly = divide(yearly, self.twelfths())?;
        Decimal::ONE.checked_add(monthly).ok_or(ArithmeticError::Overflow)
    }

    fn twelfths(&self) -> Decimal {
        Decimal::from(self.denominator) * Decimal::from(12)
    }
}

/// Principal and interest of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Split {
    pub principal: Amount,
    pub interest: Amount,
}

impl Split {
    fn total(&self) -> Result<Amount, ArithmeticError> {
        self.principal.add(self.interest)
    }
}

/// How a principal is spread over periods.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method {
    pub amortisation: Amortisation,
    /// Original principal, on which flat interest is charged.
    pub original: Amount,
    multiple_of: Option<Amount>,
}

impl Method {
    pub fn of(contract: &Contract) -> Self {
        Self {
            amortisation: contract.amortisation,
            original: contract.principal,
            multiple_of: contract.instalment_multiple_of,
        }
    }

    /// One split per period; principal adds up exactly.
    pub fn solve(&self, principal: Amount, periods: &[Period]) -> Result<Vec<Split>, ArithmeticError> {
        if periods.is_empty() {
            return Err(ArithmeticError::DivisionByZero);
        }
        match self.amortisation {
            Amortisation::EqualInstalments => self.equal_instalments(principal, periods),
            Amortisation::EqualPrincipal => self.equal_principal(principal, periods),
            Amortisation::Flat => self.flat(principal, periods),
        }
    }

    /// Level = principal / Σ discount factors, rounded; re-solved once where the last instalment strays by more than
    /// ⌊n/2⌋ minor units, and kept only if the gap shrinks (domain section 3.3).
    fn equal_instalments(
        &self,
        principal: Amount,
        periods: &[Period],
    ) -> Result<Vec<Split>, ArithmeticError> {
        let mut discount = Decimal::ONE;
        let mut sum = Decimal::ZERO;
        for period in periods {
            discount = divide(discount, period.growth()?)?;
            sum = sum.checked_add(discount).ok_or(ArithmeticError::Overflow)?;
        }
        let level = self.step(divide(principal.exact(), sum)?)?;
        let splits = declining(principal, periods, |interest| level.sub(interest))?;
        let count = i64::try_from(periods.len()).map_err(|_| ArithmeticError::Overflow)?;
        let gap = last_gap(&splits, level)?;
        if gap.minor().abs() <= count / 2 {
            return Ok(splits);
        }
        let share = divide(gap.exact(), Decimal::from(count))?;
        let adjusted = self.step(level.exact() + share)?;
        let again = declining(principal, periods, |interest| adjusted.sub(interest))?;
        let shrinks = last_gap(&again, adjusted)?.minor().abs() < gap.minor().abs();
        Ok(if shrinks { again } else { splits })
    }

    fn equal_principal(&self, principal: Amount, periods: &[Period]) -> Result<Vec<Split>, ArithmeticError> {
        let exact = divide(principal.exact(), Decimal::from(periods.len()))?;
        let share = self.step(exact)?;
        declining(principal, periods, |_| Ok(share))
    }

    /// Level = principal/n + rate/12 × original; each row rounds its interest once, the last absorbs both remainders.
    fn flat(&self, principal: Amount, periods: &[Period]) -> Result<Vec<Split>, ArithmeticError> {
        let per_row = divide(principal.exact(), Decimal::from(periods.len()))?;
        let mut exact_interest = Decimal::ZERO;
        let mut charged = Amount::ZERO;
        let mut left = principal;
        let mut splits = Vec::with_capacity(periods.len());
        for (index, period) in periods.iter().enumerate() {
            let exact = self.original.exact() * (period.growth()? - Decimal::ONE);
            exact_interest += exact;
            let split = if index + 1 == periods.len() {
                let interest = Amount::round(exact_interest)?.sub_floor0(charged)?;
                Split { principal: left, interest }
            } else {
                let interest = Amount::round(exact)?;
                let level = self.step(per_row + exact)?;
                Split { principal: level.sub_floor0(interest)?.min(left), interest }
            };
            charged = charged.add(split.interest)?;
            left = left.sub(split.principal)?;
            splits.push(split);
        }
        Ok(splits)
    }

    /// Rounds a level instalment to the minor unit or to the contract's multiple.
    fn step(&self, exact: Decimal) -> Result<Amount, ArithmeticError> {
        match self.multiple_of {
            None => Amount::round(exact),
            Some(multiple) => {
                let units = Amount::round(divide(exact, multiple.exact())?)?;
                units.minor().checked_mul(multiple.minor()).map(Amount::new).ok_or(ArithmeticError::Overflow)
            }
        }
    }
}

/// Walks the declining balance; `principal_of` gives a row's principal from its interest. The last row takes the rest.
fn declining(
    principal: Amount,
    periods: &[Period],
    principal_of: impl Fn(Amount) -> Result<Amount, ArithmeticError>,
) -> Result<Vec<Split>, ArithmeticError> {
    let mut balance = principal;
    let mut splits = Vec::with_capacity(periods.len());
    for (index, period) in periods.iter().enumerate() {
        let interest = period.interest(balance)?;
        let repaid = if index + 1 == periods.len() {
            balance
        } else {
            // A level below the interest repays nothing; the debt never grows.
            principal_of(interest)?.max(Amount::ZERO).min(balance)
        };
        balance = balance.sub(repaid)?;
        splits.push(Split { principal: repaid, interest });
    }
    Ok(splits)
}

fn last_gap(splits: &[Split], level: Amount) -> Result<Amount, ArithmeticError> {
    splits.last().map_or(Ok(Amount::ZERO), |last| last.total()?.sub(level))
}

fn contract_periods(contract: &Contract) -> Result<Vec<Period>, LoanError> {
    let mut periods = vec![Period::month(contract.annual_rate); usize::from(contract.instalments)];
    if let Some(first) = periods.first_mut() {
        *first = first_period(contract)?;
    }
    Ok(periods)
}

/// Whole months count one each; a part of a month counts its days / the actual days of that month.
fn first_period(contract: &Contract) -> Result<Period, LoanError> {
    let anchor = contract.anchor_day();
    let mut months = 0;
    let mut start = contract.first_due;
    loop {
        let earlier = calendar::month_after(anchor, contract.first_due, -(months + 1))?;
        if earlier < contract.interest_from {
            let denominator = calendar::days_between(earlier, start);
            let part = calendar::days_between(contract.interest_from, start);
            let numerator = i64::from(months) * denominator + part;
            return Ok(Period { rate: contract.annual_rate, numerator, denominator });
        }
        start = earlier;
        months += 1;
        if months > i32::from(crate::contract::MAX_INSTALMENTS) {
            return Err(LoanError::ContractInvalid { field: "first_due", reason: "lies too far ahead" });
        }
    }
}

pub(crate) fn divide(numerator: Decimal, denominator: Decimal) -> Result<Decimal, ArithmeticError> {
    if denominator.is_zero() {
        return Err(ArithmeticError::DivisionByZero);
    }
    numerator.checked_div(denominator).ok_or(ArithmeticError::Overflow)
}
