//! The terms of a contract, or of stated rows.

use crate::calendar::{self, Date};
use crate::contract::{Amortisation, Contract, MAX_INSTALMENTS};
use crate::error::LoanError;
use crate::money::Amount;
use crate::schedule::Row;

use super::{Bears, Model, Movements, Repay, Term};

impl Term {
    /// A row that holds nothing yet.
    pub fn empty(nr: u32, from: Date, due: Date) -> Self {
        Self {
            nr,
            from,
            due,
            contract_due: due,
            repay: Repay::Kept(Amount::ZERO),
            bears: Bears::Nothing,
            repays: false,
            deferred: false,
            carried: Amount::ZERO,
            advanced: Amount::ZERO,
            charged_back: Amount::ZERO,
            prepaid: Amount::ZERO,
            closed_on: None,
            extra: None,
            agreed_on: from,
            is_earned: false,
            fee: Amount::ZERO,
            charged_fee: Amount::ZERO,
            charged_penalty: Amount::ZERO,
            relief_interest: Amount::ZERO,
            unearned: Amount::ZERO,
            principal: Amount::ZERO,
            interest: Amount::ZERO,
        }
    }
}

impl Model {
    /// The contract's terms with their amounts worked out.
    pub fn of(contract: &Contract) -> Result<Self, LoanError> {
        contract.check()?;
        let mut model = Self::empty(contract);
        let down_payment = contract.principal.mul_ratio(contract.conventions.down_payment)?;
        let (mut nr, mut from) = (1_u32, contract.interest_from);
        model.terms.reserve(usize::from(contract.instalments) + 1);
        if !down_payment.is_zero() {
            let repay = Repay::Principal(down_payment);
            model.terms.push(Term { repay, principal: down_payment, ..Term::empty(nr, from, from) });
            nr += 1;
        }
        let first = model.terms.len();
        for step in 0..contract.instalments {
            let due = model.due_on(contract, contract.unmoved_due(step)?)?;
            if due <= from {
                return Err(LoanError::ContractInvalid {
                    field: "business_days",
                    reason: "two instalments would fall on one day",
                });
            }
            model.terms.push(model.regular(contract, (nr, step), (from, due)));
            (nr, from) = (nr + 1, due);
        }
        match contract.conventions.fixed_instalment {
            Some(instalment) => model.follow(first, instalment)?,
            None => model.solve(first, None)?,
        }
        model.project(&Movements::default())?;
        Ok(model)
    }

    fn regular(&self, contract: &Contract, (nr, step): (u32, u16), (from, due): (Date, Date)) -> Term {
        let grace = contract.conventions.grace;
        let repays = step >= grace.principal;
        Term {
            repay: Repay::Principal(Amount::ZERO),
            bears: if step < grace.interest {
                Bears::Nothing
            } else if self.amortisation == Amortisation::Flat {
                Bears::Original
            } else {
                Bears::Balance
            },
            repays,
            deferred: step < grace.interest_deferred,
            ..Term::empty(nr, from, due)
        }
    }

    /// The borrower's own instalment until nothing is left; the last row is what remains.
    fn follow(&mut self, first: usize, instalment: Amount) -> Result<(), LoanError> {
        let basis = self.basis()?;
        let mut balance = self.balance_before(first)?;
        let mut needed = first;
        for term in self.terms.iter().skip(first) {
            needed += 1;
            let own = self.scheduled_interest(term, balance, &basis)?;
            if balance.add(own)? <= instalment {
                balance = Amount::ZERO;
                break;
            }
            if term.repays {
                balance = balance.sub(instalment.sub(own)?.max(Amount::ZERO))?;
            }
        }
        if !balance.is_zero() {
            return Err(LoanError::TargetTooLow { target: instalment });
        }
        self.terms.truncate(needed);
        for term in self.terms.iter_mut().skip(first).filter(|term| term.repays) {
            term.repay = Repay::Level(instalment);
        }
        Ok(())
    }

    /// Rows as they were stated or agreed, from `agreed_on` on; nothing accrues but on overdue principal. The interest of
    /// the rows `earned` is owed whatever comes.
    pub fn agree(&mut self, rows: &[Row], agreed_on: Date, earned: &[u32]) -> Result<(), LoanError> {
        let mut ordered: Vec<&Row> = rows.iter().collect();
        ordered.sort_by_key(|row| (row.due, row.nr));
        let mut from = self.rates.first().map_or(agreed_on, |step| step.from);
        let before = std::mem::take(&mut self.terms);
        let mut terms = Vec::with_capacity(rows.len());
        for row in ordered {
            let known = before.iter().find(|term| term.nr == row.nr);
            terms.push(Term {
                is_earned: earned.contains(&row.nr),
                contract_due: row.contract_due,
                repay: Repay::Principal(row.principal),
                bears: Bears::Agreed(row.interest),
                repays: true,
                fee: row.fee,
                agreed_on,
                relief_interest: row.relief_interest,
                principal: row.principal,
                interest: row.interest,
                ..Term::empty(row.nr, begin_of(row, known, from)?, row.due)
            });
            from = row.due;
        }
        self.principal = Amount::try_sum(rows.iter().map(|row| row.principal))?;
        self.advances.clear();
        self.spread_advances = 0;
        self.accrues = true;
        self.charges.clear();
        self.pauses.clear();
        self.agreed_on = agreed_on;
        self.terms = terms;
        Ok(())
    }

    /// The highest number so far, one up.
    pub fn next_nr(&self) -> Result<u32, LoanError> {
        let next = self.terms.iter().map(|term| term.nr).max().unwrap_or(0) + 1;
        if next > u32::from(MAX_INSTALMENTS) { Err(LoanError::TooManyRows { nr: next }) } else { Ok(next) }
    }
}

/// Where the nights of an agreed row begin: a row that moved takes its period along.
fn begin_of(row: &Row, known: Option<&Term>, previous_due: Date) -> Result<Date, LoanError> {
    let Some(known) = known else { return Ok(previous_due.min(row.due)) };
    if known.due == row.due {
        return Ok(known.from);
    }
    let nights = calendar::days_between(known.from, known.due);
    let nights = i32::try_from(nights).map_err(|_| LoanError::DateOutOfRange { date: row.due })?;
    calendar::days_after(row.due, -nights)
}
