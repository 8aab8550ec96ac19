//! How much of a year lies between two dates, exactly: an integer count of a unit that every day count divides evenly.

use crate::calendar::{self, Date};
use crate::contract::Contract;
use crate::conventions::{Accrual, FrequencyUnit, MonthBasis, YearBasis};
use crate::error::{ArithmeticError, LoanError};

/// lcm(28, 29, 30, 31): a month's weight, which the nights of every month share evenly.
const MONTH: i64 = 377_580;

/// Measures dates by a contract's conventions; parts are counts of 1/[`Meter::unit`] of a year.
///
/// Whole months of a 30-day basis count 30 each and a part of one its share of that month's actual nights: 17 of 31
/// nights of January count 17/31 of a twelfth of a year. On an actual basis every night counts one day of its year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meter {
    month: MonthBasis,
    year: YearBasis,
    /// Day of month on which nominal months begin.
    anchor: u8,
}

impl Meter {
    /// Nominal periods are months of a twelfth, weeks of a fifty-second part or days of the contract's year.
    pub fn of(contract: &Contract) -> Self {
        let conventions = &contract.conventions;
        let (month, year) = match (conventions.accrual, conventions.frequency.unit) {
            (Accrual::Nominal, FrequencyUnit::Months) => (MonthBasis::Thirty, YearBasis::Days360),
            (Accrual::Nominal, FrequencyUnit::Weeks) => (MonthBasis::Actual, YearBasis::Days364),
            (Accrual::Daily, FrequencyUnit::Months) => {
                (conventions.day_count.month, conventions.day_count.year)
            }
            (_, FrequencyUnit::Days | FrequencyUnit::Weeks) => {
                (MonthBasis::Actual, conventions.day_count.year)
            }
        };
        Self { month, year, anchor: contract.anchor_day() }
    }

    /// The same with nominal months that begin on another day.
    pub fn anchored(self, anchor: u8) -> Self {
        Self { anchor, ..self }
    }

    /// The same with nominal months that begin where a period does: on the contract's anchor day, or on the period's own
    /// where it was moved.
    pub fn beginning(self, from: Date) -> Self {
        let day = i64::from(from.day());
        if self.month == MonthBasis::Actual || self.clamp_to_month(from) == day {
            self
        } else {
            self.anchored(u8::try_from(day).unwrap_or(1))
        }
    }

    /// Parts that make a year.
    pub fn unit(self) -> i64 {
        let year = match self.year {
            YearBasis::Days360 => 360,
            YearBasis::Days364 => 364,
            YearBasis::Days365 => 365,
            YearBasis::Actual => 365 * 366,
        };
        match self.month {
            MonthBasis::Actual => year,
            MonthBasis::Thirty => year * (MONTH / 30),
        }
    }

    /// Parts from `from` to `to`; zero where `to` isn't later.
    pub fn part(self, from: Date, to: Date) -> Result<i64, LoanError> {
        if to <= from {
            return Ok(0);
        }
        match (self.month, self.year) {
            (MonthBasis::Actual, YearBasis::Actual) => Ok(actual_nights(from, to)),
            (MonthBasis::Actual, _) => Ok(calendar::days_between(from, to)),
            (MonthBasis::Thirty, YearBasis::Actual) => self.thirty_of_actual_years(from, to),
            (MonthBasis::Thirty, _) => {
                let (first, last) = (self.position(from)?, self.position(to)?);
                last.checked_sub(first).ok_or_else(|| ArithmeticError::Overflow.into())
            }
        }
    }

    /// Weight of all nominal months up to `date`, counted from year 0.
    fn position(self, date: Date) -> Result<i64, LoanError> {
        let index = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
        let start = self.clamp_to_month(date);
        let day = i64::from(date.day());
        if day == start {
            return Ok(index * MONTH);
        }
        if day > start {
            let length = i64::from(date.days_in_month()) - start + self.clamp_to_month(next_month(date)?);
            return Ok(index * MONTH + (day - start) * MONTH / length);
        }
        let before = date.first_of_month().yesterday().map_err(|_| LoanError::DateOutOfRange { date })?;
        let begun = self.clamp_to_month(before);
        let rest = i64::from(before.days_in_month()) - begun;
        Ok((index - 1) * MONTH + (rest + day) * MONTH / (rest + start))
    }

    /// The anchor day in the month of `date`.
    fn clamp_to_month(self, date: Date) -> i64 {
        i64::from(self.anchor).clamp(1, i64::from(date.days_in_month()))
    }

    /// A whole month counts 30 days of the year that it begins in.
    fn thirty_of_actual_years(self, from: Date, to: Date) -> Result<i64, LoanError> {
        let mut parts = 0_i64;
        let mut start = from;
        while start < to {
            let end = self.next_month_begin(start)?.min(to);
            let weight = self.position(end)? - self.position(start)?;
            parts = weight
                .checked_mul(other_year_length(self.month_begin(start)?))
                .and_then(|weighted| parts.checked_add(weighted))
                .ok_or(ArithmeticError::Overflow)?;
            start = end;
        }
        Ok(parts)
    }

    fn month_begin(self, date: Date) -> Result<Date, LoanError> {
        let same = calendar::month_after(self.anchor, date, 0)?;
        if same <= date { Ok(same) } else { calendar::month_after(self.anchor, date, -1) }
    }

    fn next_month_begin(self, date: Date) -> Result<Date, LoanError> {
        let same = calendar::month_after(self.anchor, date, 0)?;
        if same > date { Ok(same) } else { calendar::month_after(self.anchor, date, 1) }
    }
}

fn next_month(date: Date) -> Result<Date, LoanError> {
    date.last_of_month().tomorrow().map_err(|_| LoanError::DateOutOfRange { date })
}

/// Nights in parts of 1/(365 × 366) of a year; day d carries the night before it, so a period is split at 31 December.
fn actual_nights(from: Date, to: Date) -> i64 {
    let mut parts = 0;
    let mut start = from;
    while start < to {
        let end = if start.month() == 12 && start.day() == 31 {
            next_year_end(start).min(to)
        } else {
            start.last_of_year().min(to)
        };
        let nights = calendar::days_between(start, end);
        parts += nights * other_year_length(end);
        start = end;
    }
    parts
}

fn next_year_end(date: Date) -> Date {
    date.tomorrow().map_or(Date::MAX, |first| first.last_of_year())
}

/// 366 parts a night in a year of 365 nights and the other way round.
fn other_year_length(date: Date) -> i64 {
    if date.in_leap_year() { 365 } else { 366 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(month: MonthBasis, year: YearBasis, anchor: u8) -> Meter {
        Meter { month, year, anchor }
    }

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn parts_of_a_year_are_exact() {
        use MonthBasis::{Actual as Nights, Thirty};
        use YearBasis::{Actual, Days360, Days364, Days365};
        let table = [
            (meter(Thirty, Days360, 1), "2024-01-01", "2024-02-01", (1, 12)),
            (meter(Thirty, Days360, 1), "2024-01-15", "2024-02-01", (17, 31 * 12)),
            (meter(Thirty, Days360, 1), "2024-02-01", "2024-02-29", (28, 29 * 12)),
            (meter(Thirty, Days360, 15), "2024-01-15", "2025-01-15", (1, 1)),
            (meter(Thirty, Days360, 31), "2024-01-31", "2024-02-29", (1, 12)),
            (meter(Thirty, Days360, 31), "2024-02-29", "2024-03-31", (1, 12)),
            (meter(Thirty, Days360, 31), "2024-02-29", "2024-03-15", (15, 31 * 12)),
            (meter(Thirty, Days365, 1), "2024-01-01", "2024-02-01", (30, 365)),
            (meter(Thirty, Actual, 1), "2024-01-01", "2024-02-01", (30, 366)),
            (meter(Nights, Days360, 1), "2024-01-01", "2024-02-01", (31, 360)),
            (meter(Nights, Days364, 1), "2024-01-01", "2024-01-08", (7, 364)),
            (meter(Nights, Days365, 1), "2024-02-01", "2024-03-01", (29, 365)),
            (meter(Nights, Actual, 12), "2024-02-12", "2024-03-12", (29, 366)),
            (meter(Nights, Actual, 1), "2023-12-31", "2024-12-31", (1, 1)),
        ];
        for (meter, from, to, (numerator, denominator)) in table {
            let part = meter.part(date(from), date(to)).unwrap();
            assert_eq!(part * denominator, numerator * meter.unit(), "{meter:?} {from} to {to}");
        }
    }

    #[test]
    fn a_period_over_new_year_is_split_at_31_december() {
        let meter = meter(MonthBasis::Actual, YearBasis::Actual, 12);
        let part = meter.part(date("2023-12-12"), date("2024-01-12")).unwrap();
        assert_eq!(part, 19 * 366 + 12 * 365);
        assert_eq!(meter.part(date("2024-01-12"), date("2023-12-12")).unwrap(), 0);
    }

    #[test]
    fn parts_add_up_wherever_a_period_is_cut() {
        for month in [MonthBasis::Thirty, MonthBasis::Actual] {
            for year in [YearBasis::Days360, YearBasis::Days364, YearBasis::Days365, YearBasis::Actual] {
                let meter = meter(month, year, 31);
                let (from, to) = (date("2023-11-30"), date("2024-03-31"));
                let whole = meter.part(from, to).unwrap();
                let mut cut = from;
                while cut <= to {
                    let sum = meter.part(from, cut).unwrap() + meter.part(cut, to).unwrap();
                    assert_eq!(sum, whole, "{month:?} {year:?} {cut}");
                    cut = cut.tomorrow().unwrap();
                }
            }
        }
    }
}
