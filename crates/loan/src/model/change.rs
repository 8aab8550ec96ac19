//! Small changes of the terms, and what all changes share. Amounts must have been projected up to the event's day before,
//! and after.

use std::collections::BTreeMap;

use crate::calendar::Date;
use crate::error::{ArithmeticError, LoanError};
use crate::money::Amount;
use crate::parts::Parts;

use super::{Bears, Model, Repay, Term};

/// What was paid in each row, by number.
pub(crate) type PaidByRow = BTreeMap<u32, Parts>;

pub(super) fn refuse<T>(change: &'static str, date: Date, reason: &'static str) -> Result<T, LoanError> {
    Err(LoanError::ChangeInvalid { change, date, reason })
}

impl Term {
    pub(super) fn unpaid_interest(&self, paid: &PaidByRow) -> Result<Amount, ArithmeticError> {
        let paid = paid.get(&self.nr).map_or(Amount::ZERO, |parts| parts.interest);
        self.interest.add(self.earned_relief()?)?.sub_floor0(paid)
    }

    pub(super) fn unpaid_principal(&self, paid: &PaidByRow) -> Result<Amount, ArithmeticError> {
        self.principal.sub_floor0(paid.get(&self.nr).map_or(Amount::ZERO, |parts| parts.principal))
    }

    /// Empties the row but for what was paid in it.
    pub(super) fn keep_paid(&mut self, paid: &PaidByRow) -> Result<(), ArithmeticError> {
        let parts = paid.get(&self.nr).copied().unwrap_or_default();
        self.keep(parts.principal, parts.interest)
    }

    pub(super) fn keep(&mut self, principal: Amount, interest: Amount) -> Result<(), ArithmeticError> {
        let relief_interest = interest.sub_floor0(self.interest)?;
        self.relief_interest = relief_interest;
        self.unearned = Amount::ZERO;
        self.bears = Bears::Agreed(interest.sub(relief_interest)?);
        self.agreed_on = self.due;
        self.repay = Repay::Kept(principal);
        self.repays = false;
        self.deferred = false;
        self.carried = Amount::ZERO;
        Ok(())
    }
}

impl Model {
    /// Everything is due on the day; later terms go.
    pub fn terminate(&mut self, on: Date) -> Result<(), LoanError> {
        self.detach();
        let Some(first) = self.term_at(on) else { return Ok(()) };
        let agreed = match self.terms.get(first) {
            Some(term) if matches!(term.bears, Bears::Agreed(_)) => Some(self.agreed_until(term, on)?),
            _ => None,
        };
        let mut kept = Vec::with_capacity(self.terms.len());
        let (mut fee, mut relief_interest, mut carried) = (Amount::ZERO, Amount::ZERO, Amount::ZERO);
        for (index, term) in std::mem::take(&mut self.terms).into_iter().enumerate() {
            if index > first && !term.repay.is_kept() {
                fee = fee.add(term.fee)?;
                carried = carried.add(term.carried)?;
                relief_interest = relief_interest.add(term.relief_interest)?;
            } else {
                kept.push(term);
            }
        }
        if let Some(last) = kept.get_mut(first) {
            last.due = on;
            last.contract_due = last.contract_due.min(on);
            last.fee = last.fee.add(fee)?;
            last.carried = last.carried.add(carried)?;
            last.relief_interest = last.relief_interest.add(relief_interest)?;
            if let Some(agreed) = agreed {
                last.bears = Bears::Agreed(agreed);
            }
        }
        self.terms = kept;
        self.give_back_unearned(on)
    }

    /// Principal repaid at once with a term; false where its interest isn't the balance's, so that nothing is recomputed.
    pub fn prepay(&mut self, nr: u32, amount: Amount) -> bool {
        let term = self.terms.iter_mut().find(|term| term.nr == nr && term.bears == Bears::Balance);
        let prepaid = term.and_then(|term| {
            let sum = term.prepaid.add(amount).ok()?;
            term.prepaid = sum;
            Some(())
        });
        prepaid.is_some()
    }

    /// What a prepayment with a term makes of the terms after it.
    pub fn after_prepayment(&mut self, nr: u32, shorter: bool) -> Result<(), LoanError> {
        let Some(index) = self.terms.iter().position(|term| term.nr == nr) else { return Ok(()) };
        if shorter { self.drop_beyond(index) } else { self.solve(index + 1, None) }
    }

    /// Terms that nothing is left for, if those up to `index` are repaid as they stand.
    fn drop_beyond(&mut self, index: usize) -> Result<(), LoanError> {
        let basis = self.basis()?;
        let mut balance = self.balance_before(index + 1)?;
        let mut needed = index + 1;
        for term in self.terms.iter().skip(index + 1) {
            if balance.is_zero() && term.is_open() && term.charged_back.is_zero() {
                break;
            }
            needed += 1;
            let own = self.scheduled_interest(term, balance, &basis)?;
            balance = balance.add(term.advanced)?;
            let repaid = match term.repay {
                Repay::Level(level) => level.sub(own)?.max(Amount::ZERO),
                Repay::Principal(principal) => principal,
                Repay::Kept(kept) => kept,
            };
            balance = balance.sub(repaid.min(balance))?;
        }
        let kept = |(nth, term): (usize, &Term)| nth < needed || !term.is_open();
        let mut nth = 0;
        self.terms.retain(|term| {
            let keep = kept((nth, term));
            nth += 1;
            keep
        });
        Ok(())
    }

    /// A term was paid in full ahead of its time.
    pub fn close_ahead(&mut self, nr: u32, on: Date) {
        if let Some(term) = self.terms.iter_mut().find(|term| term.nr == nr) {
            term.closed_on = term.closed_on.or(Some(on));
        }
    }
}
