//! From terms to amounts: a walk over the balance, row by row.

use std::collections::BTreeMap;

use crate::calendar::Date;
use crate::conventions::Accrual;
use crate::error::{ArithmeticError, LoanError};
use crate::interest;
use crate::money::Amount;

use super::accrual::{Basis, Deltas};
use super::{Bears, Model, Repay, Term};

/// Principal payments, which move a night's balance away from the schedule's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Movements {
    /// By row number, in order of date.
    pub paid: BTreeMap<u32, Vec<(Date, Amount)>>,
    /// Nights up to this day are known; later ones are expected to go by the schedule.
    pub as_of: Option<Date>,
    /// Whether unpaid principal that is past due keeps bearing interest.
    pub overdue_bears: bool,
}

impl Movements {
    fn paid_in(&self, nr: u32) -> Result<Amount, ArithmeticError> {
        Amount::try_sum(self.paid.get(&nr).into_iter().flatten().map(|(_, amount)| *amount))
    }
}

impl Model {
    /// Works out principal and interest of every term.
    pub fn project(&mut self, movements: &Movements) -> Result<(), LoanError> {
        self.attach()?;
        let basis = self.basis()?;
        let mut deltas = self.early(movements)?;
        let mut terms = std::mem::take(&mut self.terms);
        let result = self.walk(&mut terms, &basis, movements, &mut deltas);
        self.terms = terms;
        result?;
        self.leave_unearned()
    }

    fn walk(
        &self,
        terms: &mut [Term],
        basis: &Basis,
        movements: &Movements,
        deltas: &mut Deltas,
    ) -> Result<(), LoanError> {
        let absorber = absorber(terms);
        let mut balance = self.principal;
        let mut held = Amount::ZERO;
        // Σ balance × rate × part of nights after a term was closed ahead of its time.
        let mut spilt = 0_i128;
        let mut flat = Flat::default();
        let looks_back = !deltas.is_empty() || movements.overdue_bears;
        let begins = if looks_back { begins(terms) } else { Vec::new() };
        let last_flat = terms.iter().rposition(|term| term.bears == Bears::Original);
        for (index, term) in terms.iter_mut().enumerate() {
            if let Some(begin) = begins.get(index) {
                deltas.pass(*begin);
            }
            let own = match term.bears {
                Bears::Original => {
                    let overdue = self.overdue_interest(term, basis, deltas)?;
                    flat.next(self.accrual_numerator(term, self.original, basis)?, last_flat == Some(index))
                        .rounded(basis, self)?
                        .add(overdue)?
                }
                Bears::Balance => self.interest(term, balance, (basis, deltas), &mut spilt)?,
                Bears::Nothing => self.overdue_interest(term, basis, deltas)?,
                Bears::Agreed(agreed) => {
                    self.agreed(term, agreed)?.add(self.overdue_interest(term, basis, deltas)?)?
                }
            };
            held = held.add(own)?;
            let collected = if term.deferred && absorber != Some(index) {
                Amount::ZERO
            } else {
                std::mem::take(&mut held)
            };
            term.interest = collected.add(term.carried)?;
            let open = balance.add(term.advanced)?;
            term.principal = match term.repay {
                _ if absorber == Some(index) => open,
                Repay::Kept(kept) => kept.min(open),
                Repay::Level(level) => {
                    let own = level.sub(term.interest)?.max(Amount::ZERO);
                    let planned = own.add(term.charged_back)?.add(term.prepaid)?;
                    planned.max(movements.paid_in(term.nr)?).min(open)
                }
                Repay::Principal(principal) => principal.add(term.charged_back)?.add(term.prepaid)?.min(open),
            };
            balance = open.sub(term.principal)?;
            self.note_overdue(term, movements, deltas)?;
        }
        Ok(())
    }

    /// What was paid before its due date, for contracts that count nights.
    fn early(&self, movements: &Movements) -> Result<Deltas, LoanError> {
        let mut deltas = Deltas::default();
        if self.accrual == Accrual::Nominal || movements.paid.is_empty() {
            return Ok(deltas);
        }
        for term in &self.terms {
            for (date, amount) in movements.paid.get(&term.nr).into_iter().flatten() {
                if *date < term.due {
                    deltas.early.step(*date, -amount.minor())?;
                    deltas.early.step(term.due, amount.minor())?;
                }
            }
        }
        Ok(deltas)
    }

    /// Principal that this term leaves unpaid, until it is paid or the state is read.
    fn note_overdue(&self, term: &Term, movements: &Movements, deltas: &mut Deltas) -> Result<(), LoanError> {
        let Some(as_of) =
            movements.as_of.filter(|as_of| movements.overdue_bears && self.accrues && term.due < *as_of)
        else {
            return Ok(());
        };
        let mut unpaid = term.principal;
        let payments = || movements.paid.get(&term.nr).into_iter().flatten();
        for (_, amount) in payments().filter(|(date, _)| *date <= term.due) {
            unpaid = unpaid.sub(*amount)?;
        }
        if unpaid.minor() <= 0 {
            return Ok(());
        }
        deltas.overdue.step(term.due, unpaid.minor())?;
        for (date, amount) in payments().filter(|(date, _)| *date > term.due && *date < as_of) {
            deltas.overdue.step(*date, -amount.minor())?;
            unpaid = unpaid.sub(*amount)?;
        }
        deltas.overdue.step(as_of, -unpaid.minor())?;
        Ok(())
    }

    /// Interest that can be paid on `day` of a term that is due later: what ran up to the day, and what is carried in it.
    pub fn payable(&self, nr: u32, day: Date, movements: &Movements) -> Result<Amount, LoanError> {
        let Some(index) = self.terms.iter().position(|term| term.nr == nr) else { return Ok(Amount::ZERO) };
        let Some(term) = self.terms.get(index) else { return Ok(Amount::ZERO) };
        if term.bears != Bears::Balance || day >= term.due {
            return Ok(term.interest);
        }
        if day <= term.from {
            return Ok(term.carried.min(term.interest));
        }
        let mut until = self.clone();
        if let Some(term) = until.terms.get_mut(index) {
            term.closed_on = Some(day);
        }
        until.project(movements)?;
        Ok(until.terms.iter().find(|term| term.nr == nr).map_or(Amount::ZERO, |term| term.interest))
    }

    /// Whether a term is a level instalment of which interest only says how much is principal.
    pub fn has_level(&self, nr: u32) -> bool {
        let term = self.terms.iter().find(|term| term.nr == nr);
        term.is_some_and(|term| matches!(term.repay, Repay::Level(_)) && term.bears == Bears::Balance)
    }

    /// The most that a term takes ahead of its time beside interest: what its level leaves and what was repaid at once with
    /// it, but no more than the balance that the terms before it leave; without a level its principal.
    pub fn principal_ahead(&self, nr: u32, interest: Amount) -> Result<Amount, LoanError> {
        let Some(index) = self.terms.iter().position(|term| term.nr == nr) else { return Ok(Amount::ZERO) };
        let absorber = absorber(&self.terms);
        let open = self.terms.iter().skip(index);
        let Some(term) = open.clone().next() else { return Ok(Amount::ZERO) };
        match term.repay {
            Repay::Level(level) if absorber != Some(index) && term.bears == Bears::Balance => {
                let level = level.sub(interest)?.max(Amount::ZERO).add(term.charged_back)?;
                Ok(level.add(term.prepaid)?.min(Amount::try_sum(open.map(|term| term.principal))?))
            }
            _ => Ok(term.principal),
        }
    }
}

/// The term that repays whatever balance is left: the last instalment, even where a chargeback has a row after it.
fn absorber(terms: &[Term]) -> Option<usize> {
    let instalment = terms.iter().rposition(|term| term.is_open() && term.extra.is_none());
    instalment.or_else(|| terms.iter().rposition(Term::is_open))
}

/// For each term the earliest begin of it and all later ones.
fn begins(terms: &[Term]) -> Vec<Date> {
    let mut earliest = Date::MAX;
    let mut begins: Vec<Date> = terms
        .iter()
        .rev()
        .map(|term| {
            earliest = earliest.min(term.from);
            earliest
        })
        .collect();
    begins.reverse();
    begins
}

/// Flat interest is rounded row by row; the last row takes what rounding left over.
#[derive(Default)]
struct Flat {
    exact: i128,
    charged: Amount,
    current: i128,
    is_last: bool,
}

impl Flat {
    fn next(&mut self, numerator: i128, is_last: bool) -> &mut Self {
        self.exact = self.exact.saturating_add(numerator);
        self.current = numerator;
        self.is_last = is_last;
        self
    }

    fn rounded(&mut self, basis: &Basis, model: &Model) -> Result<Amount, ArithmeticError> {
        let rounded = if self.is_last {
            interest::round(self.exact, basis.denominator, model.step.rounding)?.sub_floor0(self.charged)?
        } else {
            interest::round(self.current, basis.denominator, model.step.rounding)?
        };
        self.charged = self.charged.add(rounded)?;
        Ok(rounded)
    }
}
