//! A statement of affairs, told on one day and read on another.

use assessment::{MonthlyAmount, StatementOfAffairs};
use loan::Date;

use crate::application::Hardship;

impl Hardship {
    /// The statement as it reads on a later day: months that have passed are gone, the rest moves up.
    pub fn statement_on(&self, day: Date) -> StatementOfAffairs {
        let passed = months_between(self.stated_on, day);
        let moved =
            |entries: &[MonthlyAmount]| entries.iter().filter_map(|entry| moved_up(*entry, passed)).collect();
        StatementOfAffairs {
            declared_income: moved(&self.statement.declared_income),
            verified_income: moved(&self.statement.verified_income),
            essentials: moved(&self.statement.essentials),
            ..self.statement.clone()
        }
    }

    /// Amounts told on a later day, counted from the month of the statement.
    pub fn as_stated(&self, told: &[MonthlyAmount], on: Date) -> Vec<MonthlyAmount> {
        let passed = months_between(self.stated_on, on);
        let back = |entry: &MonthlyAmount| MonthlyAmount { from_month: entry.from_month + passed, ..*entry };
        told.iter().map(back).collect()
    }
}

/// An entry after some months; `None` once its months are over. 0 months means for good.
fn moved_up(entry: MonthlyAmount, passed: u32) -> Option<MonthlyAmount> {
    let begun = passed.saturating_sub(entry.from_month);
    if entry.months > 0 && begun >= entry.months {
        return None;
    }
    let months = if entry.months == 0 { 0 } else { entry.months - begun };
    Some(MonthlyAmount { from_month: entry.from_month.saturating_sub(passed), months, ..entry })
}

/// Calendar months from one day's month to another's; 0 backwards.
fn months_between(from: Date, to: Date) -> u32 {
    let index = |day: Date| i32::from(day.year()) * 12 + i32::from(day.month());
    u32::try_from(index(to) - index(from)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use loan::Amount;

    #[test]
    fn entries_move_up_and_end() {
        let entry = |from_month, months| MonthlyAmount { amount: Amount::new(1), from_month, months };
        let rows = [
            (entry(0, 0), 0, Some(entry(0, 0))),
            (entry(0, 0), 5, Some(entry(0, 0))),
            (entry(0, 3), 1, Some(entry(0, 2))),
            (entry(0, 3), 2, Some(entry(0, 1))),
            (entry(0, 3), 3, None),
            (entry(3, 0), 1, Some(entry(2, 0))),
            (entry(3, 0), 4, Some(entry(0, 0))),
            (entry(2, 2), 1, Some(entry(1, 2))),
            (entry(2, 2), 3, Some(entry(0, 1))),
            (entry(2, 2), 4, None),
        ];
        for (told, passed, expected) in rows {
            assert_eq!(moved_up(told, passed), expected, "{told:?} after {passed}");
        }
    }

    #[test]
    fn months_are_calendar_months() {
        let rows = [
            ((2026, 7, 30), (2026, 8, 2), 1),
            ((2026, 7, 1), (2026, 7, 31), 0),
            ((2026, 11, 15), (2027, 2, 1), 3),
        ];
        for ((y, m, d), (ty, tm, td), expected) in rows {
            assert_eq!(months_between(date(y, m, d), date(ty, tm, td)), expected);
        }
        assert_eq!(months_between(date(2026, 8, 1), date(2026, 7, 1)), 0);
    }
}
