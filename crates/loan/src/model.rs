//! The instalments of a loan as they stand: what each repays, what bears interest, and what events did to them.
//!
//! A model holds terms, not amounts; [`Model::project`] works the amounts out. Calendar day d carries the night from d − 1
//! to d. The last term that repays takes whatever balance is left.

mod accrual;
mod attach;
mod build;
mod change;
mod night;
mod project;
mod re_age;
mod re_amortise;
mod reschedule;
mod solve;
mod unearned;

use std::collections::BTreeMap;

use crate::calendar::Date;
use crate::contract::{Amortisation, Contract};
use crate::conventions::{Accrual, Frequency, RoundingPoint};
use crate::error::LoanError;
use crate::event::ChargePart;
use crate::level::Step;
use crate::meter::Meter;
use crate::money::Amount;
use crate::relief::ChargedFor;
use crate::schedule::Row;
use crate::state::RateStep;

pub(crate) use night::Days;

pub(crate) use project::Movements;

/// What a term repays of the principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repay {
    /// A level instalment, its interest first.
    Level(Amount),
    Principal(Amount),
    /// What was paid before the row was emptied, or nothing in a row for charges. It never absorbs a balance.
    Kept(Amount),
}

impl Repay {
    pub fn is_kept(self) -> bool {
        matches!(self, Self::Kept(_))
    }
}

/// What a term's interest is charged on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bears {
    /// The balance of each night.
    Balance,
    /// The original principal (flat).
    Original,
    Nothing,
    /// Nothing accrues: an amount that was agreed or stated.
    Agreed(Amount),
}

/// One row in the making.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    pub nr: u32,
    /// The day before its first night.
    pub from: Date,
    pub due: Date,
    pub contract_due: Date,
    pub repay: Repay,
    pub bears: Bears,
    /// Without grace on principal: takes part when a level is solved.
    pub repays: bool,
    /// Its interest is collected with the term after it.
    pub deferred: bool,
    /// Interest of earlier terms that is collected here.
    pub carried: Amount,
    /// Principal that chargebacks within its nights added to the balance; worked out by `project`.
    pub advanced: Amount,
    /// The part of `advanced` that is owed with this row; a re-age has spread the rest.
    pub charged_back: Amount,
    /// Principal repaid at once beyond the instalment, where overpayments shorten the term or lower the instalment.
    pub prepaid: Amount,
    /// Paid in full ahead of its time: its interest runs up to this day, and what its later nights bear is collected with
    /// the next open term.
    pub closed_on: Option<Date>,
    /// A row of its own for charges or a chargeback after the last instalment.
    pub extra: Option<Extra>,
    /// Of an agreed interest: nothing that comes later takes from it.
    pub is_earned: bool,
    /// Of an agreed interest: the day it was agreed. Pauses take only from later nights.
    pub agreed_on: Date,
    pub fee: Amount,
    /// Charges that are due within its nights; worked out by `project`.
    pub charged_fee: Amount,
    pub charged_penalty: Amount,
    /// Agreed in full; see `unearned`.
    pub relief_interest: Amount,
    /// The part of it that nights without interest never earn; worked out by `project`.
    pub unearned: Amount,
    /// Worked out by `project`.
    pub principal: Amount,
    pub interest: Amount,
}

/// How long a row of its own lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    /// Until its charges find an instalment.
    Passing,
    /// For good: a re-age emptied it.
    Standing,
}

impl Term {
    /// Neither emptied nor a row for charges.
    pub fn is_open(&self) -> bool {
        !self.repay.is_kept()
    }
}

/// A charge of a fixed amount.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charge {
    pub part: ChargePart,
    pub due: Date,
    pub amount: Amount,
}

/// The terms of one loan and everything that bears on their amounts.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub meter: Meter,
    pub step: Step,
    pub amortisation: Amortisation,
    pub accrual: Accrual,
    pub rounding_point: RoundingPoint,
    /// Original principal, on which flat interest is charged.
    pub original: Amount,
    /// Principal of all rows, chargebacks apart; less than the original where some was forgiven.
    pub principal: Amount,
    pub rates: Vec<RateStep>,
    /// Nights without interest.
    pub pauses: Days,
    /// A pay-off stopped interest at the end of this day.
    pub stop: Option<Date>,
    /// Chargebacks: principal owed again from a day on.
    pub advances: Vec<(Date, Amount)>,
    /// How many of them a re-age has spread.
    pub spread_advances: usize,
    /// Overdue principal bears interest where the product says so, but for re-aged loans whose interest was fixed.
    pub accrues: bool,
    /// Fees and penalties of fixed amounts, each with the instalment that its due date falls in.
    pub charges: Vec<Charge>,
    /// What the relief interest of the terms was charged for.
    pub charged_for: Vec<ChargedFor>,
    /// Due dates that moved to a business day, and where they come from: nominal periods are measured unmoved.
    pub unmoved: BTreeMap<Date, Date>,
    /// How far apart new terms are.
    pub frequency: Frequency,
    /// Amounts up to this day are agreed: only later nights can add to an agreed interest.
    pub agreed_on: Date,
    /// By due date, then number.
    pub terms: Vec<Term>,
}

impl Model {
    /// Without terms.
    pub fn empty(contract: &Contract) -> Self {
        Self {
            meter: Meter::of(contract),
            step: Step {
                rounding: contract.conventions.rounding,
                multiple_of: contract.instalment_multiple_of,
            },
            amortisation: contract.amortisation,
            accrual: contract.conventions.accrual,
            rounding_point: contract.conventions.rounding_point,
            original: contract.principal,
            principal: contract.principal,
            rates: vec![RateStep { from: contract.interest_from, annual_rate: contract.annual_rate }],
            pauses: Days::default(),
            stop: None,
            advances: Vec::new(),
            spread_advances: 0,
            accrues: true,
            charges: Vec::new(),
            charged_for: Vec::new(),
            unmoved: BTreeMap::new(),
            frequency: contract.conventions.frequency,
            agreed_on: contract.interest_from,
            terms: Vec::new(),
        }
    }

    /// Moves a due date to a business day.
    pub(crate) fn due_on(&mut self, contract: &Contract, date: Date) -> Result<Date, LoanError> {
        let due = contract.business_day(date)?;
        if due != date && self.accrual == Accrual::Nominal {
            self.unmoved.insert(due, date);
        }
        Ok(due)
    }

    /// The rows with the amounts worked out last.
    pub fn rows(&self) -> Result<Vec<Row>, LoanError> {
        let mut rows = Vec::with_capacity(self.terms.len());
        let mut balance = self.principal;
        for term in &self.terms {
            balance = balance.add(term.advanced)?;
            balance = balance.sub(term.principal)?;
            rows.push(Row {
                nr: term.nr,
                due: term.due,
                contract_due: term.contract_due,
                principal: term.principal,
                interest: term.interest,
                fee: term.fee.add(term.charged_fee)?,
                relief_interest: term.earned_relief()?,
                balance_after: balance,
            });
        }
        Ok(rows)
    }

    /// Index of the term whose nights `day` belongs to: the first one due on or after it.
    pub fn term_at(&self, day: Date) -> Option<usize> {
        self.terms.iter().position(|term| term.due >= day && term.is_open())
    }
}
