//! Terms applied to what stands on the acceptance day, always in the order waive → re-age → reschedule.
//!
//! Only what is unpaid moves: a part-paid row keeps what was paid in it. Penalties are never re-aged nor spread; they stay
//! in their row and stay due.

mod basis;
pub mod outline;
mod reduction;
mod reschedule;
mod settlement;
mod waiver;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::contract::Contract;
use crate::error::{ArithmeticError, LoanError};
use crate::meter::Meter;
use crate::money::Amount;
use crate::parts::Parts;
use crate::schedule::{self, Row};
use crate::state::{RowState, State};
use crate::terms::{Measure, ReAgeOver, Terms};
use crate::value::Flow;

use basis::Basis;

/// What terms make of a loan, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// All rows, paid ones unchanged, added ones last; numbers are kept.
    pub rows: Vec<Row>,
    /// Given up, by part; `principal` is what a settlement forgives.
    pub waived: Parts,
    /// Given up by row number.
    pub waived_by_row: BTreeMap<u32, Parts>,
    /// The waived interest of rows that are due on the acceptance day: the part that had been earned.
    pub waived_due_interest: Amount,
    pub forgiven_principal: Amount,
    /// Interest that the plan adds; negative where a lower rate or shorter time takes some away.
    pub relief_interest: Amount,
    /// What plans' interest in the rows is charged for, night by night.
    pub charged_for: Vec<ChargedFor>,
    /// Numbers of the rows whose own interest was earned before, whenever it falls due.
    pub earned: Vec<u32>,
    /// Interest after a settlement's pay-by date, which is never earned; not counted as waived.
    pub unearned_interest: Amount,
    /// Day of the last payment.
    pub end: Date,
    pub first_payment: Option<(Date, Amount)>,
    /// The most that falls due on one day.
    pub highest_payment: Amount,
    /// All that is still to pay, penalty that wasn't waived included.
    pub total_to_pay: Amount,
    /// What is to pay and when, penalty apart, in order of date.
    pub flows: Vec<Flow>,
}

/// Interest that a plan adds for the nights after `from` up to `to`. A loan that ends before doesn't owe all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargedFor {
    pub from: Date,
    pub to: Date,
    pub amount: Amount,
}

/// Applies `terms` to `state`, which must be of the acceptance day `on`, and checks conservation.
pub fn apply(state: &State, contract: &Contract, terms: &Terms, on: Date) -> Result<Applied, LoanError> {
    if state.as_of != on {
        return Err(LoanError::StateOfOtherDay { state: state.as_of, on });
    }
    terms.check(on)?;
    if state.closed {
        return Err(LoanError::NothingOpen { date: on });
    }
    let mut draft = Draft::new(state, contract, on)?;
    let mut measures: Vec<&Measure> = terms.measures.iter().collect();
    measures.sort_by_key(|measure| measure.rank());
    for measure in &measures {
        match measure {
            Measure::WaivePenalty { waiver } => draft.waive_penalty(*waiver)?,
            Measure::WaiveInterest { scope, waiver } => draft.waive_interest(*scope, *waiver)?,
            // The settlement beside it states the same share.
            Measure::ForgivePrincipal { .. } => {}
            Measure::ReAge { over } => draft.re_age(*over)?,
            Measure::Deferral { months, interest } => {
                draft.defer((i32::from(*months), *interest), terms.first_payment)?;
            }
            Measure::PaymentReduction { pay, instalments, shortfall_over, interest } => {
                draft.reduce(&reduction::Reduction {
                    pay: *pay,
                    instalments: usize::from(*instalments),
                    over: *shortfall_over,
                    interest: *interest,
                })?;
            }
            Measure::TokenPayments { amount, months } => {
                let instalments = draft.instalments_in(i32::from(*months))?;
                draft.reduce(&reduction::Reduction::token(*amount, instalments))?;
            }
            // Extension and rate are one re-solve, done below.
            Measure::TermExtension { .. } | Measure::RateReduction { .. } => {}
            Measure::Settlement { sum, pay_by, parts } => {
                draft.settle(*sum, *pay_by, usize::from(*parts))?;
            }
        }
    }
    if let Some(change) = reschedule::Change::of(&measures) {
        draft.resolve(&change)?;
    }
    if let Some(date) = terms.first_payment {
        draft.pay_overdue_on(date);
    }
    draft.finish(state)
}

/// Amounts of a row, penalty apart.
#[derive(Debug, Clone, Copy, Default)]
struct Content {
    principal: Amount,
    interest: Amount,
    fee: Amount,
    relief_interest: Amount,
}

impl Content {
    fn total(&self) -> Result<Amount, ArithmeticError> {
        Amount::try_sum([self.principal, self.interest, self.fee, self.relief_interest])
    }
}

/// A row while terms are applied: what was paid stands still, what is left moves.
#[derive(Debug, Clone)]
struct Slot {
    nr: u32,
    due: Date,
    contract_due: Date,
    paid: Content,
    left: Content,
    penalty: Amount,
    waived: Parts,
    /// A row after the last instalment in which nothing but charges is open.
    is_charge: bool,
    /// Its interest was earned before the terms.
    is_earned: bool,
}

impl Slot {
    fn of(state: &RowState) -> Result<Self, ArithmeticError> {
        let left = state.left()?;
        let paid_interest = state.paid.interest.min(state.row.interest);
        let paid = Content {
            principal: state.paid.principal,
            interest: paid_interest,
            fee: state.paid.fee,
            relief_interest: state.paid.interest.sub(paid_interest)?,
        };
        Ok(Self {
            nr: state.row.nr,
            due: state.row.due,
            contract_due: state.row.contract_due,
            paid,
            left: Content {
                principal: left.principal,
                interest: state.row.interest.sub(paid.interest)?,
                fee: left.fee,
                relief_interest: state.row.relief_interest.sub(paid.relief_interest)?,
            },
            penalty: left.penalty,
            waived: Parts::default(),
            is_charge: false,
            is_earned: false,
        })
    }

    fn is_open(&self) -> bool {
        [self.left.principal, self.left.interest, self.left.fee, self.left.relief_interest]
            .iter()
            .any(|amount| !amount.is_zero())
    }
}

/// A schedule in the making.
struct Draft<'a> {
    basis: Basis<'a>,
    on: Date,
    /// In the order of the rows; added ones last.
    slots: Vec<Slot>,
    waived_due_interest: Amount,
    /// Plan interest added so far, less interest taken away.
    added: Amount,
    charged_for: Vec<ChargedFor>,
    unearned: Amount,
}

impl<'a> Draft<'a> {
    fn new(state: &'a State, contract: &'a Contract, on: Date) -> Result<Self, LoanError> {
        let slots: Result<Vec<Slot>, ArithmeticError> = state.rows.iter().map(Slot::of).collect();
        let mut slots = slots?;
        for slot in &mut slots {
            let mut terms = state.plan.model().into_iter().flat_map(|model| &model.terms);
            let term = terms.find(|term| term.nr == slot.nr);
            slot.is_charge = slot.left.principal.is_zero() && term.is_some_and(|term| term.extra.is_some());
            slot.is_earned =
                slot.due <= on || term.is_some_and(|term| term.is_earned || term.closed_on.is_some());
        }
        Ok(Self {
            basis: Basis {
                contract,
                rates: &state.rates,
                meter: Meter::of(contract),
                known: state.plan.model(),
            },
            on,
            slots,
            waived_due_interest: Amount::ZERO,
            added: Amount::ZERO,
            charged_for: state.plan.model().map(|model| model.charged_for.clone()).unwrap_or_default(),
            unearned: Amount::ZERO,
        })
    }

    /// Unpaid instalments by due date. A row that only holds charges is none.
    fn open(&mut self) -> Vec<&mut Slot> {
        let mut open: Vec<&mut Slot> =
            self.slots.iter_mut().filter(|slot| slot.is_open() && !slot.is_charge).collect();
        open.sort_by_key(|slot| (slot.due, slot.nr));
        open
    }

    /// Every row by due date.
    fn by_due(&mut self) -> Vec<&mut Slot> {
        let mut slots: Vec<&mut Slot> = self.slots.iter_mut().collect();
        slots.sort_by_key(|slot| (slot.due, slot.nr));
        slots
    }

    /// Unpaid rows that aren't overdue, by due date. A row due on the acceptance day isn't overdue yet.
    fn future(&mut self) -> Vec<&mut Slot> {
        let on = self.on;
        self.open().into_iter().filter(|slot| slot.due >= on).collect()
    }

    /// Interest that the plan adds for the nights after `from` up to `to`.
    fn charge(&mut self, (from, to): (Date, Date), amount: Amount) -> Result<(), ArithmeticError> {
        self.added = self.added.add(amount)?;
        if !amount.is_zero() {
            self.charged_for.push(ChargedFor { from, to, amount });
        }
        Ok(())
    }

    fn principal_left(&self) -> Result<Amount, ArithmeticError> {
        Amount::try_sum(self.slots.iter().map(|slot| slot.left.principal))
    }

    /// Overdue principal and interest in equal shares over rows to come, each part's remainder last.
    fn re_age(&mut self, over: ReAgeOver) -> Result<(), LoanError> {
        let (on, future) = (self.on, self.future().len());
        let first = match over {
            ReAgeOver::NextRows(_) | ReAgeOver::Remaining => 0,
            ReAgeOver::End => future.saturating_sub(1),
        };
        let count = match over {
            ReAgeOver::NextRows(rows) => usize::from(rows),
            ReAgeOver::Remaining => future.max(1),
            ReAgeOver::End => 1,
        };
        enough(count, future)?;
        let (mut principal, mut interest, mut fee) = (Amount::ZERO, Amount::ZERO, Amount::ZERO);
        for slot in self.slots.iter_mut().filter(|slot| slot.due < on) {
            let moved = std::mem::take(&mut slot.left);
            principal = principal.add(moved.principal)?;
            interest = interest.add(moved.interest)?.add(moved.relief_interest)?;
            fee = fee.add(moved.fee)?;
        }
        let (principals, interests) = (principal.equal_shares(count)?, interest.equal_shares(count)?);
        let fees = fee.equal_shares(count)?;
        let shares = principals.into_iter().zip(interests).zip(fees);
        for (slot, ((principal, interest), fee)) in self.future().into_iter().skip(first).zip(shares) {
            slot.left.principal = slot.left.principal.add(principal)?;
            slot.left.relief_interest = slot.left.relief_interest.add(interest)?;
            slot.left.fee = slot.left.fee.add(fee)?;
        }
        Ok(())
    }

    /// Rows that are overdue although the terms moved what they move are payable on the plan's first payment date.
    fn pay_overdue_on(&mut self, date: Date) {
        let on = self.on;
        for slot in self.open().into_iter().filter(|slot| slot.due < on) {
            slot.due = date;
        }
    }

    fn finish(self, state: &State) -> Result<Applied, LoanError> {
        let mut waived = Parts::default();
        let mut waived_by_row = BTreeMap::new();
        let mut by_day: BTreeMap<Date, Amount> = BTreeMap::new();
        let mut total_to_pay = Amount::ZERO;
        for slot in &self.slots {
            if !slot.waived.is_zero() {
                waived = waived.plus(&slot.waived)?;
                waived_by_row.insert(slot.nr, slot.waived);
            }
            let left = slot.left.total()?;
            total_to_pay = total_to_pay.add(left)?.add(slot.penalty)?;
            if !left.is_zero() {
                let day = by_day.entry(slot.due).or_default();
                *day = day.add(left)?;
            }
        }
        self.check(state, total_to_pay, &waived)?;
        let rows = rows_of(&self.slots)?;
        let paid = Amount::try_sum(self.slots.iter().map(|slot| slot.paid.principal))?;
        schedule::check(&rows, paid.add(state.principal_left)?.sub(waived.principal)?)?;
        Ok(Applied {
            rows,
            waived,
            waived_by_row,
            waived_due_interest: self.waived_due_interest,
            forgiven_principal: waived.principal,
            relief_interest: self.added,
            charged_for: self.charged_for,
            earned: self.slots.iter().filter(|slot| slot.is_earned).map(|slot| slot.nr).collect(),
            unearned_interest: self.unearned,
            end: by_day.last_key_value().map_or(self.on, |(date, _)| *date),
            first_payment: by_day.first_key_value().map(|(date, amount)| (*date, *amount)),
            highest_payment: by_day.values().copied().max().unwrap_or_default(),
            total_to_pay,
            flows: by_day.into_iter().map(|(date, amount)| Flow { date, amount }).collect(),
        })
    }

    /// Conservation (domain section 3.9): waived + unearned + still to pay = what was owed + interest of the plan.
    fn check(&self, state: &State, total_to_pay: Amount, waived: &Parts) -> Result<(), LoanError> {
        let left = waived.total()?.add(self.unearned)?.add(total_to_pay)?;
        let right = state.owed.total()?.add(self.added)?;
        if left != right {
            return Err(LoanError::NotConserved { what: "relief", left, right });
        }
        Ok(())
    }
}

fn rows_of(slots: &[Slot]) -> Result<Vec<Row>, LoanError> {
    let mut rows = Vec::with_capacity(slots.len());
    for slot in slots {
        rows.push(Row {
            nr: slot.nr,
            due: slot.due,
            contract_due: slot.contract_due,
            principal: slot.paid.principal.add(slot.left.principal)?,
            interest: slot.paid.interest.add(slot.left.interest)?,
            fee: slot.paid.fee.add(slot.left.fee)?,
            relief_interest: slot.paid.relief_interest.add(slot.left.relief_interest)?,
            balance_after: Amount::ZERO,
        });
    }
    let mut by_due: Vec<&mut Row> = rows.iter_mut().collect();
    by_due.sort_by_key(|row| (row.due, row.nr));
    let mut balance = Amount::ZERO;
    for row in by_due.into_iter().rev() {
        row.balance_after = balance;
        balance = balance.add(row.principal)?;
    }
    Ok(rows)
}

fn enough(needed: usize, open: usize) -> Result<(), LoanError> {
    if needed <= open {
        return Ok(());
    }
    let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
    Err(LoanError::NotEnoughInstalments { needed: count(needed), open: count(open) })
}
