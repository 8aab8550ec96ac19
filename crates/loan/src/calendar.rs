//! Due dates that keep their anchor day, and nominal 30/360 days.

use jiff::civil;

use crate::error::LoanError;

/// A civil date; loans know no time of day and no zone.
pub type Date = civil::Date;

/// The date `months` after the month of `from` on `anchor_day`, or on the month's last day where it is shorter.
/// An anchor of 31 gives 30 April and 28 February, then 31 again.
pub fn month_after(anchor_day: u8, from: Date, months: i32) -> Result<Date, LoanError> {
    let out_of_range = || LoanError::DateOutOfRange { date: from };
    let index = (i32::from(from.year()) * 12 + i32::from(from.month()) - 1)
        .checked_add(months)
        .ok_or_else(out_of_range)?;
    let year = i16::try_from(index.div_euclid(12)).map_err(|_| out_of_range())?;
    let month = i8::try_from(index.rem_euclid(12) + 1).map_err(|_| out_of_range())?;
    let first = Date::new(year, month, 1).map_err(|_| out_of_range())?;
    let day = i8::try_from(anchor_day).map_err(|_| out_of_range())?.clamp(1, first.days_in_month());
    Date::new(year, month, day).map_err(|_| out_of_range())
}

/// The date so many days after `from`; before it where negative.
pub fn days_after(from: Date, days: i32) -> Result<Date, LoanError> {
    from.checked_add(jiff::Span::new().try_days(days).map_err(|_| LoanError::DateOutOfRange { date: from })?)
        .map_err(|_| LoanError::DateOutOfRange { date: from })
}

/// Calendar days from `from` to `to`; negative where `to` is earlier.
pub fn days_between(from: Date, to: Date) -> i64 {
    // INVARIANT: dates span years -9999 to 9999, so days fit easily; jiff gives whole days for two dates.
    from.duration_until(to).as_hours() / 24
}

/// Days from `from` to `to` where each month counts 30 (30/360 bond basis, ISDA 2006 section 4.16(f)).
pub fn days_30_360(from: Date, to: Date) -> i64 {
    let first = i64::from(from.day()).min(30);
    let last = if first == 30 { i64::from(to.day()).min(30) } else { i64::from(to.day()) };
    let months = (i64::from(to.year()) - i64::from(from.year())) * 12 + i64::from(to.month())
        - i64::from(from.month());
    months * 30 + last - first
}

/// Whole months from the day on which interest runs to `on`; 0 before.
pub fn months_on_book(interest_from: Date, on: Date) -> u32 {
    let months = (i64::from(on.year()) - i64::from(interest_from.year())) * 12 + i64::from(on.month())
        - i64::from(interest_from.month());
    // A month is whole on the same day, or on the month's last day where that day doesn't exist.
    let whole = on.day() >= interest_from.day() || on == on.last_of_month();
    u32::try_from(if whole { months } else { months - 1 }).unwrap_or(0)
}

/// The next day.
pub fn next_day(date: Date) -> Result<Date, LoanError> {
    date.tomorrow().map_err(|_| LoanError::DateOutOfRange { date })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn due_dates_keep_their_anchor() {
        let table = [
            (31, "2026-01-31", 1, "2026-02-28"),
            (31, "2026-02-28", 1, "2026-03-31"),
            (31, "2026-03-31", 1, "2026-04-30"),
            (30, "2027-12-30", 2, "2028-02-29"),
            (15, "2026-07-15", 3, "2026-10-15"),
            (15, "2026-11-15", 3, "2027-02-15"),
            (31, "2026-03-31", -1, "2026-02-28"),
            (15, "2026-01-15", -13, "2024-12-15"),
        ];
        for (anchor, from, months, expected) in table {
            assert_eq!(month_after(anchor, date(from), months).unwrap(), date(expected), "{from} {months:+}");
        }
        assert!(month_after(1, date("9999-12-01"), 1).is_err());
        assert!(month_after(1, date("2026-01-01"), i32::MAX).is_err());
    }

    #[test]
    fn nominal_days() {
        let table = [
            ("2026-01-15", "2026-02-15", 30),
            ("2026-01-31", "2026-02-28", 28),
            ("2026-01-30", "2026-03-31", 60),
            ("2026-07-15", "2026-07-31", 16),
            ("2026-02-15", "2026-01-15", -30),
        ];
        for (from, to, days) in table {
            assert_eq!(days_30_360(date(from), date(to)), days, "{from} to {to}");
        }
    }

    #[test]
    fn months_on_book_are_whole() {
        let table = [
            ("2026-01-15", "2026-07-14", 5),
            ("2026-01-15", "2026-07-15", 6),
            ("2026-01-31", "2026-02-28", 1),
            ("2026-01-15", "2026-01-01", 0),
            ("2025-10-15", "2026-07-20", 9),
        ];
        for (from, on, months) in table {
            assert_eq!(months_on_book(date(from), date(on)), months, "{from} to {on}");
        }
    }
}
