//! Interest that a plan added for nights that then bear none.

use crate::calendar::{self, Date};
use crate::error::{ArithmeticError, LoanError};
use crate::interest;
use crate::money::Amount;

use super::{Model, Term};

impl Model {
    /// The share of relief interest that falls on nights without interest, those after `stop` included; each charge is
    /// rounded once. For example 259.48 for the 92 nights from 15 July to 15 October, paid off on 15 August: 61 nights,
    /// 172.05.
    fn unearned_relief(&self, stop: Option<Date>) -> Result<Amount, LoanError> {
        let mut unearned = Amount::ZERO;
        for charge in &self.charged_for {
            let nights = calendar::days_between(charge.from, charge.to);
            let bare = self.bare_nights(stop, charge.from.max(self.agreed_on), charge.to);
            if nights > 0 && bare > 0 {
                let numerator = i128::from(charge.amount.minor())
                    .checked_mul(bare.into())
                    .ok_or(ArithmeticError::Overflow)?;
                unearned = unearned.add(interest::round(numerator, nights.into(), self.step.rounding)?)?;
            }
        }
        Ok(unearned)
    }

    /// Takes what isn't earned off the last relief interest to come.
    pub(super) fn leave_unearned(&mut self) -> Result<(), LoanError> {
        if self.charged_for.is_empty() {
            return Ok(());
        }
        self.spread_unearned(self.unearned_relief(self.stop)?)
    }

    /// The same for good, where no night comes after `on`.
    pub(super) fn give_back_unearned(&mut self, on: Date) -> Result<(), LoanError> {
        self.spread_unearned(self.unearned_relief(Some(on))?)?;
        self.charged_for.clear();
        for term in &mut self.terms {
            term.relief_interest = term.earned_relief()?;
            term.unearned = Amount::ZERO;
        }
        Ok(())
    }

    fn spread_unearned(&mut self, unearned: Amount) -> Result<(), LoanError> {
        let mut rest = unearned;
        for term in self.terms.iter_mut().rev() {
            term.unearned = if term.is_open() { term.relief_interest.min(rest) } else { Amount::ZERO };
            rest = rest.sub(term.unearned)?;
        }
        Ok(())
    }
}

impl Term {
    /// Relief interest that is owed.
    pub fn earned_relief(&self) -> Result<Amount, ArithmeticError> {
        self.relief_interest.sub(self.unearned)
    }
}
