//! Where a payment goes.

use std::collections::BTreeMap;

use crate::calendar;
use crate::calendar::Date;
use crate::conventions::Accrual;
use crate::error::{ArithmeticError, LoanError};
use crate::event::{Event, EventKind};
use crate::money::Amount;
use crate::parts::Part;
use crate::product::Overpayment;

use super::Ledger;
use super::line::{Limits, Released};

/// Rounds of placing money anew that a change of rows may take to settle.
const ROUNDS: usize = 64;

/// Where money of a day goes, row by row.
struct Places {
    /// Numbers of rows that are due, oldest first.
    due: Vec<u32>,
    /// The others, oldest first.
    later: Vec<u32>,
    /// The same in the order in which they are paid: the running one, then the next or the last.
    ahead: Vec<u32>,
    /// The row that takes what is repaid at once: due today, or else the running one.
    running: Option<u32>,
}

impl Ledger<'_> {
    /// Payments of one day.
    pub(super) fn receive(&mut self, payments: &[&Event]) -> Result<(), LoanError> {
        // How late the loan is when the day's money comes, whatever its first part cures.
        let order = self.order_on(self.day)?;
        for event in payments {
            if let EventKind::Payment { id, amount } = &event.kind {
                self.place(id, *amount, &order)?;
            }
        }
        let saves_interest =
            self.counts_nights() && payments.iter().any(|event| self.paid_ahead(&event.kind));
        if saves_interest {
            self.refresh_rows()?;
        }
        self.place_released()
    }

    /// Allocates money that comes today.
    pub(super) fn place(&mut self, id: &str, amount: Amount, order: &[Part]) -> Result<(), LoanError> {
        self.received = self.received.add(amount)?;
        let rest = self.allocate((id, self.day), amount, order)?;
        self.lay_by(id, rest);
        let allocated = amount.sub(rest)?;
        for plan in &mut self.plans {
            plan.paid = plan.paid.add(allocated)?;
        }
        Ok(())
    }

    fn counts_nights(&self) -> bool {
        self.account.contract().conventions.accrual == Accrual::Daily && !self.interest_stopped
    }

    fn paid_ahead(&self, payment: &EventKind) -> bool {
        let Some(id) = payment.new_id() else { return false };
        self.lines.iter().any(|line| {
            line.state.row.due > self.day && line.state.payments.iter().any(|share| share.payment_id == id)
        })
    }

    /// Rows that are due, oldest first; penalties of rows that relief moved; the running row; then the next or the last
    /// rows. The running row is found by date alone, so that splitting a payment changes nothing.
    fn allocate(
        &mut self,
        (id, day): (&str, Date),
        amount: Amount,
        order: &[Part],
    ) -> Result<Amount, LoanError> {
        let Places { due, later, ahead, running } = self.places(day);
        let mut rest = amount;
        for nr in due {
            rest = self.pay(nr, (id, day), rest, order)?;
        }
        for nr in later {
            rest = self.pay_moved_penalty(nr, (id, day), rest)?;
        }
        if let Some(nr) = running {
            rest = self.prepay(nr, (id, day), rest)?;
        }
        for nr in ahead {
            rest = self.pay(nr, (id, day), rest, order)?;
        }
        Ok(rest)
    }

    fn places(&self, day: Date) -> Places {
        let mut rows: Vec<(Date, u32)> =
            self.lines.iter().map(|line| (line.state.row.due, line.state.row.nr)).collect();
        rows.sort_unstable();
        let later = rows.split_off(rows.partition_point(|(date, _)| *date <= day));
        let due_today = rows.last().filter(|(date, _)| *date == day);
        let running = due_today.or(later.first()).map(|(_, nr)| *nr);
        let beyond = usize::from(due_today.is_none());
        let numbers = |rows: Vec<(Date, u32)>| -> Vec<u32> { rows.into_iter().map(|(_, nr)| nr).collect() };
        let (due, later) = (numbers(rows), numbers(later));
        let mut ahead = later.clone();
        if self.account.product.overpayment == Overpayment::ReduceLast {
            ahead.get_mut(beyond..).unwrap_or_default().reverse();
        }
        Places { due, later, ahead, running }
    }

    /// Money beyond everything owed waits for what may be owed yet.
    fn lay_by(&mut self, id: &str, amount: Amount) {
        if !amount.is_zero() {
            self.idle.push(Released { payment_id: id.to_owned(), date: self.day, amount });
        }
    }

    /// A penalty stays due where relief moved its row; one that was charged for a day to come doesn't.
    fn pay_moved_penalty(
        &mut self,
        nr: u32,
        payment: (&str, Date),
        amount: Amount,
    ) -> Result<Amount, LoanError> {
        let to_come = self.model.penalty_of(nr);
        let Some(line) = self.line_mut(nr) else { return Ok(amount) };
        let due = line.state.left()?.penalty.sub_floor0(to_come)?.min(amount);
        let rest = line.pay(payment, due, &[Part::Penalty], &Limits::Row)?;
        Ok(amount.sub(due)?.add(rest)?)
    }

    /// Repays principal at once, where the product has overpayments do so. What is left of the money goes on.
    fn prepay(&mut self, nr: u32, (id, day): (&str, Date), amount: Amount) -> Result<Amount, LoanError> {
        let shorter = match self.account.product.overpayment {
            // A pay-off covers every row as it stands.
            _ if self.interest_stopped => return Ok(amount),
            Overpayment::ReduceNext | Overpayment::ReduceLast => return Ok(amount),
            Overpayment::ReduceTerm => true,
            Overpayment::ReduceInstalment => false,
        };
        let mut beyond = Amount::ZERO;
        for line in self.lines.iter().filter(|line| line.state.row.nr != nr) {
            beyond = beyond.add(line.state.left()?.principal)?;
        }
        let prepaid = amount.min(beyond);
        if prepaid.is_zero() || !self.model.prepay(nr, prepaid) {
            return Ok(amount);
        }
        self.refresh_rows()?;
        let unplaced = match self.line_mut(nr) {
            Some(line) => line.pay((id, day), prepaid, &[Part::Principal], &Limits::Row)?,
            None => prepaid,
        };
        // Interest that is saved counts before the instalments to come are looked at: so the day's parts don't matter.
        self.refresh_rows()?;
        self.model.after_prepayment(nr, shorter)?;
        self.refresh_rows()?;
        Ok(amount.sub(prepaid)?.add(unplaced)?)
    }

    /// The order of allocation for money of a day, by how late the loan is.
    pub(super) fn order_on(&self, day: Date) -> Result<Vec<Part>, ArithmeticError> {
        Ok(self.account.product.allocation_at(self.days_past_due(day)?).to_vec())
    }

    fn days_past_due(&self, day: Date) -> Result<u32, ArithmeticError> {
        if self.account.product.late_allocation.is_none() {
            return Ok(0);
        }
        let oldest = self.oldest_unpaid_due()?;
        Ok(oldest.map_or(0, |due| u32::try_from(calendar::days_between(due, day)).unwrap_or(0)))
    }

    fn pay(
        &mut self,
        nr: u32,
        (id, day): (&str, Date),
        amount: Amount,
        order: &[Part],
    ) -> Result<Amount, LoanError> {
        if amount.is_zero() {
            return Ok(amount);
        }
        let Some(due) = self.line_mut(nr).map(|line| line.state.row.due) else { return Ok(amount) };
        let is_ahead = due > day && self.counts_nights() && self.model.has_level(nr);
        let limits = if is_ahead { self.ahead(nr, day)? } else { Limits::Row };
        let Some(line) = self.line_mut(nr) else { return Ok(amount) };
        let rest = line.pay((id, day), amount, order, &limits)?;
        if let Limits::Ahead { interest, principal } = limits
            && line.state.paid.interest >= interest
            && line.state.paid.principal >= principal
        {
            self.model.close_ahead(nr, day);
        }
        Ok(rest)
    }

    /// Money ahead of its time pays the interest that ran up to the day, then principal up to the instalment.
    fn ahead(&self, nr: u32, day: Date) -> Result<Limits, LoanError> {
        let interest = self.model.payable(nr, day, &self.movements())?;
        let mut left = Amount::ZERO;
        for line in &self.lines {
            left = left.add(line.state.row.principal)?.sub(line.state.paid.principal)?;
        }
        let paid =
            self.lines.iter().find(|line| line.state.row.nr == nr).map(|line| line.state.paid.principal);
        let most = left.max(Amount::ZERO).add(paid.unwrap_or_default())?;
        Ok(Limits::Ahead { interest, principal: self.model.principal_ahead(nr, interest)?.min(most) })
    }

    /// Money in rows that went, or that hold less than was paid in them, is allocated again as of its own day. What then
    /// comes loose once more by a rounding repays principal, which lowers interest only: so this ends.
    pub(super) fn place_released(&mut self) -> Result<(), LoanError> {
        for round in 0..ROUNDS {
            let mut loose = self.take_loose()?;
            if round == 0 && !self.idle.is_empty() && !self.is_closed()? {
                let idle = std::mem::take(&mut self.idle);
                loose.extend(idle.into_iter().map(|money| Released { date: self.day, ..money }));
            }
            if loose.is_empty() {
                return Ok(());
            }
            // How late the loan is, whatever the first part of a day's money cures.
            let mut orders = BTreeMap::new();
            for money in &loose {
                orders.insert(money.date, self.order_on(money.date)?);
            }
            for money in loose {
                let rest = if round == 0 { money.amount } else { self.repay(&money)? };
                let order = orders.get(&money.date).map(Vec::as_slice).unwrap_or_default();
                let rest = self.allocate((&money.payment_id, money.date), rest, order)?;
                self.lay_by(&money.payment_id, rest);
            }
            self.refresh_rows()?;
        }
        for money in self.take_loose()? {
            self.lay_by(&money.payment_id, money.amount);
        }
        Ok(())
    }

    /// Money in rows that went, or above what rows hold.
    fn take_loose(&mut self) -> Result<Vec<Released>, LoanError> {
        let mut loose = std::mem::take(&mut self.released);
        for line in &mut self.lines {
            loose.extend(line.release_excess()?);
        }
        Ok(loose)
    }

    /// Repays principal wherever some is left, in the order of rows that any payment takes; gives what remains.
    fn repay(&mut self, money: &Released) -> Result<Amount, LoanError> {
        let mut rest = money.amount;
        let Places { due, ahead, .. } = self.places(money.date);
        for nr in due.into_iter().chain(ahead) {
            if let Some(line) = self.line_mut(nr) {
                let payment = (money.payment_id.as_str(), money.date);
                rest = line.pay(payment, rest, &[Part::Principal], &Limits::Row)?;
            }
        }
        Ok(rest)
    }
}
