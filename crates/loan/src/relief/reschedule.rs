//! Deferral, term extension and rate reduction.

use crate::calendar::{self, Date};
use crate::contract::MAX_INSTALMENTS;
use crate::error::{ArithmeticError, LoanError};
use crate::money::{Amount, Rate};
use crate::parts::Parts;
use crate::schedule::{Method, Period, Split};
use crate::terms::{DeferralInterest, Extension, Measure};

use super::{Content, Draft, Slot, enough};

/// Extension and rate: one re-solve of the instalments to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    by: Option<Extension>,
    rate: Option<(Rate, Option<Date>)>,
}

impl Change {
    pub fn of(measures: &[&Measure]) -> Option<Self> {
        let by = measures.iter().find_map(|measure| match measure {
            Measure::TermExtension { by } => Some(*by),
            _ => None,
        });
        let rate = measures.iter().find_map(|measure| match measure {
            Measure::RateReduction { rate, until } => Some((*rate, *until)),
            _ => None,
        });
        (by.is_some() || rate.is_some()).then_some(Self { by, rate })
    }
}

impl Draft<'_> {
    /// Moves every unpaid row by `months`; overdue ones too.
    pub(super) fn defer(&mut self, months: i32, interest: DeferralInterest) -> Result<(), LoanError> {
        match interest {
            DeferralInterest::None => self.shift_dates(months),
            DeferralInterest::Paid => self.shift_contents(months),
            DeferralInterest::Spread => {
                let charged = self.deferral_interest(months)?;
                self.shift_dates(months)?;
                let shares = charged.equal_shares(self.open().len())?;
                for (slot, share) in self.open().into_iter().zip(shares) {
                    slot.left.relief_interest = slot.left.relief_interest.add(share)?;
                }
                Ok(())
            }
            DeferralInterest::AtEnd => {
                let charged = self.deferral_interest(months)?;
                self.shift_dates(months)?;
                if let Some(last) = self.open().pop() {
                    last.left.relief_interest = last.left.relief_interest.add(charged)?;
                }
                Ok(())
            }
        }
    }

    /// Interest on the principal left for the deferred months, rounded once; counted as added by the plan.
    fn deferral_interest(&mut self, months: i32) -> Result<Amount, LoanError> {
        enough(1, self.open().len())?;
        let period = Period { rate: self.contract.annual_rate, numerator: i64::from(months), denominator: 1 };
        let charged = period.interest(self.principal_left()?)?;
        self.added = self.added.add(charged)?;
        Ok(charged)
    }

    fn shift_dates(&mut self, months: i32) -> Result<(), LoanError> {
        let anchor = self.contract.anchor_day();
        for slot in self.open() {
            slot.due = calendar::month_after(anchor, slot.due, months)?;
        }
        Ok(())
    }

    /// The first `months` rows become interest-only; what they held moves that many rows on, and rows are added.
    fn shift_contents(&mut self, months: i32) -> Result<(), LoanError> {
        let count = usize::try_from(months).map_err(|_| ArithmeticError::Overflow)?;
        enough(1, self.open().len())?;
        let monthly = Period::month(self.contract.annual_rate).interest(self.principal_left()?)?;
        let interest_only = Content { relief_interest: monthly, ..Content::default() };
        let mut contents: Vec<Content> = vec![interest_only; count];
        contents.extend(self.open().iter().map(|slot| slot.left));
        // Slots are chosen before their contents change: an emptied one would no longer count as open.
        let mut numbers: Vec<u32> = self.open().iter().map(|slot| slot.nr).collect();
        numbers.extend(self.add_slots(count)?);
        for (nr, content) in numbers.into_iter().zip(contents) {
            if let Some(slot) = self.slots.iter_mut().find(|slot| slot.nr == nr) {
                slot.left = content;
            }
        }
        for _ in 0..count {
            self.added = self.added.add(monthly)?;
        }
        Ok(())
    }

    /// Adds empty monthly rows after the last unpaid one and gives their numbers.
    fn add_slots(&mut self, count: usize) -> Result<Vec<u32>, LoanError> {
        let most = usize::from(MAX_INSTALMENTS);
        if self.slots.len() + count > most {
            return Err(LoanError::TermsInvalid { measure: "terms", reason: "more than 600 instalments" });
        }
        let Some(last) = self.open().pop().map(|slot| slot.due) else {
            return Err(LoanError::NothingOpen { date: self.on });
        };
        let highest = self.slots.iter().map(|slot| slot.nr).max().unwrap_or(0);
        let mut numbers = Vec::with_capacity(count);
        for (nr, months) in (highest + 1..).zip(1_i32..).take(count) {
            let due = calendar::month_after(self.contract.anchor_day(), last, months)?;
            self.slots.push(Slot {
                nr,
                due,
                contract_due: due,
                paid: Content::default(),
                left: Content::default(),
                penalty: Amount::ZERO,
                waived: Parts::default(),
            });
            numbers.push(nr);
        }
        Ok(numbers)
    }

    /// Solves the principal of the rows to come again, over more rows or at another rate. Overdue rows stay as they are.
    pub(super) fn resolve(&mut self, change: &Change) -> Result<(), LoanError> {
        if change.rate.is_some_and(|(rate, _)| rate > self.contract.annual_rate) {
            return Err(LoanError::TermsInvalid {
                measure: "rate_reduction",
                reason: "is above the contract rate",
            });
        }
        let principal = Amount::try_sum(self.future().iter().map(|slot| slot.left.principal))?;
        let existing = self.future().len();
        enough(1, existing)?;
        let rate = change.rate.map_or(self.contract.annual_rate, |(rate, _)| rate);
        let method = Method::of(self.contract);
        let extra = match change.by {
            None => 0,
            Some(Extension::Instalments(extra)) => usize::from(extra),
            Some(Extension::TargetPayment(target)) => {
                let room = usize::from(MAX_INSTALMENTS).saturating_sub(self.slots.len());
                Search { method, principal, rate, existing, target }.shortest(room)?
            }
        };
        let mut numbers: Vec<u32> = self.future().iter().map(|slot| slot.nr).collect();
        numbers.extend(self.add_slots(extra)?);
        let mut splits = method.solve(principal, &vec![Period::month(rate); numbers.len()])?;
        if let Some((_, Some(until))) = change.rate {
            let low =
                self.slots.iter().filter(|slot| numbers.contains(&slot.nr) && slot.due <= until).count();
            splits = self.back_to_contract_rate(splits, low)?;
        }
        for (nr, split) in numbers.into_iter().zip(splits) {
            let Some(slot) = self.slots.iter_mut().find(|slot| slot.nr == nr) else { continue };
            // Interest that was already paid ahead in this row counts.
            let interest = split.interest.sub_floor0(slot.paid.interest)?;
            self.added = self.added.add(interest)?.sub(slot.left.interest)?;
            slot.left.interest = interest;
            slot.left.principal = split.principal;
        }
        Ok(())
    }

    /// Keeps the first `low` splits and solves what is left at the contract rate.
    fn back_to_contract_rate(&self, mut splits: Vec<Split>, low: usize) -> Result<Vec<Split>, LoanError> {
        let rest = splits.split_off(low.min(splits.len()));
        if rest.is_empty() {
            return Ok(splits);
        }
        let principal = Amount::try_sum(rest.iter().map(|split| split.principal))?;
        let periods = vec![Period::month(self.contract.annual_rate); rest.len()];
        splits.extend(Method::of(self.contract).solve(principal, &periods)?);
        Ok(splits)
    }
}

/// The shortest extension that brings the first instalment down to a target.
struct Search {
    method: Method,
    principal: Amount,
    rate: Rate,
    existing: usize,
    target: Amount,
}

impl Search {
    fn shortest(&self, room: usize) -> Result<usize, LoanError> {
        let (mut low, mut high) = (1, room);
        if room == 0 || !self.reaches(room)? {
            return Err(LoanError::TargetTooLow { target: self.target });
        }
        // INVARIANT: `high` reaches the target; the instalment never rises with the term.
        while low < high {
            let middle = low + (high - low) / 2;
            if self.reaches(middle)? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(high)
    }

    fn reaches(&self, extra: usize) -> Result<bool, LoanError> {
        let periods = vec![Period::month(self.rate); self.existing + extra];
        let splits = self.method.solve(self.principal, &periods)?;
        let Some(first) = splits.first() else { return Ok(false) };
        Ok(first.principal.add(first.interest)? <= self.target)
    }
}
