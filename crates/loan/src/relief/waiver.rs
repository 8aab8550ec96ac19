//! Penalty and interest given up.

use crate::conventions::Rounding;
use crate::error::{ArithmeticError, LoanError};
use crate::interest;
use crate::money::Amount;
use crate::terms::{InterestScope, Waiver};

use super::Draft;

/// A waiver while it is used up.
struct Giving {
    waiver: Waiver,
    used: Amount,
}

impl Giving {
    fn of(waiver: Waiver) -> Self {
        Self { waiver, used: Amount::ZERO }
    }

    fn up(&mut self, unpaid: Amount) -> Result<Amount, ArithmeticError> {
        let given_up = match self.waiver {
            Waiver::Share(share) => unpaid.mul_ratio(share)?,
            Waiver::Amount(amount) => unpaid.min(amount.sub(self.used)?),
        };
        self.used = self.used.add(given_up)?;
        Ok(given_up)
    }
}

impl Draft<'_> {
    pub(super) fn waive_penalty(&mut self, waiver: Waiver) -> Result<(), LoanError> {
        let mut giving = Giving::of(waiver);
        for slot in self.by_due() {
            let given_up = giving.up(slot.penalty)?;
            slot.penalty = slot.penalty.sub(given_up)?;
            slot.waived.penalty = slot.waived.penalty.add(given_up)?;
        }
        Ok(())
    }

    pub(super) fn waive_interest(&mut self, scope: InterestScope, waiver: Waiver) -> Result<(), LoanError> {
        let on = self.on;
        let charged = self.relief_interest_left()?;
        let mut giving = Giving::of(waiver);
        let mut earned = Amount::ZERO;
        for slot in self.by_due() {
            let in_scope = match scope {
                InterestScope::Overdue => slot.due < on,
                InterestScope::Future => slot.due >= on,
                InterestScope::All => true,
            };
            if !in_scope {
                continue;
            }
            for part in [&mut slot.left.interest, &mut slot.left.relief_interest] {
                let given_up = giving.up(*part)?;
                *part = part.sub(given_up)?;
                slot.waived.interest = slot.waived.interest.add(given_up)?;
                if slot.due <= on {
                    earned = earned.add(given_up)?;
                }
            }
        }
        self.waived_due_interest = self.waived_due_interest.add(earned)?;
        self.keep_charges(self.relief_interest_left()?, charged)
    }

    fn relief_interest_left(&self) -> Result<Amount, ArithmeticError> {
        Amount::try_sum(self.slots.iter().map(|slot| slot.left.relief_interest))
    }

    /// What was given up of plans' interest isn't given back a second time: of each charge the share `left / before` stays.
    fn keep_charges(&mut self, left: Amount, before: Amount) -> Result<(), LoanError> {
        if left == before {
            return Ok(());
        }
        for charge in &mut self.charged_for {
            let kept = i128::from(charge.amount.minor()) * i128::from(left.minor());
            charge.amount = interest::round(kept, before.minor().into(), Rounding::Down)?;
        }
        Ok(())
    }
}
