//! How interest runs, when instalments fall due and where rounding happens: what contracts differ in beside amounts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::calendar::{self, Date};
use crate::error::LoanError;
use crate::money::{Amount, Ratio};

/// The unit that instalments are apart by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrequencyUnit {
    Days,
    Weeks,
    #[default]
    Months,
}

/// An instalment every so many days, weeks or months.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Frequency {
    /// 1 to 366 days, 52 weeks or 12 months.
    pub every: u16,
    pub unit: FrequencyUnit,
}

impl Frequency {
    pub const MONTHLY: Self = Self { every: 1, unit: FrequencyUnit::Months };

    /// The due date `steps` instalments after `from`. Months keep the anchor day: the 31st gives the 30th or 28th and
    /// then the 31st again; days and weeks count from `from`.
    pub fn after(self, anchor_day: u8, from: Date, steps: i32) -> Result<Date, LoanError> {
        let out_of_range = || LoanError::DateOutOfRange { date: from };
        let count = i32::from(self.every).checked_mul(steps).ok_or_else(out_of_range)?;
        match self.unit {
            FrequencyUnit::Months => calendar::month_after(anchor_day, from, count),
            FrequencyUnit::Weeks => {
                calendar::days_after(from, count.checked_mul(7).ok_or_else(out_of_range)?)
            }
            FrequencyUnit::Days => calendar::days_after(from, count),
        }
    }

    /// Whether `every` lies within its bounds.
    pub fn is_believable(self) -> bool {
        let most = match self.unit {
            FrequencyUnit::Days => 366,
            FrequencyUnit::Weeks => 52,
            FrequencyUnit::Months => 12,
        };
        (1..=most).contains(&self.every)
    }
}

impl Default for Frequency {
    fn default() -> Self {
        Self::MONTHLY
    }
}

/// What a period of interest is measured by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accrual {
    /// Whole periods by their nominal length: a month is a twelfth of a year, however long it is.
    #[default]
    Nominal,
    /// Night by night by the day count. Calendar day d carries the night from d − 1 to d.
    Daily,
}

/// Days that a month counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonthBasis {
    /// A whole month counts 30; a part of one counts its share of that month's actual days.
    #[default]
    Thirty,
    Actual,
}

/// Days that a year counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum YearBasis {
    #[default]
    Days360,
    Days364,
    Days365,
    /// 365 or 366; a period that crosses New Year is split at 31 December.
    Actual,
}

/// Day count: 30/360, actual/365F, actual/360, actual/actual and their kin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DayCount {
    pub month: MonthBasis,
    pub year: YearBasis,
}

impl DayCount {
    pub const THIRTY_360: Self = Self { month: MonthBasis::Thirty, year: YearBasis::Days360 };
    pub const ACTUAL_360: Self = Self { month: MonthBasis::Actual, year: YearBasis::Days360 };
    pub const ACTUAL_365_FIXED: Self = Self { month: MonthBasis::Actual, year: YearBasis::Days365 };
    pub const ACTUAL_ACTUAL: Self = Self { month: MonthBasis::Actual, year: YearBasis::Actual };
}

/// How the contract rounds interest and level instalments to the minor unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    #[default]
    HalfEven,
    HalfUp,
    /// Away from zero.
    Up,
    Down,
}

/// Where interest is rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundingPoint {
    /// Once a period.
    #[default]
    Period,
    /// Once for every part of a period that had a balance and rate of its own, as older core systems do.
    SubPeriod,
}

/// What the first instalments leave out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grace {
    /// First instalments without principal; the others repay it.
    pub principal: u16,
    /// First instalments that bear no interest.
    pub interest: u16,
    /// First instalments whose interest runs and is collected with the instalment after them.
    pub interest_deferred: u16,
}

/// Which way a due date moves that isn't a business day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusinessDayRule {
    Following,
    Preceding,
    /// Following, unless that is in another month; then preceding.
    ModifiedFollowing,
}

/// Which days are business days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BusinessCalendar {
    /// Days of the week without business, 1 Monday to 7 Sunday.
    pub weekend: BTreeSet<u8>,
    pub holidays: BTreeSet<Date>,
    /// Days of business though they fall on a weekend (调休).
    pub working_days: BTreeSet<Date>,
}

impl BusinessCalendar {
    pub fn is_business_day(&self, date: Date) -> bool {
        let weekday = u8::try_from(date.weekday().to_monday_one_offset()).unwrap_or(0);
        self.working_days.contains(&date)
            || !(self.weekend.contains(&weekday) || self.holidays.contains(&date))
    }
}

/// A business-day rule and the calendar it looks at. The anchor stays: the next date counts from the unmoved one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BusinessDays {
    pub rule: BusinessDayRule,
    pub calendar: BusinessCalendar,
}

/// The longest run of days without business that a date is moved over.
const LONGEST_CLOSURE: i32 = 31;

impl BusinessDays {
    /// The business day that `date` moves to.
    pub fn adjust(&self, date: Date) -> Result<Date, LoanError> {
        match self.rule {
            BusinessDayRule::Following => self.search(date, 1),
            BusinessDayRule::Preceding => self.search(date, -1),
            BusinessDayRule::ModifiedFollowing => {
                let following = self.search(date, 1)?;
                if following.month() == date.month() { Ok(following) } else { self.search(date, -1) }
            }
        }
    }

    fn search(&self, date: Date, step: i32) -> Result<Date, LoanError> {
        for days in 0..=LONGEST_CLOSURE {
            let candidate = calendar::days_after(date, step * days)?;
            if self.calendar.is_business_day(candidate) {
                return Ok(candidate);
            }
        }
        Err(LoanError::NoBusinessDay { near: date })
    }
}

/// Everything a contract states beside its amounts and dates. The default is the plain consumer loan: monthly, 30/360,
/// nominal periods, HALF_EVEN once a period, no grace, no down payment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Conventions {
    pub frequency: Frequency,
    pub accrual: Accrual,
    pub day_count: DayCount,
    pub rounding: Rounding,
    pub rounding_point: RoundingPoint,
    pub grace: Grace,
    /// Share of the principal that is due on the day interest starts, as instalment 1 before the others.
    pub down_payment: Ratio,
    /// The borrower states the instalment and the term follows; `Contract::instalments` is then the most there may be.
    pub fixed_instalment: Option<Amount>,
    pub business_days: Option<BusinessDays>,
}
