use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::window::{add_days, next_open, out_of_range};
use crate::{ContactError, ContactRules};

/// When to remind of a payment: the opening of the window on each day of the ladder, ascending, one a rung. Payment
/// stops the rest; the caller cancels them.
pub fn reminder_times(
    due: Date,
    zone: &TimeZone,
    rules: &ContactRules,
) -> Result<Vec<Timestamp>, ContactError> {
    let mut times = Vec::with_capacity(rules.reminder_days.len());
    for &offset in &rules.reminder_days {
        let day = add_days(due, i64::from(offset), Timestamp::UNIX_EPOCH)?;
        let start =
            day.to_zoned_datetime(zone.clone()).map_err(|_| out_of_range(Timestamp::UNIX_EPOCH))?.timestamp();
        times.push(next_open(start, zone, rules)?);
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rung_is_the_opening_of_its_day() {
        let rules = ContactRules {
            first_hour: 8,
            last_hour: 22,
            max_attempts: 6,
            period_days: 1,
            reminder_days: vec![-7, -3, -1, 0, 1, 3],
        };
        let rows = [
            (
                "Asia/Shanghai",
                "2026-08-15",
                [
                    "2026-08-08T00:00:00Z",
                    "2026-08-12T00:00:00Z",
                    "2026-08-14T00:00:00Z",
                    "2026-08-15T00:00:00Z",
                ],
            ),
            // The clock goes forward on 8 March: from then on eight o'clock comes an hour earlier in UTC.
            (
                "America/New_York",
                "2026-03-10",
                [
                    "2026-03-03T13:00:00Z",
                    "2026-03-07T13:00:00Z",
                    "2026-03-09T12:00:00Z",
                    "2026-03-10T12:00:00Z",
                ],
            ),
        ];
        for (zone, due, expected) in rows {
            let times = reminder_times(due.parse().unwrap(), &TimeZone::get(zone).unwrap(), &rules).unwrap();
            let shown: Vec<String> = times.iter().map(ToString::to_string).collect();
            assert_eq!(shown[..4], expected, "{zone}");
            assert_eq!(shown.len(), 6, "{zone}");
        }
    }
}
