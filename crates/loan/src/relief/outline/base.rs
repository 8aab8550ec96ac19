//! What the rows of a state hold, read once.

use crate::calendar::Date;
use crate::contract::Contract;
use crate::error::LoanError;
use crate::interest::{self, Scaled};
use crate::money::Amount;
use crate::relief::basis::{Basis, Resolved};
use crate::relief::{Content, Draft};
use crate::state::State;
use crate::terms::{ReducedPayment, Waiver};
use crate::value::Flow;

use super::Outline;
use super::resolved::Solved;

/// One unpaid instalment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub nr: u32,
    pub due: Date,
    pub left: Content,
    pub total: Amount,
    pub paid_interest: Amount,
}

/// How much interest the period that ends with a row bears: balance × factor / denominator.
#[derive(Debug, Clone, Copy)]
pub(super) struct Period {
    pub factor: i128,
    pub denominator: i128,
}

/// The rows of a state and what was worked out of them so far.
pub(super) struct Base<'a> {
    pub basis: Basis<'a>,
    pub on: Date,
    /// By due date and number.
    pub open: Vec<Open>,
    /// Every row, paid ones and rows for charges included.
    pub slots: usize,
    /// Open rows that hold charges alone.
    pub charges: Vec<Flow>,
    /// One of them is overdue: a re-age would move it.
    pub overdue_charges: bool,
    pub principal_left: Amount,
    /// By due date, rows without any left out.
    penalties: Vec<Amount>,
    periods: Vec<Period>,
    /// Principal that the last reduction put off, by row.
    pub put_off: Vec<Amount>,
    pub solved: Solved,
    /// How the last reduced row was reduced, from what, to what.
    pub reduced: Option<(ReducedPayment, Amount, Amount)>,
    /// The full waiver's and no waiver's sums are asked for again and again.
    penalty: Amount,
}

impl<'a> Base<'a> {
    pub fn of(state: &'a State, contract: &'a Contract, on: Date) -> Result<Self, LoanError> {
        let mut draft = Draft::new(state, contract, on)?;
        let basis = draft.basis;
        let mut open = Vec::new();
        for slot in draft.open() {
            let (nr, due, left) = (slot.nr, slot.due, slot.left);
            open.push(Open { nr, due, left, total: left.total()?, paid_interest: slot.paid.interest });
        }
        let mut charges = Vec::new();
        let mut penalties = Vec::new();
        for slot in draft.by_due() {
            if slot.is_open() && slot.is_charge {
                charges.push(Flow { date: slot.due, amount: slot.left.total()? });
            }
            if !slot.penalty.is_zero() {
                penalties.push(slot.penalty);
            }
        }
        Ok(Self {
            basis,
            on,
            slots: state.rows.len(),
            overdue_charges: charges.iter().any(|flow| flow.date < on),
            charges,
            principal_left: draft.principal_left()?,
            penalty: Amount::try_sum(penalties.iter().copied())?,
            penalties,
            periods: Vec::new(),
            put_off: Vec::new(),
            reduced: None,
            solved: Solved::of(state, &basis, &open, on)?,
            open,
        })
    }

    /// What of the penalty stays due.
    pub fn penalty_left(&self, waiver: Option<Waiver>) -> Result<Amount, LoanError> {
        match waiver {
            None => Ok(self.penalty),
            Some(waiver) if waiver == Waiver::ALL => Ok(Amount::ZERO),
            Some(Waiver::Amount(amount)) => Ok(self.penalty.sub_floor0(amount)?),
            Some(Waiver::Share(share)) => {
                let mut left = Amount::ZERO;
                for penalty in &self.penalties {
                    left = left.add(*penalty)?.sub(penalty.mul_ratio(share)?)?;
                }
                Ok(left)
            }
        }
    }

    /// The instalments that fall due within so many months; at least one.
    pub fn instalments_in(&self, months: i32) -> Result<usize, LoanError> {
        let first = self.open.first().map_or(self.on, |row| row.due);
        Ok(self.basis.instalments_in(first, months)?.max(1))
    }

    /// Interest on `balance` for the period that ends with the row at `place`, rounded once.
    pub fn for_period(&mut self, balance: Amount, place: usize) -> Result<Amount, LoanError> {
        if balance.is_zero() {
            return Ok(Amount::ZERO);
        }
        while self.periods.len() <= place {
            let Some(row) = self.open.get(self.periods.len()) else { break };
            self.periods.push(self.basis.period(row.due)?);
        }
        let Some(period) = self.periods.get(place) else { return Ok(Amount::ZERO) };
        let product = i128::from(balance.minor())
            .checked_mul(period.factor)
            .ok_or(crate::error::ArithmeticError::Overflow)?;
        let rounding = self.basis.contract.conventions.rounding;
        Ok(interest::round(product, period.denominator, rounding)?)
    }

    /// Rows that hold charges alone stay where they are.
    pub fn pay_charges(&self, into: &mut Outline) -> Result<(), LoanError> {
        for flow in &self.charges {
            into.pay(flow.date, flow.amount)?;
        }
        Ok(())
    }

    /// When a row is payable that was due on `due`.
    pub fn payable(&self, due: Date, first_payment: Option<Date>) -> Date {
        if due < self.on { first_payment.unwrap_or(due) } else { due }
    }

    /// The rows to come, as a re-solve sees them.
    pub fn resolvable(rows: &[Open]) -> Vec<Resolved> {
        let resolved = |row: &Open| Resolved { nr: row.nr, due: row.due, principal: row.left.principal };
        rows.iter().map(resolved).collect()
    }
}

impl Basis<'_> {
    /// Factor and denominator of the interest of the period that ends on `due`.
    fn period(&self, due: Date) -> Result<Period, LoanError> {
        let rate = self.rate_on(due);
        let scaled = Scaled::of(&[rate]);
        Ok(Period {
            factor: scaled.factor(rate, self.part_of_period(due)?)?,
            denominator: scaled.denominator(self.meter.unit())?,
        })
    }
}
