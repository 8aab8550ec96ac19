//! Solving the instalments of the terms from one on.

use crate::calendar::Date;
use crate::contract::Amortisation;
use crate::conventions::RoundingPoint;
use crate::error::{ArithmeticError, LoanError};
use crate::interest;
use crate::level;
use crate::money::Amount;

use super::accrual::Basis;
use super::{Bears, Model, Repay, Term};

impl Model {
    /// Principal left before the term at `first`, by the amounts worked out last.
    pub fn balance_before(&self, first: usize) -> Result<Amount, LoanError> {
        let mut balance = self.principal;
        for term in self.terms.iter().take(first) {
            balance = balance.add(term.advanced)?.sub(term.principal)?;
        }
        Ok(balance)
    }

    /// Solves what the terms from `first` on repay. `solve_from` is where interest of the first of them is counted from;
    /// normally its own begin.
    pub fn solve(&mut self, first: usize, solve_from: Option<Date>) -> Result<(), LoanError> {
        let basis = self.basis()?;
        let balance = self.balance_before(first)?;
        let count = self.terms.iter().skip(first).filter(|term| term.repays).count();
        if count == 0 {
            return Ok(());
        }
        match self.amortisation {
            Amortisation::EqualInstalments => {
                let level = self.level(first, balance, solve_from, &basis)?;
                self.set(first, |_| Ok(Repay::Level(level)))
            }
            Amortisation::EqualPrincipal => {
                // Whole units are for level instalments; these differ from row to row anyhow.
                let count = i128::try_from(count).map_err(|_| ArithmeticError::Overflow)?;
                let share = interest::round(i128::from(balance.minor()), count, self.step.rounding)?;
                self.set(first, |_| Ok(Repay::Principal(share)))
            }
            Amortisation::InterestOnly => self.set(first, |_| Ok(Repay::Principal(Amount::ZERO))),
            Amortisation::Flat => self.flat(first, balance, count, &basis),
        }
    }

    fn set(
        &mut self,
        first: usize,
        repay: impl Fn(&Term) -> Result<Repay, LoanError>,
    ) -> Result<(), LoanError> {
        for term in self.terms.iter_mut().skip(first).filter(|term| term.repays) {
            term.repay = repay(term)?;
        }
        Ok(())
    }

    /// balance / count, rounded like an instalment.
    pub fn share(&self, balance: Amount, count: usize) -> Result<Amount, ArithmeticError> {
        let count = i128::try_from(count).map_err(|_| ArithmeticError::Overflow)?;
        self.step.round(i128::from(balance.minor()), count)
    }

    /// Solved from the discount factors, and once more where the last instalment strays by more than ⌊n/2⌋ minor units;
    /// the second is kept only if the gap shrinks (domain section 3.3).
    fn level(
        &self,
        first: usize,
        balance: Amount,
        solve_from: Option<Date>,
        basis: &Basis,
    ) -> Result<Amount, LoanError> {
        let mut factors = Vec::with_capacity(self.terms.len());
        let mut begin = solve_from;
        let older = self.rounding_point == RoundingPoint::SubPeriod;
        for term in self.terms.iter().skip(first).filter(|term| term.repays) {
            if older && let Some(first) = factors.first() {
                // Core systems that round by sub-period solve the level by the first period alone.
                factors.push(*first);
                continue;
            }
            let from = begin.take().map_or(term.from, |begin| begin.min(term.from));
            factors.push(self.growth(term, from, basis)?);
        }
        let level = level::solve(balance, &factors, basis.denominator, &self.step)?;
        if older {
            return Ok(level);
        }
        let count = i64::try_from(factors.len()).map_err(|_| ArithmeticError::Overflow)?;
        let gap = self.gap(first, balance, level, basis)?;
        if gap.minor().abs() <= count / 2 {
            return Ok(level);
        }
        let numerator = i128::from(level.minor()) * i128::from(count) + i128::from(gap.minor());
        let adjusted = self.step.round(numerator, i128::from(count))?;
        let again = self.gap(first, balance, adjusted, basis)?;
        Ok(if again.minor().abs() < gap.minor().abs() { adjusted } else { level })
    }

    /// Last instalment less the level one, if every other is `level`.
    fn gap(&self, first: usize, balance: Amount, level: Amount, basis: &Basis) -> Result<Amount, LoanError> {
        let mut balance = balance;
        let mut last = level;
        for term in self.terms.iter().skip(first).filter(|term| !term.repay.is_kept()) {
            let own = self.scheduled_interest(term, balance, basis)?;
            last = balance.add(own)?;
            if term.repays {
                balance = balance.sub(level.sub(own)?.max(Amount::ZERO).min(balance))?;
            }
        }
        Ok(last.sub(level)?)
    }

    /// Level = (balance + flat interest of all rows)/n, rounded; a row repays what its interest leaves of it.
    fn flat(&mut self, first: usize, balance: Amount, count: usize, basis: &Basis) -> Result<(), LoanError> {
        let overflow = || ArithmeticError::Overflow;
        let rows = i128::try_from(count).map_err(|_| overflow())?;
        let mut charged = Vec::with_capacity(count);
        for term in self.terms.iter().skip(first).filter(|term| term.repays) {
            charged.push(match term.bears {
                Bears::Original => i128::from(self.original.minor())
                    .checked_mul(self.growth(term, term.from, basis)?)
                    .ok_or_else(overflow)?,
                _ => 0,
            });
        }
        let interest =
            charged.iter().try_fold(0_i128, |sum, one| sum.checked_add(*one)).ok_or_else(overflow)?;
        let total = i128::from(balance.minor())
            .checked_mul(basis.denominator)
            .and_then(|principal| principal.checked_add(interest))
            .ok_or_else(overflow)?;
        let level = self.step.round(total, basis.denominator.checked_mul(rows).ok_or_else(overflow)?)?;
        let mut left = balance;
        for (term, charged) in self.terms.iter_mut().skip(first).filter(|term| term.repays).zip(charged) {
            let own = interest::round(charged, basis.denominator, self.step.rounding)?;
            let principal = level.sub_floor0(own)?.min(left);
            left = left.sub(principal)?;
            term.repay = Repay::Principal(principal);
        }
        Ok(())
    }
}
