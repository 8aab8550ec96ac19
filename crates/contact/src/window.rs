//! Hours of a day in the borrower's zone, also on days that lose or repeat an hour.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::{ContactError, ContactRules};

/// Days after which the search gives up. A window of one hour can vanish on the day a zone leaps over it, and a
/// zone can leap over a whole day; never over a week.
const MAX_DAYS_SEARCHED: i64 = 8;

/// Whether the moment's local hour lies in the window.
pub fn is_open(at: Timestamp, zone: &TimeZone, rules: &ContactRules) -> bool {
    let hour = i16::from(at.to_zoned_datetime(zone.clone()).hour());
    (i16::from(rules.first_hour)..i16::from(rules.last_hour)).contains(&hour)
}

/// `from` itself where the window is open, else the first minute in which it next is.
pub(crate) fn next_open(
    from: Timestamp,
    zone: &TimeZone,
    rules: &ContactRules,
) -> Result<Timestamp, ContactError> {
    if is_open(from, zone, rules) {
        return Ok(from);
    }
    let today = from.to_zoned_datetime(zone.clone()).date();
    for days in 0..MAX_DAYS_SEARCHED {
        let day = add_days(today, days, from)?;
        if let Some(opening) = opening(day, zone, rules, from)? {
            return Ok(opening);
        }
    }
    Err(ContactError::WindowEmpty)
}

/// First moment of the day's window, if it has one at or after `from`.
pub(crate) fn opening(
    day: Date,
    zone: &TimeZone,
    rules: &ContactRules,
    from: Timestamp,
) -> Result<Option<Timestamp>, ContactError> {
    let hour = i8::try_from(rules.first_hour).unwrap_or(i8::MAX);
    if hour > 23 {
        return Err(ContactError::WindowEmpty);
    }
    let out_of_range = |_| out_of_range(from);
    let local = zone.to_ambiguous_zoned_datetime(day.at(hour, 0, 0, 0));
    // An hour that the clock leaps over opens when the leap is done; one that it repeats opens the first time, or
    // the second if the first is gone.
    let first = local.clone().compatible().map_err(out_of_range)?.timestamp();
    let opening = if first >= from { first } else { local.later().map_err(out_of_range)?.timestamp() };
    Ok((opening >= from && is_open(opening, zone, rules)).then_some(opening))
}

pub(crate) fn add_days(day: Date, days: i64, from: Timestamp) -> Result<Date, ContactError> {
    day.checked_add(days.days()).map_err(|_| out_of_range(from))
}

pub(crate) fn out_of_range(after: Timestamp) -> ContactError {
    ContactError::OutOfRange { after: after.to_string() }
}
