//! Relief in force, and what is left of relief and changes that ended.

use crate::calendar::Date;
use crate::error::{ArithmeticError, LoanError};
use crate::event::EventKind;
use crate::money::Amount;
use crate::relief::{self, Applied};
use crate::schedule::Row;
use crate::state::VersionCause;
use crate::terms::{Measure, Terms};

use super::Ledger;

/// A plan in force, seen by the pass that reaches its end.
pub(super) struct ActivePlan {
    pub id: String,
    pub accepted: Date,
    pub settle_by: Option<Date>,
    pub waived_penalty: Amount,
    pub total_to_pay: Amount,
    pub paid: Amount,
    pub rows: Vec<Row>,
}

/// Relief or a change of the schedule that counts no more.
#[derive(Clone)]
pub(super) struct Ended {
    pub id: String,
    pub accepted: Date,
    /// First day without it.
    pub on: Date,
    pub how: Ending,
    pub kept_to: Option<Date>,
    /// Penalty that stays waived: in proportion to what was paid under the plan.
    pub kept_waiver: Amount,
    /// Its schedule, which stays readable.
    pub rows: Vec<Row>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Recorded,
    /// A settlement that wasn't paid in full by its day.
    Lapsed,
}

impl Ledger<'_> {
    pub(super) fn accept(&mut self, id: &str, terms: &Terms) -> Result<(), LoanError> {
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
        let Some(applied) = self.apply(terms)? else {
            let rows = self.rows();
            self.push_version(self.day, cause, rows);
            return Ok(());
        };
        let changes = !self.are_rows(&applied.rows);
        let day = self.day;
        for row in &applied.rows {
            match self.line_mut(row.nr) {
                Some(line) => line.replace_row(row.clone(), day)?,
                None => self.add_line(row.clone()),
            }
        }
        for (nr, waived) in &applied.waived_by_row {
            if let Some(line) = self.line_mut(*nr) {
                line.state.waived = line.state.waived.plus(waived)?;
            }
        }
        // A waiver that changes no row leaves the loan to be computed as before.
        if changes {
            self.model.agree(&applied.rows, self.day, &applied.earned)?;
            self.model.charged_for.clone_from(&applied.charged_for);
            for line in &mut self.lines {
                line.settle_charges();
            }
        }
        self.change_rate(terms)?;
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

    /// What the terms make of the loan; `None` where payments that were entered since left nothing for them to change.
    fn apply(&self, terms: &Terms) -> Result<Option<Applied>, LoanError> {
        let state = self.read(self.day)?;
        let contract = self.account.contract();
        let open = match relief::apply(&state, contract, terms, self.day) {
            Err(LoanError::NotEnoughInstalments { open, .. }) => u16::try_from(open).unwrap_or(u16::MAX),
            Err(error) if error.is_misfit() => return Ok(None),
            result => return result.map(Some),
        };
        let fewer = terms.for_fewer_rows(open);
        if fewer.measures.is_empty() {
            return Ok(None);
        }
        match relief::apply(&state, contract, &fewer, self.day) {
            Err(error) if error.is_misfit() => Ok(None),
            result => result.map(Some),
        }
    }

    fn are_rows(&self, rows: &[Row]) -> bool {
        let content =
            |row: &Row| (row.nr, row.due, row.principal, row.interest, row.fee, row.relief_interest);
        self.lines.iter().map(|line| content(&line.state.row)).eq(rows.iter().map(content))
    }

    /// A rate reduction holds for what is solved or accrues later, too.
    fn change_rate(&mut self, terms: &Terms) -> Result<(), LoanError> {
        for measure in &terms.measures {
            if let Measure::RateReduction { rate, until } = measure {
                self.model.reduce_rate(self.day, *rate, *until)?;
            }
        }
        Ok(())
    }

    /// A settlement that was paid in time is fulfilled, whatever is owed later.
    pub(super) fn note_fulfilled(&mut self) -> Result<(), LoanError> {
        let day = self.day;
        if self.plans.iter().any(|plan| plan.settle_by.is_some_and(|by| day <= by)) && self.is_closed()? {
            for plan in &mut self.plans {
                plan.settle_by = plan.settle_by.filter(|by| *by < day);
            }
        }
        Ok(())
    }

    /// On the first pass gives the ended plan; on the next one notes the version that stands without it.
    pub(super) fn undo(&mut self, id: &str, kept_to: Option<Date>) -> Result<Option<Ended>, LoanError> {
        if let Some(plan) = self.plans.iter().find(|plan| plan.id == id) {
            return Ok(Some(plan.ended(self.day, Ending::Recorded, kept_to)?));
        }
        self.note_undone(id, self.day, &VersionCause::Relief(id.to_owned()));
        Ok(None)
    }

    /// The same for a change of the schedule.
    pub(super) fn undo_change(&mut self, id: &str) -> Option<Ended> {
        let cause = VersionCause::Change(id.to_owned());
        if self.ended.iter().all(|ended| ended.id != id)
            && let Some(version) = self.versions.iter().find(|version| version.cause == cause)
        {
            return Some(Ended {
                id: id.to_owned(),
                accepted: version.effective,
                on: self.day,
                how: Ending::Recorded,
                kept_to: None,
                kept_waiver: Amount::ZERO,
                rows: version.rows.clone(),
            });
        }
        self.note_undone(id, self.day, &cause);
        None
    }

    fn note_undone(&mut self, id: &str, on: Date, cause: &VersionCause) {
        let undo = VersionCause::Undo(id.to_owned());
        if self.has_version(cause) && !self.has_version(&undo) {
            let rows = self.rows();
            self.push_version(on, undo, rows);
        }
    }

    /// Days after today on which a settlement has lapsed, up to `day` and that one, in order.
    pub(super) fn stops_until(&self, day: Date) -> Vec<Date> {
        let lapsed = self.ended.iter().filter(|plan| plan.how == Ending::Lapsed).map(|plan| plan.on);
        let mut stops: Vec<Date> = lapsed.filter(|on| *on < day).chain([day]).collect();
        stops.retain(|on| *on > self.day);
        stops.sort_unstable();
        stops.dedup();
        stops
    }

    /// Versions that stand since settlements lapsed on `day`.
    pub(super) fn note_lapsed(&mut self, day: Date) {
        for plan in self.ended {
            if plan.how == Ending::Lapsed && plan.on == day {
                self.note_undone(&plan.id, plan.on, &VersionCause::Relief(plan.id.clone()));
            }
        }
    }

    /// Whether `change` was undone; its version then stays readable and nothing else of it.
    pub(super) fn skip_undone(&mut self, change: &EventKind) -> bool {
        let Some(ended) = self.ended.iter().find(|ended| Some(ended.id.as_str()) == change.new_id()) else {
            return false;
        };
        self.push_version(self.day, VersionCause::Change(ended.id.clone()), ended.rows.clone());
        true
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
}

impl ActivePlan {
    pub fn ended(&self, on: Date, how: Ending, kept_to: Option<Date>) -> Result<Ended, LoanError> {
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
        Ok(Ended {
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
