//! Re-ages, deferrals, extensions and lower rates on what the rows hold.
//!
//! Level instalments of nominal months follow from balance, number and rate alone: every one is the level but the last,
//! so that a re-solve that was worked out once serves all terms that ask for it.

use std::collections::BTreeMap;

use crate::calendar::{self, Date};
use crate::contract::{Amortisation, MAX_INSTALMENTS};
use crate::conventions::{Accrual, FrequencyUnit, RoundingPoint};
use crate::error::{ArithmeticError, LoanError};
use crate::interest::{self, Scaled};
use crate::level::{self, Step};
use crate::model::{Bears, Model};
use crate::money::{Amount, Rate};
use crate::relief::basis::Basis;
use crate::relief::enough;
use crate::relief::reschedule::Change;
use crate::state::State;
use crate::terms::{DeferralInterest, Extension, ReAgeOver};

use super::base::{Base, Open};
use super::{Outline, Shape};

/// Re-solves and dates that were worked out so far.
pub(super) struct Solved {
    /// How a level is rounded; `None`: instalments of this contract don't follow from their number alone.
    plain: Option<Step>,
    levels: BTreeMap<Question, Answer>,
    /// Due dates of the open rows and of rows added after them, by the months of a deferral.
    dates: BTreeMap<u8, Vec<Date>>,
    /// Interest of a deferral, by its months.
    deferred: BTreeMap<u8, Amount>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    balance: Amount,
    rows: usize,
    rate: Rate,
    /// The first is due on the day of the terms, up to which the old rate holds.
    is_first_old: bool,
}

/// A level schedule.
#[derive(Debug, Clone, Copy)]
struct Answer {
    level: Amount,
    last: Amount,
    interest: Amount,
}

/// Rows to be written.
struct Rows<'r> {
    shape: &'r Shape,
    /// Of the open rows and of those that are added.
    dates: &'r [Date],
    /// How many of them are overdue still.
    overdue: usize,
    /// How many are added.
    extra: usize,
    /// Interest of a deferral: in every open row but the last, and in that.
    on_top: (Amount, Amount),
    first_payment: Option<Date>,
}

/// What a re-age moves, in shares.
#[derive(Debug, Clone, Copy, Default)]
struct Spread {
    first: usize,
    count: usize,
    principal: (Amount, Amount),
    rest: (Amount, Amount),
    fee: (Amount, Amount),
}

impl Spread {
    /// Principal and everything else that the future row at `place` takes.
    fn at(&self, place: usize) -> Result<(Amount, Amount), ArithmeticError> {
        if place < self.first || place >= self.first + self.count {
            return Ok((Amount::ZERO, Amount::ZERO));
        }
        let is_last = place + 1 == self.first + self.count;
        let share = |(share, last): (Amount, Amount)| if is_last { last } else { share };
        Ok((share(self.principal), share(self.rest).add(share(self.fee))?))
    }
}

impl Solved {
    pub fn of(state: &State, basis: &Basis<'_>, open: &[Open], on: Date) -> Result<Self, LoanError> {
        let plain = if is_plain(state, basis, open, on)? { step(basis) } else { None };
        Ok(Self { plain, levels: BTreeMap::new(), dates: BTreeMap::new(), deferred: BTreeMap::new() })
    }
}

fn step(basis: &Basis<'_>) -> Option<Step> {
    let contract = basis.contract;
    let step = Step { rounding: contract.conventions.rounding, multiple_of: contract.instalment_multiple_of };
    Some(basis.known.map_or(step, |model| model.step))
}

/// Whether every open row is a nominal month of a level loan, with its own interest and nothing carried.
fn is_plain(state: &State, basis: &Basis<'_>, open: &[Open], on: Date) -> Result<bool, LoanError> {
    let (contract, conventions) = (basis.contract, &basis.contract.conventions);
    let usual = contract.amortisation == Amortisation::EqualInstalments
        && conventions.accrual == Accrual::Nominal
        && conventions.frequency.unit == FrequencyUnit::Months
        && conventions.business_days.is_none()
        && conventions.rounding_point == RoundingPoint::Period
        && state.rates.len() == 1
        && basis.known.is_none_or(|model| {
            model.pauses.is_empty() && model.stop.is_none() && model.amortisation == contract.amortisation
        });
    if !usual {
        return Ok(false);
    }
    for row in open {
        let term = basis.known.and_then(|model| model.terms.iter().find(|term| term.nr == row.nr));
        let period = basis.instalments_after(row.due, -1)?;
        let known = term.is_none_or(|term| {
            term.repays
                && !term.deferred
                && matches!(term.bears, Bears::Balance | Bears::Agreed(_))
                && (term.from == period || matches!(term.bears, Bears::Agreed(_)))
        });
        let on_grid = calendar::month_after(contract.anchor_day(), row.due, 0)? == row.due;
        if !known || !on_grid || !row.paid_interest.is_zero() || !basis.is_instalment(row.nr) {
            return Ok(false);
        }
    }
    let overdue = open.iter().filter(|row| row.due < on).count();
    for rows in [open, open.get(overdue..).unwrap_or_default()] {
        if basis.beside(&Base::resolvable(rows))?.iter().any(|beside| !beside.is_zero()) {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Base<'_> {
    /// Whether these terms have a short way.
    pub(super) fn moved(
        &mut self,
        shape: &Shape,
        first_payment: Option<Date>,
        into: &mut Outline,
    ) -> Result<bool, LoanError> {
        let (months, interest) = shape.deferral.unwrap_or((0, DeferralInterest::None));
        let extra = match &shape.change {
            None => 0,
            Some(change) => match self.extra(change) {
                None => return Ok(false),
                Some(extra) => extra,
            },
        };
        if shape.re_age.is_some() && self.overdue_charges || self.open.is_empty() {
            return Ok(false);
        }
        let charged = self.deferral_interest(months, interest)?;
        let on_top = match interest {
            DeferralInterest::Spread => charged.equal_share(self.open.len())?,
            _ => (Amount::ZERO, charged),
        };
        self.dates_after(months, extra)?;
        // The dates are lent out while rows are written, and put back below.
        let dates = self.solved.dates.remove(&months).unwrap_or_default();
        let overdue = dates.iter().take(self.open.len()).filter(|due| **due < self.on).count();
        let written = self.write(&Rows { shape, dates: &dates, overdue, extra, on_top, first_payment }, into);
        self.solved.dates.insert(months, dates);
        into.relief_interest = into.relief_interest.add(charged)?;
        written
    }

    /// Rows that the change adds; `None`: it has no short way.
    fn extra(&self, change: &Change) -> Option<usize> {
        self.solved.plain?;
        let extra = match change.by {
            None => 0,
            Some(Extension::Instalments(extra)) => usize::from(extra),
            Some(Extension::TargetPayment(_)) => return None,
        };
        let rate_on = self.basis.rate_on(self.on);
        let fits = self.slots + extra <= usize::from(MAX_INSTALMENTS)
            && change.rate.is_none_or(|(rate, until)| rate <= rate_on && until.is_none());
        fits.then_some(extra)
    }

    /// Writes what each row pays; `false`: the level of the new instalments doesn't carry through.
    fn write(&mut self, rows: &Rows<'_>, into: &mut Outline) -> Result<bool, LoanError> {
        let open = self.open.len();
        let spread = match rows.shape.re_age {
            None => Spread::default(),
            Some(over) => self.spread(over, rows.overdue)?,
        };
        let resolved = match &rows.shape.change {
            None => None,
            Some(change) => {
                enough(1, open - rows.overdue)?;
                let Some(answer) = self.level_of(rows, change.rate.map(|(rate, _)| rate))? else {
                    return Ok(false);
                };
                into.relief_interest = answer.interest;
                Some(answer)
            }
        };
        for (place, due) in rows.dates.iter().enumerate().take(open + rows.extra) {
            let on_top = match place + 1 {
                nr if nr < open => rows.on_top.0,
                nr if nr == open => rows.on_top.1,
                _ => Amount::ZERO,
            };
            let amount = match place.checked_sub(rows.overdue) {
                Some(nth) => self.future(place, (spread.at(nth)?, resolved), into)?,
                None if rows.shape.re_age.is_some() => Amount::ZERO,
                None => self.open.get(place).map_or(Amount::ZERO, |row| row.total),
            };
            let level_too = match resolved {
                Some(answer) if place + 1 == open + rows.extra => answer.last,
                Some(answer) if place >= rows.overdue => answer.level,
                _ => Amount::ZERO,
            };
            let date = self.payable(*due, rows.first_payment);
            into.pay(date, amount.add(level_too)?.add(on_top)?)?;
        }
        self.pay_charges(into)?;
        Ok(true)
    }

    /// What a row to come pays beside a new level: all that it held, or without principal and interest where they are solved
    /// anew; and its share of what is re-aged.
    fn future(
        &self,
        place: usize,
        ((principal, beside), resolved): ((Amount, Amount), Option<Answer>),
        into: &mut Outline,
    ) -> Result<Amount, LoanError> {
        let Some(row) = self.open.get(place) else { return Ok(beside) };
        if resolved.is_none() {
            return Ok(row.total.add(principal)?.add(beside)?);
        }
        into.relief_interest = into.relief_interest.sub(row.left.interest)?;
        Ok(row.total.sub(row.left.principal)?.sub(row.left.interest)?.add(beside)?)
    }

    fn deferral_interest(&mut self, months: u8, interest: DeferralInterest) -> Result<Amount, LoanError> {
        if matches!(interest, DeferralInterest::None) {
            return Ok(Amount::ZERO);
        }
        if let Some(charged) = self.solved.deferred.get(&months) {
            return Ok(*charged);
        }
        let begin = self.open.first().map_or(self.on, |row| row.due);
        let charged = self.basis.for_months(self.principal_left, begin, i32::from(months))?;
        self.solved.deferred.insert(months, charged);
        Ok(charged)
    }

    /// Sees to it that the dates of all rows and of `extra` more are known for a deferral of `months`.
    fn dates_after(&mut self, months: u8, extra: usize) -> Result<(), LoanError> {
        let dates = match self.solved.dates.remove(&months) {
            Some(dates) => dates,
            None if months == 0 => self.open.iter().map(|row| row.due).collect(),
            None => {
                let dues: Vec<Date> = self.open.iter().map(|row| row.due).collect();
                self.basis.shifted(&dues, i32::from(months))?
            }
        };
        let mut dates = dates;
        let open = self.open.len();
        let Some(last) = open.checked_sub(1).and_then(|last| dates.get(last)).copied() else { return Ok(()) };
        while dates.len() < open + extra {
            let steps = i32::try_from(dates.len() - open + 1).map_err(|_| ArithmeticError::Overflow)?;
            dates.push(self.basis.instalments_after(last, steps)?);
        }
        self.solved.dates.insert(months, dates);
        Ok(())
    }

    fn spread(&self, over: ReAgeOver, overdue: usize) -> Result<Spread, LoanError> {
        let future = self.open.len() - overdue;
        let (first, count) = match over {
            ReAgeOver::NextRows(rows) => (0, usize::from(rows)),
            ReAgeOver::Remaining => (0, future.max(1)),
            ReAgeOver::End => (future.saturating_sub(1), 1),
        };
        enough(count, future)?;
        let (mut principal, mut rest, mut fee) = (Amount::ZERO, Amount::ZERO, Amount::ZERO);
        for row in self.open.iter().take(overdue) {
            principal = principal.add(row.left.principal)?;
            rest = rest.add(row.left.interest)?.add(row.left.relief_interest)?;
            fee = fee.add(row.left.fee)?;
        }
        Ok(Spread {
            first,
            count,
            principal: principal.equal_share(count)?,
            rest: rest.equal_share(count)?,
            fee: fee.equal_share(count)?,
        })
    }

    /// The level schedule of the rows to come; `None` where the level doesn't carry through to the last row.
    fn level_of(&mut self, asked: &Rows<'_>, rate: Option<Rate>) -> Result<Option<Answer>, LoanError> {
        let own = self.basis.rate_on(self.on);
        let skipped = if asked.shape.re_age.is_some() { 0 } else { asked.overdue };
        let mut balance = Amount::ZERO;
        for row in self.open.iter().skip(skipped) {
            balance = balance.add(row.left.principal)?;
        }
        let Some(first_due) = asked.dates.get(asked.overdue).copied() else { return Ok(None) };
        let rate = rate.unwrap_or(own);
        let due_today = |model: &Model| model.terms.iter().any(|term| term.due == self.on);
        let is_first_old = first_due == self.on && self.basis.known.is_some_and(due_today);
        let rows = self.open.len() - asked.overdue + asked.extra;
        let question = Question { balance, rows, rate, is_first_old };
        if let Some(answer) = self.solved.levels.get(&question) {
            return Ok(Some(*answer));
        }
        let answer = self.solve(&question, first_due, own)?;
        if let Some(answer) = answer {
            self.solved.levels.insert(question, answer);
        }
        Ok(answer)
    }

    fn solve(&self, question: &Question, first_due: Date, own: Rate) -> Result<Option<Answer>, LoanError> {
        let Some(step) = self.solved.plain else { return Ok(None) };
        let scaled = Scaled::of(&[own, question.rate]);
        let denominator = scaled.denominator(self.basis.meter.unit())?;
        let part = self.basis.part_of_period(first_due)?;
        let mut factors = vec![scaled.factor(question.rate, part)?; question.rows];
        if let Some(first) = factors.first_mut().filter(|_| question.is_first_old) {
            *first = scaled.factor(own, part)?;
        }
        let level = level::solve(question.balance, &factors, denominator, &step)?;
        let Some(first) = run(question.balance, level, &factors, denominator, &step)? else {
            return Ok(None);
        };
        let count = i64::try_from(question.rows).map_err(|_| ArithmeticError::Overflow)?;
        let gap = first.last.sub(level)?.minor();
        if gap.abs() <= count / 2 {
            return Ok(Some(first));
        }
        let numerator = i128::from(level.minor()) * i128::from(count) + i128::from(gap);
        let adjusted = step.round(numerator, i128::from(count))?;
        let Some(again) = run(question.balance, adjusted, &factors, denominator, &step)? else {
            return Ok(None);
        };
        Ok(Some(if again.last.sub(adjusted)?.minor().abs() < gap.abs() { again } else { first }))
    }
}

/// Pays the level in every row but the last; `None` where a row's interest takes more or the balance ends before.
fn run(
    balance: Amount,
    level: Amount,
    factors: &[i128],
    denominator: i128,
    step: &Step,
) -> Result<Option<Answer>, LoanError> {
    let mut left = balance;
    let mut charged = Amount::ZERO;
    let mut last = level;
    for (factor, rest) in factors.iter().zip((0..factors.len()).rev()) {
        let product = i128::from(left.minor()).checked_mul(*factor).ok_or(ArithmeticError::Overflow)?;
        let own = interest::round(product, denominator, step.rounding)?;
        charged = charged.add(own)?;
        let principal = level.sub(own)?;
        if rest == 0 {
            last = left.add(own)?;
        } else if principal.is_negative() || principal > left {
            return Ok(None);
        } else {
            left = left.sub(principal)?;
        }
    }
    Ok(Some(Answer { level, last, interest: charged }))
}
