//! Replay of a loan's events, day by day.
//!
//! A plan that ended (undone, or a settlement that wasn't paid in time) is replayed from the start without its relief, so
//! that the result is what would stand today; only its version, its penalty-free days and the kept share of its penalty
//! waiver remain. Each pass ends at most one plan, so there are at most as many passes as plans, plus one.

mod line;
mod reading;
mod timeline;

use crate::account::{Account, EventKind};
use crate::calendar::{self, Date};
use crate::contract::{Overpayment, Product};
use crate::error::{ArithmeticError, LoanError};
use crate::money::{Amount, Rate};
use crate::parts::Part;
use crate::relief;
use crate::schedule::Row;
use crate::state::{ScheduleVersion, Spell, State, VersionCause};
use crate::terms::{Measure, Terms};

use line::Line;
use timeline::{Days, Timeline};

/// What stands at the end of `as_of`.
pub(crate) fn replay(account: &Account, as_of: Date) -> Result<State, LoanError> {
    let timeline = Timeline::of(account, as_of);
    let mut ended: Vec<EndedPlan> = Vec::new();
    loop {
        match Ledger::open(account, &timeline, &ended)?.run(&timeline, as_of)? {
            Pass::Stands(state) => return Ok(*state),
            Pass::Ends(plan) => ended.push(plan),
        }
    }
}

enum Pass {
    Stands(Box<State>),
    /// A plan has ended; replay without it.
    Ends(EndedPlan),
}

/// A plan in force, seen by the pass that reaches its end.
struct ActivePlan {
    id: String,
    accepted: Date,
    settle_by: Option<Date>,
    waived_penalty: Amount,
    total_to_pay: Amount,
    paid: Amount,
    rows: Vec<Row>,
}

/// A plan whose relief counts no more.
#[derive(Clone)]
struct EndedPlan {
    id: String,
    accepted: Date,
    /// First day without it.
    on: Date,
    how: Ending,
    kept_to: Option<Date>,
    /// Penalty that stays waived: in proportion to what was paid under the plan.
    kept_waiver: Amount,
    /// Its schedule, which stays readable.
    rows: Vec<Row>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Recorded,
    /// A settlement that wasn't paid in full by its day.
    Lapsed,
}

struct Ledger<'a> {
    account: &'a Account,
    ended: &'a [EndedPlan],
    penalty_rate: Rate,
    free_days: Days,
    contract_rows: Vec<Row>,
    lines: Vec<Line>,
    plans: Vec<ActivePlan>,
    versions: Vec<ScheduleVersion>,
    spells: Vec<Spell>,
    observed_to: Date,
    received: Amount,
    unallocated: Amount,
    day: Date,
}

impl<'a> Ledger<'a> {
    fn open(
        account: &'a Account,
        timeline: &Timeline<'_>,
        ended: &'a [EndedPlan],
    ) -> Result<Self, LoanError> {
        let contract = account.contract();
        let contract_rows = account.origin.rows()?;
        let line = |row: &Row| Line::new(row.clone());
        let mut free_days = timeline.suspended.clone();
        for plan in ended {
            if let Some(kept_to) = plan.kept_to {
                free_days.push(calendar::next_day(plan.accepted)?, kept_to);
            }
        }
        let mut ledger = Self {
            account,
            ended,
            penalty_rate: account.product.penalty_rate(contract.annual_rate)?,
            free_days: free_days.merged(),
            lines: contract_rows.iter().map(line).collect(),
            contract_rows,
            plans: Vec::new(),
            versions: Vec::new(),
            spells: Vec::new(),
            observed_to: contract.interest_from,
            received: Amount::ZERO,
            unallocated: Amount::ZERO,
            day: contract.interest_from,
        };
        ledger.push_version(ledger.day, VersionCause::Contract, ledger.contract_rows.clone());
        Ok(ledger)
    }

    fn run(mut self, timeline: &Timeline<'_>, as_of: Date) -> Result<Pass, LoanError> {
        for event in &timeline.events {
            if let Some(ended) = self.turn_to(event.effective, timeline)? {
                return Ok(Pass::Ends(ended));
            }
            match &event.kind {
                EventKind::Payment { id, amount } => self.receive(id, *amount)?,
                EventKind::Relief { id, terms } => self.accept(id, terms)?,
                EventKind::ReliefUndone { id, kept_to } => {
                    if let Some(ended) = self.undo(id, *kept_to)? {
                        return Ok(Pass::Ends(ended));
                    }
                }
                // The timeline has already left out reversed payments and noted penalty-free days.
                EventKind::PaymentReversed { .. } | EventKind::PenaltySuspended { .. } => {}
            }
        }
        if let Some(ended) = self.turn_to(as_of, timeline)? {
            return Ok(Pass::Ends(ended));
        }
        self.observe(self.day)?;
        Ok(Pass::Stands(Box::new(self.read(as_of)?)))
    }

    /// Moves to a later day: settlements lapse, arrears are noted, penalty accrues.
    fn turn_to(&mut self, day: Date, timeline: &Timeline<'_>) -> Result<Option<EndedPlan>, LoanError> {
        if day <= self.day {
            return Ok(None);
        }
        let lapsed = self.plans.iter().find(|plan| plan.settle_by.is_some_and(|by| by < day));
        if let Some(plan) = lapsed
            && !self.is_closed()?
        {
            let by = plan.settle_by.unwrap_or(self.day);
            let kept_to = timeline.recorded_end(&plan.id).and_then(|(_, kept_to)| kept_to);
            return Ok(Some(plan.ended(calendar::next_day(by)?, Ending::Lapsed, kept_to)?));
        }
        self.observe(self.day)?;
        self.observe(day.yesterday().map_err(|_| LoanError::DateOutOfRange { date: day })?)?;
        self.day = day;
        for line in &mut self.lines {
            line.accrue(day, &self.free_days, self.penalty_rate)?;
        }
        for plan in self.ended {
            let due = plan.how == Ending::Lapsed && plan.on <= day && !self.has_undo_version(&plan.id);
            if due && self.has_relief_version(&plan.id) {
                let rows = self.rows();
                self.push_version(plan.on, VersionCause::Undo(plan.id.clone()), rows);
            }
        }
        Ok(None)
    }

    /// Allocates a payment: rows that are due, oldest first; penalties of rows that relief moved; the running row; then
    /// the next or the last rows. The running row is found by date alone, so that splitting a payment changes nothing.
    fn receive(&mut self, id: &str, amount: Amount) -> Result<(), LoanError> {
        self.received = self.received.add(amount)?;
        let day = self.day;
        let mut order: Vec<usize> = (0..self.lines.len()).collect();
        order.sort_by_key(|index| self.lines.get(*index).map(|line| (line.state.row.due, line.state.row.nr)));
        let due_of = |index: &usize| self.lines.get(*index).map(|line| line.state.row.due);
        let (due, later): (Vec<usize>, Vec<usize>) =
            order.into_iter().partition(|index| due_of(index).is_some_and(|due| due <= day));
        let due_today = due.iter().any(|index| due_of(index) == Some(day));
        let mut rest = amount;
        for index in &due {
            rest = self.pay(*index, id, rest, &self.account.product)?;
        }
        for index in &later {
            rest = self.pay_penalty(*index, id, rest)?;
        }
        let running = usize::from(!due_today).min(later.len());
        let (running, beyond) = later.split_at(running);
        let mut beyond = beyond.to_vec();
        match self.account.product.overpayment {
            Overpayment::ReduceNext => {}
            Overpayment::ReduceLast => beyond.reverse(),
        }
        for index in running.iter().chain(&beyond) {
            rest = self.pay(*index, id, rest, &self.account.product)?;
        }
        self.unallocated = self.unallocated.add(rest)?;
        let allocated = amount.sub(rest)?;
        for plan in &mut self.plans {
            plan.paid = plan.paid.add(allocated)?;
        }
        Ok(())
    }

    fn pay(
        &mut self,
        index: usize,
        id: &str,
        amount: Amount,
        product: &Product,
    ) -> Result<Amount, LoanError> {
        match self.lines.get_mut(index) {
            Some(line) => Ok(line.pay(id, self.day, amount, &product.allocation)?),
            None => Ok(amount),
        }
    }

    fn pay_penalty(&mut self, index: usize, id: &str, amount: Amount) -> Result<Amount, LoanError> {
        match self.lines.get_mut(index) {
            Some(line) => Ok(line.pay(id, self.day, amount, &[Part::Penalty])?),
            None => Ok(amount),
        }
    }

    fn accept(&mut self, id: &str, terms: &Terms) -> Result<(), LoanError> {
        let cause = VersionCause::Relief(id.to_owned());
        if let Some(ended) = self.ended.iter().find(|plan| plan.id == id) {
            self.waive_penalty_oldest_first(ended.kept_waiver)?;
            self.push_version(self.day, cause, ended.rows.clone());
            return Ok(());
        }
        if self.is_closed()? {
            // Payments entered since have closed the loan before the terms were accepted: they have nothing to change.
            let rows = self.rows();
            self.push_version(self.day, cause, rows);
            return Ok(());
        }
        let applied = relief::apply(&self.read(self.day)?, self.account.contract(), terms, self.day)?;
        for row in &applied.rows {
            match self.lines.iter_mut().find(|line| line.state.row.nr == row.nr) {
                Some(line) => line.state.row = row.clone(),
                None => self.lines.push(Line::new(row.clone())),
            }
        }
        for (nr, waived) in &applied.waived_by_row {
            if let Some(line) = self.lines.iter_mut().find(|line| line.state.row.nr == *nr) {
                line.state.waived = line.state.waived.plus(waived)?;
            }
        }
        self.plans.push(ActivePlan {
            id: id.to_owned(),
            accepted: self.day,
            settle_by: terms.measures.iter().find_map(|measure| match measure {
                Measure::Settlement { pay_by, .. } => Some(*pay_by),
                _ => None,
            }),
            waived_penalty: applied.waived.penalty,
            total_to_pay: applied.total_to_pay,
            paid: Amount::ZERO,
            rows: applied.rows.clone(),
        });
        self.push_version(self.day, cause, applied.rows);
        Ok(())
    }

    /// On the first pass gives the ended plan; on the next one notes the version that stands without it.
    fn undo(&mut self, id: &str, kept_to: Option<Date>) -> Result<Option<EndedPlan>, LoanError> {
        if let Some(plan) = self.plans.iter().find(|plan| plan.id == id) {
            return Ok(Some(plan.ended(self.day, Ending::Recorded, kept_to)?));
        }
        if self.has_relief_version(id) && !self.has_undo_version(id) {
            let rows = self.rows();
            self.push_version(self.day, VersionCause::Undo(id.to_owned()), rows);
        }
        Ok(None)
    }

    fn waive_penalty_oldest_first(&mut self, amount: Amount) -> Result<(), LoanError> {
        let mut rest = amount;
        for line in &mut self.lines {
            let given_up = line.state.left()?.penalty.min(rest);
            line.state.waived.penalty = line.state.waived.penalty.add(given_up)?;
            rest = rest.sub(given_up)?;
        }
        Ok(())
    }

    fn push_version(&mut self, effective: Date, cause: VersionCause, rows: Vec<Row>) {
        let number = u32::try_from(self.versions.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.versions.push(ScheduleVersion { number, effective, cause, rows });
    }

    fn has_relief_version(&self, id: &str) -> bool {
        self.versions.iter().any(|version| matches!(&version.cause, VersionCause::Relief(of) if of == id))
    }

    fn has_undo_version(&self, id: &str) -> bool {
        self.versions.iter().any(|version| matches!(&version.cause, VersionCause::Undo(of) if of == id))
    }

    fn rows(&self) -> Vec<Row> {
        self.lines.iter().map(|line| line.state.row.clone()).collect()
    }
}

impl ActivePlan {
    fn ended(&self, on: Date, how: Ending, kept_to: Option<Date>) -> Result<EndedPlan, LoanError> {
        let kept_waiver = if self.total_to_pay.is_zero() {
            Amount::ZERO
        } else {
            // Minor units multiplied first, so that the share is rounded once.
            let product = self
                .waived_penalty
                .exact()
                .checked_mul(self.paid.exact())
                .ok_or(ArithmeticError::Overflow)?;
            let share = crate::schedule::divide(product, self.total_to_pay.exact())?;
            Amount::round(share)?.min(self.waived_penalty)
        };
        Ok(EndedPlan {
            id: self.id.clone(),
            accepted: self.accepted,
            on,
            how,
            kept_to,
            kept_waiver,
            rows: self.rows.clone(),
        })
    }
}
