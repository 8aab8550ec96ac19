//! Rows of a schedule, and the schedule of a contract.
//!
//! Interest is rounded once per period; the last instalment absorbs the remainder (domain section 3.3).

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::contract::Contract;
use crate::error::{ArithmeticError, LoanError};
use crate::model::Model;
use crate::money::Amount;

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
///
/// 24,000.00 over 24 months at 18 %, interest from 15 October: level 1,198.18, last 1,198.15.
pub fn build(contract: &Contract) -> Result<Vec<Row>, LoanError> {
    let rows = Model::of(contract)?.rows()?;
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

pub(crate) fn divide(numerator: Decimal, denominator: Decimal) -> Result<Decimal, ArithmeticError> {
    if denominator.is_zero() {
        return Err(ArithmeticError::DivisionByZero);
    }
    numerator.checked_div(denominator).ok_or(ArithmeticError::Overflow)
}
