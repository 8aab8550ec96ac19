use serde::{Deserialize, Serialize};

/// Most attempts that a cap may allow in its period.
pub const MAX_ATTEMPTS: u32 = 100;
/// Longest period of a cap, days.
pub const MAX_PERIOD_DAYS: u32 = 90;
/// Furthest reminder before or after a due date, days.
pub const MAX_REMINDER_DAYS: i32 = 60;

/// A pack's rules of contact. Hours are whole hours of the borrower's own zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactRules {
    /// First hour in which a message may be sent, 0 to 23.
    pub first_hour: u8,
    /// Hour from which none may be sent, above `first_hour`, at most 24.
    pub last_hour: u8,
    /// At most this many attempts in a period, 1 to [`MAX_ATTEMPTS`].
    pub max_attempts: u32,
    /// Length of the period in calendar days, the present one included, 1 to [`MAX_PERIOD_DAYS`].
    pub period_days: u32,
    /// Reminder days relative to the due date, ascending; negative is before.
    pub reminder_days: Vec<i32>,
}

/// Why rules can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// The window is empty or leaves the day.
    #[error("contact hours `{first_hour}` to `{last_hour}` are not a window of a day")]
    Hours { first_hour: u8, last_hour: u8 },
    /// The cap allows nothing or more than can be counted.
    #[error("at most `{max_attempts}` attempts in `{period_days}` days is not a usable cap")]
    Cap { max_attempts: u32, period_days: u32 },
    /// The ladder has a doubled, unordered or far day.
    #[error("reminder day `{day}` is out of order or further than 60 days away")]
    ReminderDay { day: i32 },
}

impl ContactRules {
    /// Refuses an empty window, an unusable cap and a ladder out of order.
    pub fn check(&self) -> Result<(), RulesError> {
        let Self { first_hour, last_hour, max_attempts, period_days, .. } = *self;
        if first_hour >= last_hour || last_hour > 24 {
            return Err(RulesError::Hours { first_hour, last_hour });
        }
        if !(1..=MAX_ATTEMPTS).contains(&max_attempts) || !(1..=MAX_PERIOD_DAYS).contains(&period_days) {
            return Err(RulesError::Cap { max_attempts, period_days });
        }
        let mut before = None;
        for &day in &self.reminder_days {
            let ordered = before.is_none_or(|before| before < day);
            if !ordered || !(-MAX_REMINDER_DAYS..=MAX_REMINDER_DAYS).contains(&day) {
                return Err(RulesError::ReminderDay { day });
            }
            before = Some(day);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_can_not_be_applied() {
        let good = ContactRules {
            first_hour: 8,
            last_hour: 22,
            max_attempts: 6,
            period_days: 1,
            reminder_days: vec![-7, -3, -1, 0, 1, 3],
        };
        let hours = |first_hour, last_hour| ContactRules { first_hour, last_hour, ..good.clone() };
        let cap = |max_attempts, period_days| ContactRules { max_attempts, period_days, ..good.clone() };
        let ladder = |days: &[i32]| ContactRules { reminder_days: days.to_vec(), ..good.clone() };
        let rows = [
            (good.clone(), true),
            (hours(0, 24), true),
            (hours(23, 24), true),
            (hours(8, 8), false),
            (hours(22, 8), false),
            (hours(0, 25), false),
            (cap(1, 1), true),
            (cap(0, 1), false),
            (cap(1, 0), false),
            (cap(101, 1), false),
            (cap(1, 91), false),
            (ladder(&[]), true),
            (ladder(&[-1, -1]), false),
            (ladder(&[1, 0]), false),
            (ladder(&[-61]), false),
            (ladder(&[60]), true),
        ];
        for (rules, usable) in rows {
            assert_eq!(rules.check().is_ok(), usable, "{rules:?}");
        }
    }
}
