//! What relief takes from the contract: periods, rates and the solver.

use crate::calendar::{self, Date};
use crate::contract::{Amortisation, Contract};
use crate::conventions::{Accrual, FrequencyUnit};
use crate::error::{ArithmeticError, LoanError};
use crate::interest::{self, Scaled};
use crate::meter::Meter;
use crate::model::{Bears, Model, Movements, Repay, Term};
use crate::money::{Amount, Rate};
use crate::state::RateStep;

/// Principal and interest of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    pub principal: Amount,
    pub interest: Amount,
}

/// A row that is solved anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolved {
    pub nr: u32,
    pub due: Date,
    pub principal: Amount,
}

/// The contract and the rates in force.
#[derive(Debug, Clone, Copy)]
pub(super) struct Basis<'a> {
    pub contract: &'a Contract,
    pub rates: &'a [RateStep],
    pub meter: Meter,
    /// How the rows came about, where that is known.
    pub known: Option<&'a Model>,
}

impl Basis<'_> {
    /// The rate of the night that `day` carries.
    pub fn rate_on(&self, day: Date) -> Rate {
        let known = self.rates.iter().rev().find(|step| step.from <= day);
        known.map_or(self.contract.annual_rate, |step| step.annual_rate)
    }

    fn anchor(&self, date: Date) -> Result<u8, LoanError> {
        let anchor = self.contract.anchor_day();
        let months = self.contract.conventions.frequency.unit == FrequencyUnit::Months;
        let on_grid = months && calendar::month_after(anchor, date, 0)? == date;
        Ok(if on_grid { anchor } else { u8::try_from(date.day()).unwrap_or(1) })
    }

    /// The same day so many months on, counted from where a due date was before it moved to a business day; the contract's
    /// anchor day where it is on that.
    pub fn months_after(&self, date: Date, months: i32) -> Result<Date, LoanError> {
        let unmoved = self.contract.unmoved(date)?;
        calendar::month_after(self.anchor(unmoved)?, unmoved, months)
    }

    fn grid_after(&self, due: Date, steps: i32) -> Result<Date, LoanError> {
        let unmoved = self.contract.unmoved(due)?;
        self.contract.conventions.frequency.after(self.anchor(unmoved)?, unmoved, steps)
    }

    /// The due date so many instalments after `due`; before it where negative.
    pub fn instalments_after(&self, due: Date, steps: i32) -> Result<Date, LoanError> {
        self.contract.business_day(self.grid_after(due, steps)?)
    }

    /// Due dates by as many months later; where instalments aren't months apart, by as many days as that moves the first.
    pub fn shifted(&self, dues: &[Date], months: i32) -> Result<Vec<Date>, LoanError> {
        let Some(first) = dues.first().copied() else { return Ok(Vec::new()) };
        let contract = self.contract;
        let days = calendar::days_between(contract.unmoved(first)?, self.months_after(first, months)?);
        let days = i32::try_from(days).map_err(|_| ArithmeticError::Overflow)?;
        let mut shifted = Vec::with_capacity(dues.len());
        for due in dues {
            let moved = match contract.conventions.frequency.unit {
                FrequencyUnit::Months => self.months_after(*due, months)?,
                FrequencyUnit::Days | FrequencyUnit::Weeks => {
                    calendar::days_after(contract.unmoved(*due)?, days)?
                }
            };
            shifted.push(contract.business_day(moved)?);
        }
        Ok(shifted)
    }

    /// How many instalments fall due from `first` until as many months later.
    pub fn instalments_in(&self, first: Date, months: i32) -> Result<usize, LoanError> {
        let frequency = self.contract.conventions.frequency;
        if frequency.unit == FrequencyUnit::Months {
            let every = i32::from(frequency.every).max(1);
            return usize::try_from((months + every - 1) / every)
                .map_err(|_| ArithmeticError::Overflow.into());
        }
        let end = self.months_after(first, months)?;
        let (mut count, mut due) = (0, first);
        while due < end {
            count += 1;
            due = self.instalments_after(first, i32::try_from(count).unwrap_or(i32::MAX))?;
        }
        Ok(count)
    }

    /// Interest on `balance` for the period that ends on `due`, rounded once.
    pub fn for_period(&self, balance: Amount, due: Date) -> Result<Amount, LoanError> {
        self.interest(balance, self.part_of_period(due)?, due)
    }

    /// How much of a year the period that ends on `due` takes, in parts of the meter's unit.
    pub fn part_of_period(&self, due: Date) -> Result<i64, LoanError> {
        let (begin, end) = match self.contract.conventions.accrual {
            Accrual::Nominal => (self.grid_after(due, -1)?, self.contract.unmoved(due)?),
            Accrual::Daily => (self.instalments_after(due, -1)?, due),
        };
        self.meter.anchored(self.anchor(begin)?).part(begin, end)
    }

    /// Interest on `balance` for so many months after `begin`, rounded once.
    pub fn for_months(&self, balance: Amount, begin: Date, months: i32) -> Result<Amount, LoanError> {
        let end = self.months_after(begin, months)?;
        let begin = self.contract.unmoved(begin)?;
        self.interest(balance, self.meter.anchored(self.anchor(begin)?).part(begin, end)?, begin)
    }

    fn interest(&self, balance: Amount, part: i64, on: Date) -> Result<Amount, LoanError> {
        let rate = self.rate_on(on);
        let scaled = Scaled::of(&[rate]);
        let product = i128::from(balance.minor())
            .checked_mul(scaled.factor(rate, part)?)
            .ok_or(ArithmeticError::Overflow)?;
        let denominator = scaled.denominator(self.meter.unit())?;
        Ok(interest::round(product, denominator, self.contract.conventions.rounding)?)
    }

    /// Terms for rows that are solved anew: as they were, where that is known, else plain periods.
    pub fn model(&self, rows: &[Resolved]) -> Result<Model, LoanError> {
        let known = self.known.cloned();
        let before = known.as_ref().map(|model| model.terms.clone()).unwrap_or_default();
        let mut model = known.unwrap_or_else(|| Model::empty(self.contract));
        model.advances.clear();
        model.charges.clear();
        model.rates = self.rates.to_vec();
        model.principal = Amount::try_sum(rows.iter().map(|row| row.principal))?;
        if let Some(last) = rows.last() {
            model.meter = self.meter.anchored(self.anchor(self.contract.unmoved(last.due)?)?);
        }
        let plain = match self.contract.amortisation {
            Amortisation::Flat => Bears::Original,
            _ => Bears::Balance,
        };
        model.terms = Vec::with_capacity(rows.len());
        for row in rows {
            let term = before.iter().find(|term| term.nr == row.nr);
            let stands = term.filter(|term| term.due == row.due && !matches!(term.bears, Bears::Agreed(_)));
            let from = match stands {
                Some(term) => term.from,
                None => self.instalments_after(row.due, -1)?,
            };
            let unmoved = self.contract.unmoved(row.due)?;
            if unmoved != row.due && model.accrual == Accrual::Nominal {
                model.unmoved.insert(row.due, unmoved);
            }
            model.terms.push(Term {
                repay: Repay::Principal(row.principal),
                bears: term.map_or(plain, |term| match term.bears {
                    Bears::Agreed(_) => plain,
                    other => other,
                }),
                repays: term.is_none_or(|term| term.repays),
                deferred: term.is_some_and(|term| term.deferred),
                ..Term::empty(row.nr, from, row.due)
            });
        }
        Ok(model)
    }

    /// What each row's interest holds beside that of its own balance: carried interest, put off by grace, and what overdue
    /// principal bore. Nothing where amounts were agreed or stated.
    pub fn beside(&self, rows: &[Resolved]) -> Result<Vec<Amount>, LoanError> {
        let term = |nr: u32| self.known.and_then(|model| model.terms.iter().find(|term| term.nr == nr));
        let before: Vec<Resolved> = rows
            .iter()
            .map(|row| match term(row.nr) {
                Some(term) => Resolved { nr: row.nr, due: term.due, principal: term.principal },
                None => *row,
            })
            .collect();
        let own = splits(&mut self.model(&before)?)?;
        let mut beside = Vec::with_capacity(rows.len());
        for (row, own) in rows.iter().zip(own) {
            beside.push(match term(row.nr) {
                Some(term) if !matches!(term.bears, Bears::Agreed(_)) => term.interest.sub(own.interest)?,
                _ => Amount::ZERO,
            });
        }
        Ok(beside)
    }

    /// Whether the row is an instalment: neither a down payment nor a row for charges.
    pub fn is_instalment(&self, nr: u32) -> bool {
        let term = self.known.and_then(|model| model.terms.iter().find(|term| term.nr == nr));
        term.is_none_or(|term| term.is_open() && term.from < term.due)
    }
}

/// Principal and interest that `model` works out.
pub(super) fn splits(model: &mut Model) -> Result<Vec<Split>, LoanError> {
    model.project(&Movements::default())?;
    let split = |term: &Term| Split { principal: term.principal, interest: term.interest };
    Ok(model.terms.iter().map(split).collect())
}
