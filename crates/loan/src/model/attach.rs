//! Charges and chargebacks belong to the instalment whose nights their day falls in, wherever that has moved.

use crate::calendar::Date;
use crate::error::LoanError;
use crate::event::ChargePart;
use crate::money::Amount;

use super::{Extra, Model, Repay, Term};

impl Model {
    /// Takes away the rows that were made for charges; [`Model::attach`] makes those anew that are still needed.
    pub(super) fn detach(&mut self) {
        if self.charges.is_empty() && self.advances.is_empty() {
            return;
        }
        self.terms.retain(|term| term.extra != Some(Extra::Passing));
        for term in &mut self.terms {
            term.advanced = Amount::ZERO;
            term.charged_back = Amount::ZERO;
            term.charged_fee = Amount::ZERO;
            term.charged_penalty = Amount::ZERO;
        }
    }

    pub(super) fn attach(&mut self) -> Result<(), LoanError> {
        if self.charges.is_empty() && self.advances.is_empty() {
            return Ok(());
        }
        self.detach();
        for (nth, (date, amount)) in self.advances.clone().into_iter().enumerate() {
            let index = self.term_of_chargeback(date)?;
            let is_spread = nth < self.spread_advances;
            if let Some(term) = self.terms.get_mut(index) {
                term.advanced = term.advanced.add(amount)?;
                if !is_spread {
                    term.charged_back = term.charged_back.add(amount)?;
                }
            }
        }
        let mut charges = self.charges.clone();
        charges.sort_by_key(|charge| charge.due);
        for charge in charges {
            let index = self.term_of_charge(charge.due)?;
            if let Some(term) = self.terms.get_mut(index) {
                let cell = match charge.part {
                    ChargePart::Fee => &mut term.charged_fee,
                    ChargePart::Penalty => &mut term.charged_penalty,
                };
                *cell = cell.add(charge.amount)?;
            }
        }
        Ok(())
    }

    /// Fees that are due by `on` become the rows' own, to be spread.
    pub(super) fn settle_fees(&mut self, on: Date) -> Result<(), LoanError> {
        self.attach()?;
        for term in self.terms.iter_mut().filter(|term| term.due <= on) {
            term.fee = term.fee.add(std::mem::take(&mut term.charged_fee))?;
        }
        let due: Vec<Date> = self.terms.iter().map(|term| term.due).filter(|due| *due <= on).collect();
        let Some(last) = due.into_iter().max() else { return Ok(()) };
        self.charges.retain(|charge| charge.part != ChargePart::Fee || charge.due > last);
        Ok(())
    }

    /// Penalties that were charged with a row.
    pub fn penalty_of(&self, nr: u32) -> Amount {
        let term = self.terms.iter().find(|term| term.nr == nr);
        term.map_or(Amount::ZERO, |term| term.charged_penalty)
    }

    /// The first instalment due on or after the day; down payments aside.
    fn term_of_charge(&mut self, due: Date) -> Result<usize, LoanError> {
        let found = self
            .terms
            .iter()
            .position(|term| term.due >= due && (term.from < term.due || term.extra.is_some()));
        match found {
            Some(index) => Ok(index),
            None => self.charge_row(due),
        }
    }

    /// Charges after the last instalment share one row, due with the latest of them.
    fn charge_row(&mut self, due: Date) -> Result<usize, LoanError> {
        let last = self.terms.len().saturating_sub(1);
        match self.terms.last_mut() {
            Some(term) if term.extra == Some(Extra::Passing) && !term.is_open() => {
                term.due = due;
                term.contract_due = due;
                Ok(last)
            }
            _ => self.add_extra(due, Repay::Kept(Amount::ZERO)),
        }
    }

    /// The instalment that is running at the end of the day; on the last due date, the last one.
    fn term_of_chargeback(&mut self, date: Date) -> Result<usize, LoanError> {
        let running = self.terms.iter().position(|term| {
            (date < term.due && term.from < term.due) || (term.extra.is_some() && date == term.due)
        });
        match running.or_else(|| self.terms.iter().rposition(|term| date <= term.due && term.is_open())) {
            Some(index) => Ok(index),
            None => self.add_extra(date, Repay::Principal(Amount::ZERO)),
        }
    }

    fn add_extra(&mut self, due: Date, repay: Repay) -> Result<usize, LoanError> {
        let from = self.terms.last().map_or(due, |term| term.due);
        let nr = self.next_nr()?;
        self.terms.push(Term { repay, extra: Some(Extra::Passing), ..Term::empty(nr, from, due) });
        Ok(self.terms.len() - 1)
    }
}
