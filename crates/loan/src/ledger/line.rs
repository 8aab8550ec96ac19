//! One row of a ledger: its penalty and what payments cover of it.

use crate::calendar::Date;
use crate::conventions::Rounding;
use crate::error::{ArithmeticError, LoanError};
use crate::interest;
use crate::model::Days;
use crate::money::Amount;
use crate::parts::{Part, Parts};
use crate::schedule::Row;
use crate::state::{PaymentShare, RowState};

/// The most that may be paid in a row.
pub(super) enum Limits {
    /// What is left of it.
    Row,
    /// Ahead of its time where interest counts nights: interest up to the day, and what the instalment then leaves.
    Ahead { interest: Amount, principal: Amount },
}

/// Money that has lost its place.
pub(super) struct Released {
    pub payment_id: String,
    pub date: Date,
    pub amount: Amount,
}

/// Decimal places of a penalty rate: the twelve that a rate may have and three of the multiplier.
pub(super) const PENALTY_PLACES: u32 = 15;
const PENALTY_SCALE: i128 = 10_i128.pow(PENALTY_PLACES);

/// A penalty rate from the night after a day on; the first one holds from the start.
pub(super) struct PenaltyStep {
    pub after: Date,
    /// In units of 10^−[`PENALTY_PLACES`].
    pub scaled_rate: i128,
}

/// A row with its penalty accumulator.
pub(super) struct Line {
    pub state: RowState,
    /// Σ overdue principal × days charged × scaled rate: the exact penalty is this / 360 / 10^[`PENALTY_PLACES`].
    accrued: i128,
    accrued_to: Date,
    /// Charged penalties that no longer follow the schedule.
    settled_charges: Amount,
}

impl Line {
    pub fn new(row: Row) -> Self {
        Self {
            accrued_to: row.due,
            accrued: 0,
            settled_charges: Amount::ZERO,
            state: RowState {
                row,
                paid: Parts::default(),
                waived: Parts::default(),
                penalty: Amount::ZERO,
                charged: Amount::ZERO,
                paid_on: None,
                payments: Vec::new(),
            },
        }
    }

    /// Actual/360, simple, on overdue principal at the penalty rate of each night; days = paid − due (domain section 3.5).
    pub fn accrue(&mut self, to: Date, free_days: &Days, rates: &[PenaltyStep]) -> Result<(), LoanError> {
        let from = self.accrued_to.max(self.state.row.due);
        if to <= from {
            return Ok(());
        }
        self.accrued_to = to;
        let unpaid = self.state.left()?.principal;
        if unpaid.minor() <= 0 {
            return Ok(());
        }
        for (index, step) in rates.iter().enumerate() {
            let begin = if index == 0 { from } else { step.after.max(from) };
            let end = rates.get(index + 1).map_or(to, |next| next.after.min(to));
            if begin < end {
                let days = i128::from(free_days.other_nights(begin, end));
                self.accrued = i128::from(unpaid.minor())
                    .checked_mul(days)
                    .and_then(|principal_days| principal_days.checked_mul(step.scaled_rate))
                    .and_then(|more| self.accrued.checked_add(more))
                    .ok_or(ArithmeticError::Overflow)?;
            }
        }
        let penalty = interest::round(self.accrued, 360 * PENALTY_SCALE, Rounding::HalfEven)?;
        self.state.penalty = penalty.add(self.state.charged)?;
        Ok(())
    }

    /// Puts other amounts in place; a row with nothing left open is paid from `on`.
    pub fn replace_row(&mut self, row: Row, on: Date) -> Result<(), ArithmeticError> {
        let was_open = self.state.is_open()?;
        self.state.row = row;
        if self.state.row.total()?.is_zero() {
            self.state.paid_on = None; // emptied, not paid
        } else if was_open && !self.state.is_open()? {
            self.state.paid_on = Some(on);
        }
        Ok(())
    }

    /// Penalties of fixed amounts that stand with the row now, beside those that a plan left in it.
    pub fn charge(&mut self, charged: Amount) -> Result<(), ArithmeticError> {
        let charged = charged.add(self.settled_charges)?;
        self.state.penalty = self.state.penalty.sub(self.state.charged)?.add(charged)?;
        self.state.charged = charged;
        Ok(())
    }

    /// Waivers and penalty of a row that goes.
    pub fn take_over(&mut self, gone: &Self) -> Result<(), ArithmeticError> {
        let accrued = gone.state.penalty.sub(gone.state.charged)?.add(gone.settled_charges)?;
        self.settled_charges = self.settled_charges.add(accrued)?;
        self.state.charged = self.state.charged.add(accrued)?;
        self.state.penalty = self.state.penalty.add(accrued)?;
        self.state.waived = self.state.waived.plus(&gone.state.waived)?;
        Ok(())
    }

    /// Keeps the row's charges where they are, whatever moves later.
    pub fn settle_charges(&mut self) {
        self.settled_charges = self.state.charged;
    }

    /// Takes back what was paid above what the row still holds, latest payment first.
    pub fn release_excess(&mut self) -> Result<Vec<Released>, ArithmeticError> {
        let mut released = Vec::new();
        for part in [Part::Penalty, Part::Fee, Part::Interest, Part::Principal] {
            let mut excess = self.state.paid.get(part).sub_floor0(self.held(part)?)?;
            for share in self.state.payments.iter_mut().rev() {
                let taken = share.parts.get(part).min(excess);
                if taken.is_zero() {
                    continue;
                }
                share.parts = share.parts.with(part, Amount::ZERO.sub(taken)?)?;
                self.state.paid = self.state.paid.with(part, Amount::ZERO.sub(taken)?)?;
                excess = excess.sub(taken)?;
                released.push(Released {
                    payment_id: share.payment_id.clone(),
                    date: share.date,
                    amount: taken,
                });
            }
        }
        self.state.payments.retain(|share| !share.parts.is_zero());
        if self.state.is_open()? {
            self.state.paid_on = None;
        }
        Ok(released)
    }

    fn held(&self, part: Part) -> Result<Amount, ArithmeticError> {
        match part {
            Part::Penalty => self.state.penalty.sub(self.state.waived.penalty)?.sub_floor0(Amount::ZERO),
            Part::Fee => Ok(self.state.row.fee),
            Part::Interest => self.state.row.interest.add(self.state.row.relief_interest),
            Part::Principal => Ok(self.state.row.principal),
        }
    }

    /// Covers the parts in `order`; gives what is left of the payment.
    pub fn pay(
        &mut self,
        (id, on): (&str, Date),
        amount: Amount,
        order: &[Part],
        most: &Limits,
    ) -> Result<Amount, ArithmeticError> {
        if amount.is_zero() {
            return Ok(amount);
        }
        let was_open = self.state.is_open()?;
        let mut rest = amount;
        let mut covered = Parts::default();
        for part in order {
            let open = match (part, most) {
                (Part::Interest, Limits::Ahead { interest, .. }) => {
                    interest.sub_floor0(self.state.paid.interest)?
                }
                (Part::Principal, Limits::Ahead { principal, .. }) => {
                    principal.sub_floor0(self.state.paid.principal)?
                }
                _ => self.state.left()?.get(*part),
            };
            // A row that holds less than was paid in it takes nothing; its excess is placed later.
            let taken = open.max(Amount::ZERO).min(rest);
            self.state.paid = self.state.paid.with(*part, taken)?;
            covered = covered.with(*part, taken)?;
            rest = rest.sub(taken)?;
        }
        if !covered.is_zero() {
            self.note_share(id, on, &covered)?;
        }
        if was_open && !self.state.is_open()? {
            self.state.paid_on = Some(on);
        }
        Ok(rest)
    }

    /// What a payment covers here in one go is one share of it.
    fn note_share(&mut self, id: &str, on: Date, covered: &Parts) -> Result<(), ArithmeticError> {
        match self.state.payments.last_mut() {
            Some(share) if share.payment_id == id && share.date == on => {
                share.parts = share.parts.plus(covered)?;
            }
            _ => {
                let share = PaymentShare { payment_id: id.to_owned(), date: on, parts: *covered };
                self.state.payments.push(share);
            }
        }
        Ok(())
    }
}
