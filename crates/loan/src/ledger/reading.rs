//! Reading a ledger: the state of its day, and runs of arrears on the way.

use crate::calendar::{self, Date};
use crate::error::{ArithmeticError, LoanError};
use crate::money::Amount;
use crate::parts::Parts;
use crate::state::{Bucket, Dpd, Plan, RowState, Standing, State};

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

    /// Notes the oldest unpaid due date at the end of the ledger's day. Days until the next event change nothing.
    pub(super) fn observe(&mut self) -> Result<(), LoanError> {
        let oldest_unpaid_due = self.oldest_unpaid_due()?;
        if self.standings.last().is_none_or(|last| last.oldest_unpaid_due != oldest_unpaid_due) {
            self.standings.push(Standing { from: self.day, oldest_unpaid_due });
        }
        Ok(())
    }

    /// Earliest due date in force with fee, interest or principal unpaid, past or not.
    pub(super) fn oldest_unpaid_due(&self) -> Result<Option<Date>, ArithmeticError> {
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
                let to_come = self.model.penalty_of(row.row.nr);
                arrears.penalty = arrears.penalty.add(left.penalty.sub_floor0(to_come)?)?;
                if row.is_open()? {
                    next_due = Some(next_due.map_or(due, |next| next.min(due)));
                }
            }
        }
        self.check_conserved(&owed, &paid, &waived)?;
        let oldest_unpaid_due = self.oldest_unpaid_due()?;
        let current = oldest_unpaid_due.map_or(0, |due| days_past(due, as_of));
        let contract = self.contract_days_past_due(as_of, &paid, owed.is_zero())?;
        Ok(State {
            as_of,
            interest_from: self.account.contract().interest_from,
            rates: self.model.rates.clone(),
            rows,
            versions: self.versions.clone(),
            principal_left: owed.principal,
            arrears,
            owed,
            paid,
            waived,
            forgiven_principal: waived.principal,
            charged_back: self.charged_back,
            unallocated: self.idle_sum()?,
            plan: Plan::of(&self.model),
            dpd: Dpd { current, contract },
            bucket: Bucket::of(current),
            oldest_unpaid_due,
            next_due,
            closed: owed.is_zero(),
            standings: self.standings.clone(),
        })
    }

    fn idle_sum(&self) -> Result<Amount, ArithmeticError> {
        Amount::try_sum(self.idle.iter().map(|money| money.amount))
    }

    /// Every part paid + forgiven + left is the principal, and every payment is somewhere.
    fn check_conserved(&self, owed: &Parts, paid: &Parts, waived: &Parts) -> Result<(), LoanError> {
        let principal = self.account.contract().principal.add(self.charged_back)?;
        let accounted = Amount::try_sum([owed.principal, paid.principal, waived.principal])?;
        if accounted != principal {
            return Err(LoanError::NotConserved { what: "principal", left: accounted, right: principal });
        }
        let placed = paid.total()?.add(self.idle_sum()?)?;
        if placed != self.received {
            return Err(LoanError::NotConserved { what: "payments", left: placed, right: self.received });
        }
        Ok(())
    }

    /// By the original due dates: of rows that are overdue now, and, where relief or a change moved amounts between rows, of
    /// the principal that the contract's rows ask for and that wasn't paid; forgiving some pays none. Interest isn't compared: a
    /// lower rate or a pause takes some away from who is on time.
    fn contract_days_past_due(&self, as_of: Date, paid: &Parts, closed: bool) -> Result<u32, LoanError> {
        if closed {
            return Ok(0);
        }
        let mut oldest: Option<Date> = None;
        for line in &self.lines {
            if line.state.row.due < as_of && line.state.is_open()? {
                let due = line.state.row.contract_due;
                oldest = Some(oldest.map_or(due, |oldest| oldest.min(due)));
            }
        }
        if !self.plans.is_empty() || self.moved {
            let covered = paid.principal.sub_floor0(self.charged_back)?;
            let first = self.first_uncovered(covered)?;
            oldest = [oldest, first].into_iter().flatten().min();
        }
        Ok(oldest.map_or(0, |due| days_past(due, as_of)))
    }

    fn first_uncovered(&self, covered: Amount) -> Result<Option<Date>, LoanError> {
        let mut covered = covered;
        for row in &self.contract_rows {
            if row.principal > covered {
                return Ok(Some(row.contract_due));
            }
            covered = covered.sub(row.principal)?;
        }
        Ok(None)
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
