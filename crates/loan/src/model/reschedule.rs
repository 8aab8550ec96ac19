//! Due-date shift, extra instalments, grace and new rates.

use crate::calendar::{self, Date};
use crate::contract::{Amortisation, Contract, MAX_INSTALMENTS};
use crate::error::LoanError;
use crate::event::Reschedule;
use crate::money::{Amount, Rate};
use crate::state::RateStep;

use super::change::refuse;
use super::{Bears, Model, Repay, Term};

impl Model {
    /// Due-date shift, extra instalments, grace on principal and a new rate, each from the instalment on that is the first
    /// due on or after the day.
    pub fn reschedule(&mut self, contract: &Contract, change: &Reschedule) -> Result<(), LoanError> {
        self.detach();
        let Some(first) = self.term_at(change.from) else {
            return refuse("reschedule", change.from, "no instalment is due on or after this day");
        };
        if let Some(rate) = change.annual_rate {
            self.set_rate(change.from, rate)?;
        }
        if let Some(due) = change.new_due {
            self.move_due(contract, first, due)?;
        }
        self.add_terms(contract, change.extra_instalments)?;
        if change.grace_on_principal > 0 {
            self.grace(contract, first, change.grace_on_principal)?;
        }
        for term in self.terms.iter_mut().skip(first).take(usize::from(change.grace_on_interest)) {
            term.deferred = true;
        }
        if change.annual_rate.is_some() || change.extra_instalments > 0 {
            self.accrue_from(first);
            self.attach()?;
            self.solve(first, None)?;
        }
        Ok(())
    }

    fn set_rate(&mut self, from: Date, annual_rate: Rate) -> Result<(), LoanError> {
        let places = annual_rate.decimal().scale();
        if annual_rate < Rate::ZERO
            || annual_rate.decimal() > crate::contract::MAX_ANNUAL_RATE
            || places > crate::contract::MAX_RATE_PLACES
        {
            return refuse("reschedule", from, "the new rate must be 0 to 10 with at most 12 places");
        }
        self.rates.retain(|step| step.from != from);
        self.rates.push(RateStep { from, annual_rate });
        self.rates.sort_by_key(|step| step.from);
        Ok(())
    }

    /// A lower rate from the running period on, until a day or for good; later steps that are known stay.
    pub fn reduce_rate(&mut self, on: Date, rate: Rate, until: Option<Date>) -> Result<(), LoanError> {
        let last_due = self.terms.iter().map(|term| term.due).filter(|due| *due <= on).max();
        let begin = last_due.map_or(Ok(on), calendar::next_day)?;
        let Some(until) = until else {
            self.rates.retain(|step| step.from < begin);
            return self.set_rate(begin, rate);
        };
        if until < begin {
            return Ok(());
        }
        let after = calendar::next_day(until)?;
        let before = self.rate_on(after);
        self.rates.retain(|step| step.from < begin || step.from > after);
        self.set_rate(begin, rate)?;
        self.set_rate(after, before)
    }

    /// Amounts that were agreed or stated give way to what the balance bears.
    pub(super) fn accrue_from(&mut self, first: usize) {
        if !self.accrues {
            return;
        }
        let bears = if self.amortisation == Amortisation::Flat { Bears::Original } else { Bears::Balance };
        for term in self.terms.iter_mut().skip(first) {
            if matches!(term.bears, Bears::Agreed(_)) && !term.repay.is_kept() {
                term.bears = bears;
            }
        }
    }

    fn move_due(&mut self, contract: &Contract, first: usize, due: Date) -> Result<(), LoanError> {
        let earliest = self.terms.iter().take(first).map(|term| term.due).max();
        if earliest.is_some_and(|earliest| due <= earliest) {
            return refuse("reschedule", due, "the new due date isn't after the instalment before");
        }
        let anchor = anchor_of(contract, due)?;
        let frequency = self.frequency;
        let mut from = self.terms.get(first).map_or(due, |term| term.from);
        let open: Vec<usize> = (first..self.terms.len())
            .filter(|index| self.terms.get(*index).is_some_and(Term::is_open))
            .collect();
        for (index, steps) in open.into_iter().zip(0_i32..) {
            let moved = self.due_on(contract, frequency.after(anchor, due, steps)?)?;
            if let Some(term) = self.terms.get_mut(index) {
                term.from = from;
                term.due = moved;
                from = moved;
            }
        }
        self.sort();
        Ok(())
    }

    pub(super) fn sort(&mut self) {
        self.terms.sort_by_key(|term| (term.due, term.nr));
    }

    /// More terms at the end, like the last one.
    fn add_terms(&mut self, contract: &Contract, count: u16) -> Result<(), LoanError> {
        let Some(last) = self.terms.iter().rfind(|term| !term.repay.is_kept()).cloned() else {
            return Ok(());
        };
        let unmoved = contract.unmoved(last.due)?;
        let anchor = anchor_of(contract, unmoved)?;
        let mut from = last.due;
        for steps in 1..=i32::from(count) {
            if self.terms.len() >= usize::from(MAX_INSTALMENTS) {
                return refuse("reschedule", last.due, "more than 600 instalments");
            }
            let due = self.due_on(contract, self.frequency.after(anchor, unmoved, steps)?)?;
            let nr = self.next_nr()?;
            let bears = match last.bears {
                _ if !self.accrues => Bears::Nothing,
                Bears::Agreed(_) | Bears::Nothing if self.amortisation == Amortisation::Flat => {
                    Bears::Original
                }
                Bears::Agreed(_) | Bears::Nothing => Bears::Balance,
                other => other,
            };
            self.terms.push(Term { repay: last.repay, bears, repays: true, ..Term::empty(nr, from, due) });
            from = due;
        }
        self.sort();
        Ok(())
    }

    /// So many terms from `first` on repay nothing; what they and later ones repay moves on, into new terms at the end.
    fn grace(&mut self, contract: &Contract, first: usize, count: u16) -> Result<(), LoanError> {
        let mut repayments: Vec<Repay> =
            self.terms.iter().skip(first).filter(|term| term.repays).map(|term| term.repay).collect();
        self.add_terms(contract, count)?;
        repayments.reverse();
        for (index, term) in self.terms.iter_mut().skip(first).filter(|term| term.repays).enumerate() {
            if index < usize::from(count) {
                term.repay = Repay::Principal(Amount::ZERO);
                term.repays = false;
            } else if let Some(repay) = repayments.pop() {
                term.repay = repay;
            }
        }
        Ok(())
    }
}

/// The contract's anchor day where `due` is on its grid, else the day of `due`.
pub(super) fn anchor_of(contract: &Contract, due: Date) -> Result<u8, LoanError> {
    let anchor = contract.anchor_day();
    if calendar::month_after(anchor, due, 0)? == due {
        Ok(anchor)
    } else {
        Ok(u8::try_from(due.day()).unwrap_or(1))
    }
}
