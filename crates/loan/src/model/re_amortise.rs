//! What is overdue over the instalments to come.

use std::collections::BTreeMap;

use crate::calendar::Date;
use crate::error::LoanError;
use crate::event::ReAmortiseInterest;
use crate::money::Amount;

use super::change::{PaidByRow, refuse};
use super::{Model, Repay};

impl Model {
    /// Folds what is overdue into the instalments to come; gives the interest that was given up, by row.
    pub fn re_amortise(
        &mut self,
        on: Date,
        handling: ReAmortiseInterest,
        paid: &PaidByRow,
    ) -> Result<BTreeMap<u32, Amount>, LoanError> {
        if handling == ReAmortiseInterest::EqualShares {
            self.settle_fees(on)?;
        }
        let Some(first) = self.terms.iter().position(|term| term.due > on && term.is_open()) else {
            return refuse("re_amortise", on, "no instalment is left to fold arrears into");
        };
        let (mut principal, mut interest, mut fee) = (Amount::ZERO, Amount::ZERO, Amount::ZERO);
        let mut since = None;
        let mut waived = BTreeMap::new();
        for term in self.terms.iter_mut().take(first).filter(|term| !term.repay.is_kept()) {
            let (unpaid, unpaid_interest) = (term.unpaid_principal(paid)?, term.unpaid_interest(paid)?);
            if unpaid.is_zero() && unpaid_interest.is_zero() {
                continue;
            }
            since = since.or(Some(term.from));
            principal = principal.add(unpaid)?;
            interest = interest.add(unpaid_interest)?;
            if handling == ReAmortiseInterest::Waived && !unpaid_interest.is_zero() {
                waived.insert(term.nr, unpaid_interest);
            }
            if handling == ReAmortiseInterest::EqualShares {
                let kept = paid.get(&term.nr).map_or(Amount::ZERO, |parts| parts.fee).min(term.fee);
                fee = fee.add(term.fee)?.sub(kept)?;
                term.fee = kept;
            }
            term.keep_paid(paid)?;
            if let Repay::Kept(principal) = term.repay {
                term.principal = principal;
            }
        }
        self.fold_fee(first, fee)?;
        self.fold_interest(first, interest, handling)?;
        self.fold_principal(first, principal, since)?;
        Ok(waived)
    }

    fn fold_principal(
        &mut self,
        first: usize,
        principal: Amount,
        since: Option<Date>,
    ) -> Result<(), LoanError> {
        let open = || self.terms.iter().skip(first).filter(|term| term.repays);
        if open().any(|term| matches!(term.repay, Repay::Level(_))) {
            return self.solve(first, since);
        }
        let count = open().count();
        if count == 0 {
            return Ok(()); // grace to the end: the last row absorbs it
        }
        let share = self.share(principal, count)?;
        for term in self.terms.iter_mut().skip(first).filter(|term| term.repays) {
            if let Repay::Principal(own) = &mut term.repay {
                *own = own.add(share)?;
            }
        }
        Ok(())
    }

    fn rows_for_shares(&self, first: usize) -> usize {
        self.terms.iter().skip(first).filter(|term| term.is_open()).count()
    }

    fn fold_fee(&mut self, first: usize, fee: Amount) -> Result<(), LoanError> {
        if fee.is_zero() {
            return Ok(());
        }
        let shares = fee.equal_shares(self.rows_for_shares(first))?;
        for (term, share) in self.terms.iter_mut().skip(first).filter(|term| term.is_open()).zip(shares) {
            term.fee = term.fee.add(share)?;
        }
        Ok(())
    }

    fn fold_interest(
        &mut self,
        first: usize,
        interest: Amount,
        handling: ReAmortiseInterest,
    ) -> Result<(), LoanError> {
        match handling {
            ReAmortiseInterest::Waived => Ok(()),
            ReAmortiseInterest::Default => {
                if let Some(term) = self.terms.get_mut(first) {
                    term.carried = term.carried.add(interest)?;
                }
                Ok(())
            }
            ReAmortiseInterest::EqualShares => {
                let shares = interest.equal_shares(self.rows_for_shares(first))?;
                let open = self.terms.iter_mut().skip(first).filter(|term| term.is_open());
                for (term, share) in open.zip(shares) {
                    term.carried = term.carried.add(share)?;
                }
                Ok(())
            }
        }
    }
}
