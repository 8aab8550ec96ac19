//! What a term's nights bear, exactly.

use std::collections::BTreeMap;

use crate::calendar::{self, Date};
use crate::conventions::{Accrual, RoundingPoint};
use crate::error::{ArithmeticError, LoanError};
use crate::interest::{self, Scaled};
use crate::money::{Amount, Rate};

use super::{Bears, Model, Term};

/// Differences between a night's balance and the schedule's.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    /// Paid ahead: lowers the balance of contracts that count nights.
    pub early: Course,
    /// Past due and unpaid: raises it where the product says so.
    pub overdue: Course,
}

impl Deltas {
    pub fn is_empty(&self) -> bool {
        self.early.is_empty() && self.overdue.is_empty()
    }

    /// Nights before the one after `date` won't be asked for again.
    pub fn pass(&mut self, date: Date) {
        self.early.pass(date);
        self.overdue.pass(date);
    }
}

/// A sum over time, in minor units: each step holds from the night after its day.
#[derive(Debug, Default)]
pub(super) struct Course {
    passed: i64,
    steps: BTreeMap<Date, i64>,
}

impl Course {
    pub fn step(&mut self, day: Date, minor: i64) -> Result<(), ArithmeticError> {
        let step = self.steps.entry(day).or_default();
        *step = step.checked_add(minor).ok_or(ArithmeticError::Overflow)?;
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.passed == 0 && self.steps.is_empty()
    }

    fn pass(&mut self, date: Date) {
        while let Some(first) = self.steps.first_entry().filter(|first| *first.key() <= date) {
            self.passed = self.passed.saturating_add(first.remove());
        }
    }

    /// The sum in the night after `day`.
    fn on(&self, day: Date) -> i64 {
        self.steps.range(..=day).fold(self.passed, |sum, (_, minor)| sum.saturating_add(*minor))
    }

    fn days_within(&self, from: Date, to: Date) -> impl Iterator<Item = Date> {
        self.steps.keys().copied().skip_while(move |day| *day <= from).take_while(move |day| *day < to)
    }
}

/// The numbers that every interest of one projection shares.
pub(super) struct Basis {
    pub scaled: Scaled,
    pub denominator: i128,
}

impl Model {
    pub(super) fn basis(&self) -> Result<Basis, ArithmeticError> {
        let scaled = match self.rates.as_slice() {
            [only] => Scaled::of(&[only.annual_rate]),
            many => Scaled::of(&many.iter().map(|step| step.annual_rate).collect::<Vec<Rate>>()),
        };
        Ok(Basis { scaled, denominator: scaled.denominator(self.meter.unit())? })
    }

    /// Interest of a term on the night's balance: the schedule's, less what was paid ahead, and what is overdue. A term that
    /// was closed ahead of its time leaves its later nights to the next open one.
    pub(super) fn interest(
        &self,
        term: &Term,
        balance: Amount,
        (basis, deltas): (&Basis, &Deltas),
        spilt: &mut i128,
    ) -> Result<Amount, LoanError> {
        if self.is_plain() && deltas.is_empty() && *spilt == 0 && term.closed_on.is_none() {
            let numerator = self.whole(term, balance, basis)?;
            return Ok(interest::round(numerator, basis.denominator, self.step.rounding)?);
        }
        let own = self.night_by_night(term, balance, basis, deltas)?;
        if term.closed_on.is_some_and(|on| on < term.due) {
            *spilt = spilt.checked_add(own.later).ok_or(ArithmeticError::Overflow)?;
            return self.rounded(&own, 0, basis);
        }
        self.rounded(&own, std::mem::take(spilt), basis)
    }

    fn rounded(&self, nights: &Nights, more: i128, basis: &Basis) -> Result<Amount, LoanError> {
        let round = |sum: i128| interest::round(sum, basis.denominator, self.step.rounding);
        match self.rounding_point {
            RoundingPoint::Period => {
                Ok(round(nights.sum.checked_add(more).ok_or(ArithmeticError::Overflow)?)?)
            }
            RoundingPoint::SubPeriod => Ok(nights.rounded.add(round(more)?)?),
        }
    }

    /// Whether the night that `day` carries bears nothing.
    fn is_paused(&self, day: Date) -> bool {
        self.pauses.contains(day) || self.stop.is_some_and(|stop| day > stop)
    }

    /// How many nights after `from` up to `to` bear nothing.
    fn paused_nights(&self, from: Date, to: Date) -> i64 {
        self.bare_nights(self.stop, from, to)
    }

    /// The same for interest that stops at the end of another day.
    pub(super) fn bare_nights(&self, stop: Option<Date>, from: Date, to: Date) -> i64 {
        let Some(stop) = stop.filter(|stop| *stop < to) else { return self.pauses.nights(from, to) };
        let end = stop.max(from);
        self.pauses.nights(from, end) + calendar::days_between(end, to).max(0)
    }

    /// Nothing cuts a term into parts.
    fn is_plain(&self) -> bool {
        self.rates.len() == 1 && self.pauses.is_empty() && self.stop.is_none() && self.advances.is_empty()
    }

    fn whole(&self, term: &Term, balance: Amount, basis: &Basis) -> Result<i128, LoanError> {
        let rate = self.rates.first().map_or(Rate::ZERO, |step| step.annual_rate);
        let factor = basis.scaled.factor(rate, self.part(term.from, (term.from, term.due))?)?;
        Ok(i128::from(balance.minor()).checked_mul(factor).ok_or(ArithmeticError::Overflow)?)
    }

    fn night_by_night(
        &self,
        term: &Term,
        balance: Amount,
        basis: &Basis,
        deltas: &Deltas,
    ) -> Result<Nights, LoanError> {
        let mut cuts = self.cuts(term);
        let paid = deltas.early.days_within(term.from, term.due);
        let paid = paid.chain(deltas.overdue.days_within(term.from, term.due));
        let dates = paid.chain(self.advances.iter().map(|(date, _)| *date));
        cuts.extend(dates.chain(term.closed_on).filter(|date| term.from < *date && *date < term.due));
        let on = |start: Date| -> Result<Amount, LoanError> {
            let early = deltas.early.on(start);
            let charged_back = self.charged_back_between(term, start)?;
            let ahead = balance.add(Amount::new(early))?.add(charged_back)?.max(Amount::ZERO);
            Ok(ahead.add(Amount::new(deltas.overdue.on(start)).max(Amount::ZERO))?)
        };
        self.over_pieces(term, cuts, basis, on)
    }

    /// Chargebacks of this term's nights that lie before the night after `start`.
    fn charged_back_between(&self, term: &Term, start: Date) -> Result<Amount, ArithmeticError> {
        let within = self.advances.iter().filter(|(date, _)| term.from <= *date && *date <= start);
        Amount::try_sum(within.map(|(_, amount)| *amount))
    }

    /// Interest that overdue principal bears during a term whose own interest isn't the balance's.
    pub(super) fn overdue_interest(
        &self,
        term: &Term,
        basis: &Basis,
        deltas: &Deltas,
    ) -> Result<Amount, LoanError> {
        if deltas.overdue.is_empty() || term.repay.is_kept() {
            return Ok(Amount::ZERO);
        }
        let mut cuts = self.cuts(term);
        let dates = deltas.overdue.days_within(term.from, term.due).chain([self.agreed_on]);
        cuts.extend(dates.filter(|date| term.from < *date && *date < term.due));
        let agreed = matches!(term.bears, Bears::Agreed(_));
        let on = |start: Date| -> Result<Amount, LoanError> {
            if agreed && start < self.agreed_on {
                return Ok(Amount::ZERO);
            }
            Ok(Amount::new(deltas.overdue.on(start)).max(Amount::ZERO))
        };
        let nights = self.over_pieces(term, cuts, basis, on)?;
        self.rounded(&nights, nights.later, basis)
    }

    /// An agreed interest, less the share of nights that are paused.
    pub(super) fn agreed(&self, term: &Term, agreed: Amount) -> Result<Amount, LoanError> {
        if (self.pauses.is_empty() && self.stop.is_none()) || agreed.is_zero() || term.is_earned {
            return Ok(agreed);
        }
        let (nights, paused) = (
            calendar::days_between(term.from, term.due),
            self.paused_nights(term.from.max(term.agreed_on), term.due),
        );
        if paused == 0 || nights == 0 {
            return Ok(agreed);
        }
        let numerator = i128::from(agreed.minor()) * i128::from(nights - paused);
        Ok(interest::round(numerator, i128::from(nights), self.step.rounding)?)
    }

    /// Days within the term at whose end the rate changes, or a pause begins or ends.
    fn cuts(&self, term: &Term) -> Vec<Date> {
        let mut cuts = Vec::new();
        if self.accrual == Accrual::Daily {
            cuts.extend(self.rates.iter().skip(1).filter_map(|step| step.from.yesterday().ok()));
        }
        for (first, last) in self.pauses.runs() {
            cuts.extend(first.yesterday().ok());
            cuts.push(*last);
        }
        cuts.extend(self.stop);
        cuts.retain(|date| term.from < *date && *date < term.due);
        cuts
    }

    /// Σ balance × rate × part over the pieces between the cuts.
    fn over_pieces(
        &self,
        term: &Term,
        mut cuts: Vec<Date>,
        basis: &Basis,
        balance_on: impl Fn(Date) -> Result<Amount, LoanError>,
    ) -> Result<Nights, LoanError> {
        cuts.push(term.due);
        cuts.sort_unstable();
        cuts.dedup();
        let mut start = term.from;
        let mut nights = Nights::default();
        for end in cuts {
            let piece = self.piece(term, (start, end), balance_on(start)?, basis)?;
            let cell = match term.closed_on {
                Some(closed_on) if start >= closed_on => &mut nights.later,
                _ => {
                    let rounded = interest::round(piece, basis.denominator, self.step.rounding)?;
                    nights.rounded = nights.rounded.add(rounded)?;
                    &mut nights.sum
                }
            };
            *cell = cell.checked_add(piece).ok_or(ArithmeticError::Overflow)?;
            start = end;
        }
        Ok(nights)
    }

    fn piece(
        &self,
        term: &Term,
        (start, end): (Date, Date),
        balance: Amount,
        basis: &Basis,
    ) -> Result<i128, LoanError> {
        let first_day = calendar::next_day(start)?;
        if balance.is_zero() || self.is_paused(first_day) {
            return Ok(0);
        }
        let factor = self.factor(term, (start, end), basis)?;
        Ok(i128::from(balance.minor()).checked_mul(factor).ok_or(ArithmeticError::Overflow)?)
    }

    fn factor(&self, term: &Term, (start, end): (Date, Date), basis: &Basis) -> Result<i128, LoanError> {
        // Nominal periods know no nights: the rate in force on the due date is the period's.
        let day = match self.accrual {
            Accrual::Nominal => term.due,
            Accrual::Daily => calendar::next_day(start)?,
        };
        Ok(basis.scaled.factor(self.rate_on(day), self.part(term.from, (start, end))?)?)
    }

    /// Part of a year in a period that began on `begin`; nominal ones run between dates that haven't moved.
    fn part(&self, begin: Date, (start, end): (Date, Date)) -> Result<i64, LoanError> {
        if self.unmoved.is_empty() {
            return self.meter.beginning(begin).part(start, end);
        }
        let unmoved = |date: Date| self.unmoved.get(&date).copied().unwrap_or(date);
        self.meter.beginning(unmoved(begin)).part(unmoved(start), unmoved(end))
    }

    /// The rate of the night that `day` carries.
    pub fn rate_on(&self, day: Date) -> Rate {
        let known = self.rates.iter().rev().find(|step| step.from <= day);
        known.or(self.rates.first()).map_or(Rate::ZERO, |step| step.annual_rate)
    }

    /// The term's whole growth factor over the basis' denominator, pauses left out.
    pub(super) fn growth(&self, term: &Term, from: Date, basis: &Basis) -> Result<i128, LoanError> {
        match term.bears {
            Bears::Balance | Bears::Original => {}
            Bears::Nothing | Bears::Agreed(_) => return Ok(0),
        }
        if self.is_plain() {
            let rate = self.rates.first().map_or(Rate::ZERO, |step| step.annual_rate);
            return Ok(basis.scaled.factor(rate, self.part(from, (from, term.due))?)?);
        }
        let longer = Term { from, ..term.clone() };
        let mut start = from;
        let mut sum = 0_i128;
        let mut cuts = self.cuts(&longer);
        cuts.push(term.due);
        cuts.sort_unstable();
        cuts.dedup();
        for end in cuts {
            if !self.is_paused(calendar::next_day(start)?) {
                let factor = self.factor(&longer, (start, end), basis)?;
                sum = sum.checked_add(factor).ok_or(ArithmeticError::Overflow)?;
            }
            start = end;
        }
        Ok(sum)
    }

    pub(super) fn accrual_numerator(
        &self,
        term: &Term,
        balance: Amount,
        basis: &Basis,
    ) -> Result<i128, LoanError> {
        let factor = self.growth(term, term.from, basis)?;
        Ok(i128::from(balance.minor()).checked_mul(factor).ok_or(ArithmeticError::Overflow)?)
    }

    /// Interest of one term of a level on `balance`, nothing paid ahead.
    pub(super) fn scheduled_interest(
        &self,
        term: &Term,
        balance: Amount,
        basis: &Basis,
    ) -> Result<Amount, LoanError> {
        let own = match term.bears {
            Bears::Original => {
                let numerator = self.accrual_numerator(term, self.original, basis)?;
                interest::round(numerator, basis.denominator, self.step.rounding)?
            }
            Bears::Balance => self.interest(term, balance, (basis, &Deltas::default()), &mut 0)?,
            Bears::Nothing => Amount::ZERO,
            Bears::Agreed(agreed) => self.agreed(term, agreed)?,
        };
        Ok(own.add(term.carried)?)
    }
}

/// What a term's nights bear, over the basis' denominator.
#[derive(Default)]
struct Nights {
    /// Up to the day it was closed, or all.
    sum: i128,
    /// The same, each piece rounded.
    rounded: Amount,
    /// After it was closed ahead of its time.
    later: i128,
}
