//! Events that change the schedule itself.

use std::collections::BTreeMap;

use crate::calendar;
use crate::error::LoanError;
use crate::event::EventKind;
use crate::model::Charge;
use crate::money::Amount;
use crate::product::PayOffInterest;
use crate::state::VersionCause;

use super::Ledger;

impl Ledger<'_> {
    /// One change, as of the ledger's day.
    pub(super) fn change(&mut self, change: &EventKind) -> Result<(), LoanError> {
        if self.skip_undone(change) {
            return Ok(());
        }
        match change {
            EventKind::Charge { part, due, amount, .. } => {
                self.model.charges.push(Charge { part: *part, due: *due, amount: *amount });
                self.project()?;
            }
            EventKind::Chargeback { amount, .. } => {
                // What was paid off is owed again, and bears interest from now on.
                self.resume_interest()?;
                self.model.advances.push((self.day, *amount));
                self.charged_back = self.charged_back.add(*amount)?;
                self.project()?;
            }
            // Payments entered since have closed the loan: there is nothing left to change.
            EventKind::PayOff { id, amount } => self.pay_off(id, *amount)?,
            _ if self.is_closed()? => {}
            other => {
                let before = self.model.clone();
                match self.change_terms(other) {
                    Err(error) if error.is_misfit() && self.strict != other.new_id() => {
                        self.model = before;
                        self.project()?;
                    }
                    result => result?,
                }
            }
        }
        if let Some(id) = change.new_id() {
            let rows = self.rows();
            self.push_version(self.day, VersionCause::Change(id.to_owned()), rows);
        }
        Ok(())
    }

    fn change_terms(&mut self, change: &EventKind) -> Result<(), LoanError> {
        let contract = self.account.contract();
        // Overdue interest up to today counts in what is moved.
        self.project()?;
        let paid = self.paid_by_row();
        match change {
            EventKind::Reschedule { change, .. } => {
                self.model.reschedule(contract, change)?;
                self.moved = true;
            }
            EventKind::ReAge { re_age, .. } => {
                let movements = self.movements();
                self.model.re_age(contract, self.day, re_age, (&paid, &movements))?;
                self.moved = true;
            }
            EventKind::ReAmortise { interest, .. } => {
                let waived = self.model.re_amortise(self.day, *interest, &paid)?;
                self.note_waived(&waived)?;
                self.moved = true;
            }
            EventKind::InterestPaused { from, to, .. } => self.model.pauses.push(*from, *to),
            EventKind::Terminated { .. } => {
                self.model.terminate(self.day)?;
                self.moved = true;
            }
            _ => {}
        }
        self.project()
    }

    fn note_waived(&mut self, waived: &BTreeMap<u32, Amount>) -> Result<(), LoanError> {
        for line in &mut self.lines {
            if let Some(amount) = waived.get(&line.state.row.nr) {
                line.state.waived.interest = line.state.waived.interest.add(*amount)?;
            }
        }
        Ok(())
    }

    /// Stops interest and pays what is then left. A sum that isn't what the day needs (payments were back-dated since) is
    /// an ordinary payment.
    fn pay_off(&mut self, id: &str, amount: Amount) -> Result<(), LoanError> {
        if self.stop_interest()? != amount {
            self.paid_off = None;
            self.interest_stopped = false;
            self.model.stop = None;
            self.project()?;
        }
        let order = self.order_on(self.day)?;
        self.place(id, amount, &order)?;
        self.project()
    }

    /// The nights since a pay-off stay without interest; later ones bear it again.
    fn resume_interest(&mut self) -> Result<(), LoanError> {
        if let Some(stop) = self.model.stop.take() {
            self.model.pauses.push(calendar::next_day(stop)?, self.day);
        }
        self.interest_stopped = false;
        Ok(())
    }

    /// What pays the loan off today, interest stopped.
    pub(super) fn stop_interest(&mut self) -> Result<Amount, LoanError> {
        let stop = match self.account.product.pay_off_interest {
            _ if self.interest_stopped => self.model.stop.unwrap_or(self.day),
            PayOffInterest::ToDate => self.day,
            PayOffInterest::ToPeriodEnd => self
                .model
                .term_at(self.day)
                .map_or(self.day, |index| self.model.terms.get(index).map_or(self.day, |term| term.due)),
        };
        self.paid_off = Some((self.day, stop));
        self.interest_stopped = true;
        self.model.stop = Some(stop);
        self.project()?;
        let mut needed = Amount::ZERO;
        for line in &self.lines {
            needed = needed.add(line.state.left()?.total()?)?;
        }
        Ok(needed)
    }
}
