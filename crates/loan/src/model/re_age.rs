//! All that is unpaid over new instalments.

use crate::calendar::{self, Date};
use crate::contract::{Amortisation, Contract, MAX_INSTALMENTS};
use crate::error::LoanError;
use crate::event::{ReAge, ReAgeInterest};
use crate::money::Amount;

use super::change::{PaidByRow, refuse};
use super::{Bears, Extra, Model, Movements, Repay, Term};

impl Model {
    /// All that is unpaid over new instalments. Rows up to the day stay with what was paid in them; the running one ends on
    /// the day; later ones go.
    pub fn re_age(
        &mut self,
        contract: &Contract,
        on: Date,
        re_age: &ReAge,
        (paid, movements): (&PaidByRow, &Movements),
    ) -> Result<(), LoanError> {
        let count = usize::from(re_age.instalments);
        if count == 0 || self.terms.len() + count > usize::from(MAX_INSTALMENTS) {
            return refuse("re_age", on, "must have 1 to 600 instalments in all");
        }
        if !re_age.frequency.is_believable() {
            return refuse("re_age", on, "must be every 1 to 366 days, 52 weeks or 12 months");
        }
        if re_age.first_due < on {
            return refuse("re_age", re_age.first_due, "the first new due date lies before the re-age");
        }
        self.attach()?;
        self.terms.retain(|term| term.extra.is_none() || (term.due <= on && !term.advanced.is_zero()));
        for term in &mut self.terms {
            term.extra = term.extra.map(|_| Extra::Standing);
        }
        self.frequency = re_age.frequency;
        self.spread_advances = self.advances.len();
        let moved = self.empty_old_terms(on, paid, movements)?;
        self.accrues = re_age.interest == ReAgeInterest::Default;
        let first = self.terms.len();
        self.add_re_aged(contract, re_age, moved.last_due)?;
        match re_age.interest {
            ReAgeInterest::Default => {
                if let Some(term) = self.terms.get_mut(first) {
                    term.carried = moved.due_interest.add(moved.carried)?;
                }
                self.solve_re_aged(first, &moved)
            }
            ReAgeInterest::EqualPayable => {
                self.share_out(first, on, (moved.principal, moved.due_interest.add(moved.accrued)?))
            }
            ReAgeInterest::EqualFull => self.share_out(first, on, (moved.principal, moved.all_interest)),
        }?;
        if let Some(term) = self.terms.get_mut(first) {
            term.fee = term.fee.add(moved.fee)?;
        }
        Ok(())
    }

    /// Rows up to the day keep what was paid in them, the running one ends on the day, later ones go.
    fn empty_old_terms(
        &mut self,
        on: Date,
        paid: &PaidByRow,
        movements: &Movements,
    ) -> Result<Moved, LoanError> {
        let mut moved = Moved { last_due: self.rates.first().map_or(on, |step| step.from), ..Moved::new(on) };
        let running = self.terms.iter().position(|term| term.due > on && !term.repay.is_kept());
        let accrued = match running.and_then(|index| self.terms.get(index)) {
            None => Amount::ZERO,
            Some(term) if term.bears != Bears::Balance => self.agreed_until(term, on)?,
            Some(term) => self.payable(term.nr, on, movements)?,
        };
        let later = running.map_or_else(Vec::new, |index| self.terms.split_off(index));
        for term in &mut self.terms {
            let (principal, interest) = (term.unpaid_principal(paid)?, term.unpaid_interest(paid)?);
            if !principal.is_zero() || !interest.is_zero() {
                moved.unpaid_since = moved.unpaid_since.min(term.from);
            }
            moved.principal = moved.principal.add(principal)?;
            moved.due_interest = moved.due_interest.add(interest)?;
            moved.last_due = moved.last_due.max(term.due);
            term.keep_paid(paid)?;
        }
        moved.all_interest = moved.due_interest;
        for (index, term) in later.into_iter().enumerate() {
            if term.repay.is_kept() {
                self.terms.push(term);
            } else if index == 0 {
                self.end_running(term, (on, accrued), paid, &mut moved)?;
            } else {
                // Paid ahead in rows that go: the ledger allocates it again, to the new ones.
                moved.principal = moved.principal.add(term.principal)?;
                moved.all_interest = moved.all_interest.add(term.interest)?.add(term.earned_relief()?)?;
                // What was carried or put off to later rows has been earned.
                moved.due_interest = moved.due_interest.add(term.carried)?.add(term.earned_relief()?)?;
                moved.fee = moved.fee.add(term.fee)?;
            }
        }
        self.sort();
        Ok(moved)
    }

    fn end_running(
        &mut self,
        mut term: Term,
        (on, accrued): (Date, Amount),
        paid: &PaidByRow,
        moved: &mut Moved,
    ) -> Result<(), LoanError> {
        let parts = paid.get(&term.nr).copied().unwrap_or_default();
        moved.unpaid_since = moved.unpaid_since.min(term.from);
        moved.principal = moved.principal.add(term.unpaid_principal(paid)?)?;
        moved.all_interest = moved.all_interest.add(term.unpaid_interest(paid)?)?;
        let put_off = term.earned_relief()?.sub_floor0(parts.interest.sub_floor0(term.interest)?)?;
        moved.due_interest = moved.due_interest.add(put_off)?;
        moved.carried = term.carried.sub_floor0(parts.interest)?;
        moved.accrued = accrued.sub_floor0(parts.interest)?;
        moved.fee = moved.fee.add(term.fee)?.sub_floor0(parts.fee)?;
        if term.from < on || !parts.is_zero() {
            term.fee = parts.fee;
            term.due = on;
            term.contract_due = on;
            term.keep_paid(paid)?;
            self.terms.push(term);
        }
        Ok(())
    }

    /// The share of an agreed interest that its nights up to `on` earned.
    pub(super) fn agreed_until(&self, term: &Term, on: Date) -> Result<Amount, LoanError> {
        if term.is_earned {
            return Ok(term.interest);
        }
        let nights = calendar::days_between(term.from, term.due).max(1);
        let passed = calendar::days_between(term.from, on).clamp(0, nights);
        let numerator = i128::from(term.interest.minor()) * i128::from(passed);
        Ok(crate::interest::round(numerator, i128::from(nights), self.step.rounding)?)
    }

    fn add_re_aged(&mut self, contract: &Contract, re_age: &ReAge, from: Date) -> Result<(), LoanError> {
        let anchor = u8::try_from(re_age.first_due.day()).unwrap_or(1);
        let bears = if self.amortisation == Amortisation::Flat { Bears::Original } else { Bears::Balance };
        let mut from = from;
        for steps in 0..i32::from(re_age.instalments) {
            let nr = self.next_nr()?;
            let due = self.due_on(contract, re_age.frequency.after(anchor, re_age.first_due, steps)?)?;
            self.terms.push(Term {
                repay: Repay::Principal(Amount::ZERO),
                bears,
                repays: true,
                ..Term::empty(nr, from.min(due), due)
            });
            from = due;
        }
        Ok(())
    }

    fn solve_re_aged(&mut self, first: usize, moved: &Moved) -> Result<(), LoanError> {
        for term in &mut self.terms {
            if let Repay::Kept(principal) = term.repay {
                term.principal = principal;
            }
        }
        self.solve(first, Some(moved.unpaid_since))
    }

    /// Equal shares of principal and of interest; none accrues on.
    fn share_out(
        &mut self,
        first: usize,
        on: Date,
        (principal, interest): (Amount, Amount),
    ) -> Result<(), LoanError> {
        let count = self.terms.len().saturating_sub(first);
        let principals = principal.equal_shares(count)?;
        let interests = interest.equal_shares(count)?;
        for (term, (principal, interest)) in
            self.terms.iter_mut().skip(first).zip(principals.into_iter().zip(interests))
        {
            term.repay = Repay::Principal(principal);
            term.bears = Bears::Agreed(interest);
            term.agreed_on = on;
        }
        Ok(())
    }
}

/// What a re-age moves.
struct Moved {
    principal: Amount,
    /// Unpaid interest of terms up to the day.
    due_interest: Amount,
    /// Interest of the running term up to the day, carried interest included.
    accrued: Amount,
    /// Interest of earlier terms that was to be collected with the running one.
    carried: Amount,
    /// Unpaid interest of all terms.
    all_interest: Amount,
    fee: Amount,
    last_due: Date,
    /// Begin of the oldest term with anything unpaid.
    unpaid_since: Date,
}

impl Moved {
    fn new(on: Date) -> Self {
        Self {
            principal: Amount::ZERO,
            due_interest: Amount::ZERO,
            accrued: Amount::ZERO,
            carried: Amount::ZERO,
            all_interest: Amount::ZERO,
            fee: Amount::ZERO,
            last_due: on,
            unpaid_since: on,
        }
    }
}
