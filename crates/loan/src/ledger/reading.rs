//! Reading a ledger: the state of its day, and runs of arrears on the way.

use crate::calendar::{self, Date};
use crate::error::{ArithmeticError, LoanError};
use crate::money::Amount;
use crate::parts::Parts;
use crate::state::{Bucket, Dpd, RowState, Spell, State};

use super::Ledger;

impl Ledger<'_> {
    pub(super) fn is_closed(&self) -> Result<bool, ArithmeticError> {
        for line in &self.lines {
            if !line.state.left()?.is_zero() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Notes whether the loan is past due at the end of `day`; days since the last note had no events.
    pub(super) fn observe(&mut self, day: Date) -> Result<(), LoanError> {
        if day < self.observed_to {
            return Ok(());
        }
        let oldest = self.oldest_unpaid_due()?.filter(|due| *due < day);
        let running = self.spells.last_mut().filter(|spell| spell.to.is_none());
        match (oldest, running) {
            (None, None) => {}
            (None, Some(spell)) => spell.to = Some(day),
            (Some(due), Some(spell)) => spell.longest = spell.longest.max(days_past(due, day)),
            (Some(due), None) => {
                let from = calendar::next_day(due)?.max(self.observed_to);
                self.spells.push(Spell { from, to: None, longest: days_past(due, day) });
            }
        }
        self.observed_to = day;
        Ok(())
    }

    /// Earliest due date in force with fee, interest or principal unpaid, past or not.
    fn oldest_unpaid_due(&self) -> Result<Option<Date>, ArithmeticError> {
        let mut oldest: Option<Date> = None;
        for line in &self.lines {
            if line.state.is_open()? {
                let due = line.state.row.due;
                oldest = Some(oldest.map_or(due, |oldest| oldest.min(due)));
            }
        }
        Ok(oldest)
    }

    /// What stands on the ledger's day, conservation checked.
    pub(super) fn read(&self, as_of: Date) -> Result<State, LoanError> {
        let rows: Vec<RowState> = self.lines.iter().map(|line| line.state.clone()).collect();
        let (mut arrears, mut owed) = (Parts::default(), Parts::default());
        let (mut paid, mut waived) = (Parts::default(), Parts::default());
        let mut next_due: Option<Date> = None;
        for row in &rows {
            let left = row.left()?;
            check_left(row.row.nr, &left)?;
            owed = owed.plus(&left)?;
            paid = paid.plus(&row.paid)?;
            waived = waived.plus(&row.waived)?;
            let due = row.row.due;
            if due <= as_of {
                arrears = arrears.plus(&left)?;
            } else {
                // Penalty stays due where relief has moved its row.
                arrears.penalty = arrears.penalty.add(left.penalty)?;
                if row.is_open()? {
                    next_due = Some(next_due.map_or(due, |next| next.min(due)));
                }
            }
        }
        self.check_conserved(&owed, &paid, &waived)?;
        let oldest_unpaid_due = self.oldest_unpaid_due()?;
        let current = oldest_unpaid_due.map_or(0, |due| days_past(due, as_of));
        let contract = self.contract_days_past_due(as_of, &paid, &waived, owed.is_zero())?;
        Ok(State {
            as_of,
            interest_from: self.account.contract().interest_from,
            rows,
            versions: self.versions.clone(),
            principal_left: owed.principal,
            arrears,
            owed,
            paid,
            waived,
            forgiven_principal: waived.principal,
            unallocated: self.unallocated,
            dpd: Dpd { current, contract },
            bucket: Bucket::of(current),
            oldest_unpaid_due,
            next_due,
            closed: owed.is_zero(),
            spells: self.spells.clone(),
        })
    }

    /// Every part paid + forgiven + left is the principal, and every payment is somewhere.
    fn check_conserved(&self, owed: &Parts, paid: &Parts, waived: &Parts) -> Result<(), LoanError> {
        let principal = self.account.contract().principal;
        let accounted = Amount::try_sum([owed.principal, paid.principal, waived.principal])?;
        if accounted != principal {
            return Err(LoanError::NotConserved { what: "principal", left: accounted, right: principal });
        }
        let placed = paid.total()?.add(self.unallocated)?;
        if placed != self.received {
            return Err(LoanError::NotConserved { what: "payments", left: placed, right: self.received });
        }
        Ok(())
    }

    /// By the original due dates. Without relief in force these are the rows' own; under relief everything paid or given
    /// up is counted against the contract rows in order, since relief moves amounts between rows.
    fn contract_days_past_due(
        &self,
        as_of: Date,
        paid: &Parts,
        waived: &Parts,
        closed: bool,
    ) -> Result<u32, LoanError> {
        if closed {
            return Ok(0);
        }
        if self.plans.is_empty() {
            return Ok(self.oldest_unpaid_due()?.map_or(0, |due| days_past(due, as_of)));
        }
        let mut covered = paid.instalment()?.add(waived.instalment()?)?;
        for row in &self.contract_rows {
            let total = row.total()?;
            if total > covered {
                return Ok(days_past(row.contract_due, as_of));
            }
            covered = covered.sub(total)?;
        }
        Ok(0)
    }
}

fn check_left(nr: u32, left: &Parts) -> Result<(), LoanError> {
    for amount in [left.penalty, left.fee, left.interest, left.principal] {
        if amount.is_negative() {
            return Err(LoanError::NegativePart { nr, amount });
        }
    }
    Ok(())
}

fn days_past(due: Date, on: Date) -> u32 {
    u32::try_from(calendar::days_between(due, on)).unwrap_or(0)
}
