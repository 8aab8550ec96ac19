//! What a panel draws: the two schedules by their days, in numbers and in words.

use std::collections::BTreeMap;

use jiff::civil::Date;
use loan::cases::{CaseLoan, CaseRow};
use loan::{Amount, ArithmeticError, Currency};
use rust_decimal::Decimal;

use super::bars::{self, Bar};

/// What a panel draws.
pub struct Chart {
    pub currency: Currency,
    pub principal: Amount,
    annual_rate_percent: Decimal,
    pub interest_from: Date,
    pub as_of: Date,
    /// Empty where nothing changed.
    pub before: Side,
    pub after: Side,
}

/// One of the two schedules.
pub struct Side {
    pub rows: Vec<CaseRow>,
    pub bars: BTreeMap<Date, Bar>,
    interest: Amount,
    pub charges: Amount,
    total: Amount,
}

impl Side {
    fn new(rows: Vec<CaseRow>) -> Result<Self, ArithmeticError> {
        let sum = |part: fn(&CaseRow) -> Amount| Amount::try_sum(rows.iter().map(part));
        Ok(Self {
            interest: sum(|row| row.interest)?,
            charges: sum(|row| row.fees)?.add(sum(|row| row.penalties)?)?,
            total: sum(|row| row.total_due)?,
            bars: bars::by_day(&rows)?,
            rows,
        })
    }

    pub fn in_words(&self, currency: Currency) -> String {
        let money = |amount: Amount| amount.format(currency);
        let last = self.rows.last().map_or_else(String::new, |row| format!(" to {}", row.due));
        let charges = if self.charges.is_zero() {
            String::new()
        } else {
            format!(", fees and penalties {}", money(self.charges))
        };
        let count = self.rows.iter().filter(|row| !row.total_due.is_zero()).count();
        let noun = if count == 1 { "instalment" } else { "instalments" };
        format!(
            "{count} {noun}{last}, interest {}{charges}, total {}",
            money(self.interest),
            money(self.total)
        )
    }
}

impl Chart {
    pub fn new(loan: &CaseLoan, before: Vec<CaseRow>, after: Vec<CaseRow>) -> Result<Self, ArithmeticError> {
        let contract = loan.origin.contract();
        Ok(Self {
            currency: contract.currency,
            principal: contract.principal,
            annual_rate_percent: (contract.annual_rate.decimal() * Decimal::ONE_HUNDRED).normalize(),
            interest_from: contract.interest_from,
            as_of: loan.after.as_of,
            before: Side::new(before)?,
            after: Side::new(after)?,
        })
    }

    /// Whether there is a schedule before that differs.
    pub fn changed(&self) -> bool {
        !self.before.rows.is_empty()
    }

    /// The loan in one line.
    pub fn subtitle(&self) -> String {
        format!(
            "{} {} at {} % a year from {}, read on {}",
            self.currency,
            self.principal.format(self.currency),
            self.annual_rate_percent,
            self.interest_from,
            self.as_of
        )
    }

    /// What the picture shows, for those who don't see it.
    pub fn in_words(&self) -> String {
        let after = self.after.in_words(self.currency);
        let change = if self.changed() {
            format!("Before: {}. After: {after}.", self.before.in_words(self.currency))
        } else {
            format!("Unchanged: {after}.")
        };
        format!("{}. {change}", self.subtitle())
    }

    /// The schedules that are drawn, the one before first.
    pub fn sides(&self) -> impl Iterator<Item = (&Side, Look)> {
        let before = self.changed().then_some((&self.before, Look::Before));
        before.into_iter().chain([(&self.after, Look::After)])
    }
}

/// Muted before, strong after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Before,
    After,
}

impl Look {
    /// The class of a part of the picture by its letter.
    pub fn class(self, letter: char) -> String {
        format!("{letter}{}", if self == Self::Before { '0' } else { '1' })
    }

    pub fn word(self) -> &'static str {
        if self == Self::Before { "before" } else { "after" }
    }

    /// The class of its labels.
    pub fn text(self) -> &'static str {
        if self == Self::Before { "muted label" } else { "strong label" }
    }
}
