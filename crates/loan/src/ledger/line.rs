//! One row of a ledger: its penalty and what payments cover of it.

use rust_decimal::Decimal;

use crate::calendar::Date;
use crate::error::{ArithmeticError, LoanError};
use crate::money::{Amount, Rate};
use crate::parts::{Part, Parts};
use crate::schedule::{Row, divide};
use crate::state::{PaymentShare, RowState};

use super::timeline::Days;

/// A row with its penalty accumulator.
pub(super) struct Line {
    pub state: RowState,
    /// Σ overdue principal × days charged: the exact penalty is this × rate / 360.
    principal_days: i128,
    accrued_to: Date,
}

impl Line {
    pub fn new(row: Row) -> Self {
        Self {
            accrued_to: row.due,
            principal_days: 0,
            state: RowState {
                row,
                paid: Parts::default(),
                waived: Parts::default(),
                penalty: Amount::ZERO,
                paid_on: None,
                payments: Vec::new(),
            },
        }
    }

    /// Actual/360, simple, on overdue principal; days = paid − due (domain section 3.5).
    pub fn accrue(&mut self, to: Date, free_days: &Days, rate: Rate) -> Result<(), LoanError> {
        let from = self.accrued_to.max(self.state.row.due);
        if to <= from {
            return Ok(());
        }
        self.accrued_to = to;
        let unpaid = self.state.left()?.principal;
        if unpaid.is_zero() {
            return Ok(());
        }
        let days = free_days.charged(from, to);
        self.principal_days += i128::from(unpaid.minor()) * i128::from(days);
        let exact = Decimal::try_from_i128_with_scale(self.principal_days, 0)
            .map_err(|_| ArithmeticError::Overflow)?
            .checked_mul(rate.decimal())
            .ok_or(ArithmeticError::Overflow)?;
        let penalty = divide(exact, Decimal::from(360))?;
        self.state.penalty = Amount::round(penalty)?;
        Ok(())
    }

    /// Covers the parts in `order`; gives what is left of the payment.
    pub fn pay(
        &mut self,
        id: &str,
        on: Date,
        amount: Amount,
        order: &[Part],
    ) -> Result<Amount, ArithmeticError> {
        if amount.is_zero() {
            return Ok(amount);
        }
        let was_open = self.state.is_open()?;
        let mut rest = amount;
        let mut covered = Parts::default();
        for part in order {
            let taken = self.state.left()?.get(*part).min(rest);
            self.state.paid = self.state.paid.with(*part, taken)?;
            covered = covered.with(*part, taken)?;
            rest = rest.sub(taken)?;
        }
        if !covered.is_zero() {
            self.state.payments.push(PaymentShare { payment_id: id.to_owned(), date: on, parts: covered });
        }
        if was_open && !self.state.is_open()? {
            self.state.paid_on = Some(on);
        }
        Ok(rest)
    }
}
