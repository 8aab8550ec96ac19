//! The promise: contract terms.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::calendar::{self, Date};
use crate::conventions::{Conventions, FrequencyUnit};
use crate::error::LoanError;
use crate::money::{Amount, Currency, Rate, Ratio};

/// Most instalments that a schedule may have, relief included (monthly, fifty years).
pub const MAX_INSTALMENTS: u16 = 600;
/// Highest yearly rate that is believed: 1,000 %.
pub const MAX_ANNUAL_RATE: Decimal = Decimal::TEN;
/// Highest principal, in minor units. Leaves room for penalties and sums over any term.
pub const MAX_PRINCIPAL_MINOR: i64 = 1_000_000_000_000_000;

/// Most decimal places of a yearly rate, so that every interest is exact in 128 bits.
pub const MAX_RATE_PLACES: u32 = 12;

/// How principal and interest fall on the instalments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amortisation {
    /// 等额本息: level instalment, interest on the declining balance.
    EqualInstalments,
    /// 等额本金: equal principal, interest on the declining balance.
    EqualPrincipal,
    /// 先息后本: interest each time, all principal with the last instalment.
    InterestOnly,
    /// 分期手续费: principal/n plus rate/12 × original principal each month.
    Flat,
}

/// Terms of a loan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Contract {
    pub currency: Currency,
    pub principal: Amount,
    pub annual_rate: Rate,
    pub amortisation: Amortisation,
    pub instalments: u16,
    /// The day from which interest runs; a down payment is due on it.
    pub interest_from: Date,
    /// Due date of the first instalment (after a down payment), before it is moved to a business day.
    pub first_due: Date,
    /// Day of month of every due date of a monthly contract; `None` takes it from `first_due`. Needed where the first due date falls in a
    /// shorter month than the anchor (first due 28 February, then 31 March: 31).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor_day: Option<u8>,
    /// Level instalments are rounded to a multiple of this (100 = whole units); `None`: to the minor unit. Equal shares of
    /// principal are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instalment_multiple_of: Option<Amount>,
    #[serde(default)]
    pub conventions: Conventions,
}

impl Contract {
    /// Day of month of the due dates.
    pub fn anchor_day(&self) -> u8 {
        self.anchor_day.unwrap_or_else(|| u8::try_from(self.first_due.day()).unwrap_or(1))
    }

    /// Due date of the instalment so many steps after the first, moved to a business day where the contract says so.
    pub fn due(&self, steps: u16) -> Result<Date, LoanError> {
        self.business_day(self.unmoved_due(steps)?)
    }

    /// Due date of the instalment so many steps after the first, before it moves to a business day.
    pub fn unmoved_due(&self, steps: u16) -> Result<Date, LoanError> {
        self.conventions.frequency.after(self.anchor_day(), self.first_due, i32::from(steps))
    }

    /// `date`, or the business day that it moves to.
    pub fn business_day(&self, date: Date) -> Result<Date, LoanError> {
        match &self.conventions.business_days {
            None => Ok(date),
            Some(business_days) => business_days.adjust(date),
        }
    }

    /// The date that the contract's grid has for a due date that moved to a business day; `due` itself where none has.
    pub(crate) fn unmoved(&self, due: Date) -> Result<Date, LoanError> {
        if self.conventions.business_days.is_none() {
            return Ok(due);
        }
        let frequency = self.conventions.frequency;
        let (begin, nearest) = match frequency.unit {
            FrequencyUnit::Months => (due, 0),
            FrequencyUnit::Weeks => (self.first_due, self.steps_to(due, i64::from(frequency.every) * 7)),
            FrequencyUnit::Days => (self.first_due, self.steps_to(due, i64::from(frequency.every))),
        };
        for steps in [nearest, nearest - 1, nearest + 1] {
            let candidate = match frequency.unit {
                FrequencyUnit::Months => calendar::month_after(self.anchor_day(), begin, steps)?,
                FrequencyUnit::Weeks | FrequencyUnit::Days => frequency.after(1, begin, steps)?,
            };
            if self.business_day(candidate)? == due {
                return Ok(candidate);
            }
        }
        Ok(due)
    }

    fn steps_to(&self, due: Date, days: i64) -> i32 {
        let steps = calendar::days_between(self.first_due, due).div_euclid(days.max(1));
        i32::try_from(steps).unwrap_or(0)
    }

    /// Refuses terms that no schedule can be computed from.
    pub fn check(&self) -> Result<(), LoanError> {
        let invalid = |field, reason| Err(LoanError::ContractInvalid { field, reason });
        if !(1..=MAX_PRINCIPAL_MINOR).contains(&self.principal.minor()) {
            return invalid("principal", "must be positive and at most 10^15 minor units");
        }
        if self.annual_rate.decimal().is_sign_negative() && !self.annual_rate.decimal().is_zero() {
            return invalid("annual_rate", "must not be negative");
        }
        if self.annual_rate.decimal() > MAX_ANNUAL_RATE {
            return invalid("annual_rate", "must be at most 10 (1,000 %)");
        }
        if self.annual_rate.decimal().normalize().scale() > MAX_RATE_PLACES {
            return invalid("annual_rate", "must have at most 12 decimal places");
        }
        if !(1..=MAX_INSTALMENTS).contains(&self.instalments) {
            return invalid("instalments", "must be 1 to 600");
        }
        if self.first_due <= self.interest_from {
            return invalid("first_due", "must lie after interest_from");
        }
        if self.instalment_multiple_of.is_some_and(|step| step.minor() < 1) {
            return invalid("instalment_multiple_of", "must be positive");
        }
        self.check_conventions()
    }

    fn check_conventions(&self) -> Result<(), LoanError> {
        let invalid = |field, reason| Err(LoanError::ContractInvalid { field, reason });
        let Conventions { frequency, grace, down_payment, fixed_instalment, .. } = &self.conventions;
        if !frequency.is_believable() {
            return invalid("frequency", "must be 1 to 366 days, 52 weeks or 12 months");
        }
        if frequency.unit == FrequencyUnit::Months
            && frequency.after(self.anchor_day(), self.first_due, 0)? != self.first_due
        {
            return invalid("anchor_day", "must agree with first_due");
        }
        if *down_payment < Ratio::ZERO || *down_payment >= Ratio::ONE {
            return invalid("down_payment", "must be at least 0 and below 1");
        }
        if grace.principal >= self.instalments || grace.interest_deferred >= self.instalments {
            return invalid("grace", "must leave an instalment without grace");
        }
        if fixed_instalment.is_some_and(|amount| amount.minor() < 1) {
            return invalid("fixed_instalment", "must be positive");
        }
        if fixed_instalment.is_some() && self.amortisation != Amortisation::EqualInstalments {
            return invalid("fixed_instalment", "goes with equal instalments only");
        }
        Ok(())
    }
}
