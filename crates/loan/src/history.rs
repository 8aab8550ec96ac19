//! How a loan was paid so far, as rules look at it.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::calendar::{self, Date};
use crate::error::LoanError;
use crate::money::Ratio;
use crate::schedule;
use crate::state::{Bucket, Spell, State};

/// A run of arrears counts as an episode if it lasts more days than this (domain section 2).
pub const EPISODE_MORE_THAN_DAYS: i64 = 3;

/// Payment history on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    pub months_on_book: u32,
    /// Episodes that touch the last 24 months.
    pub episodes_24m: u32,
    /// Worst bucket of a run of arrears that touches the last 12 months.
    pub worst_bucket_12m: Bucket,
    /// The first instalment was still unpaid when an episode begins, three days after its due date.
    pub first_payment_default: bool,
    /// Instalments paid by their due date / instalments that fell due, 6 places; `None` before the first.
    pub on_time_share: Option<Ratio>,
    /// Highest `dpd.current` ever.
    pub longest_dpd: u32,
}

impl State {
    /// History with windows that end on `as_of`, which shouldn't lie after the state's own day.
    pub fn history(&self, as_of: Date) -> Result<History, LoanError> {
        let year_ago = months_before(as_of, 12)?;
        let two_years_ago = months_before(as_of, 24)?;
        let known = || self.spells.iter().filter(|spell| spell.from <= as_of);
        let episodes = known()
            .filter(|spell| touches(spell, two_years_ago))
            .filter(|spell| lasted_days(spell, as_of) > EPISODE_MORE_THAN_DAYS)
            .count();
        let worst = known().filter(|spell| touches(spell, year_ago)).map(|spell| spell.longest).max();
        Ok(History {
            months_on_book: calendar::months_on_book(self.interest_from, as_of),
            episodes_24m: u32::try_from(episodes).unwrap_or(u32::MAX),
            worst_bucket_12m: Bucket::of(worst.unwrap_or(0)),
            first_payment_default: self.first_payment_default(as_of)?,
            on_time_share: self.on_time_share(as_of)?,
            longest_dpd: known().map(|spell| spell.longest).max().unwrap_or(0),
        })
    }

    fn first_payment_default(&self, as_of: Date) -> Result<bool, LoanError> {
        let Some(first) = self.rows.first() else { return Ok(false) };
        let until = if first.is_open()? { Some(as_of) } else { first.paid_on };
        Ok(until.is_some_and(|until| calendar::days_between(first.row.due, until) > EPISODE_MORE_THAN_DAYS))
    }

    fn on_time_share(&self, as_of: Date) -> Result<Option<Ratio>, LoanError> {
        let mut fallen_due = 0_u32;
        let mut on_time = 0_u32;
        for row in self.rows.iter().filter(|row| row.row.due <= as_of) {
            if row.row.total()?.is_zero() {
                continue; // emptied by relief
            }
            // An instalment due today and unpaid has neither been paid on time nor missed yet.
            if row.row.due == as_of && row.is_open()? {
                continue;
            }
            fallen_due += 1;
            on_time += u32::from(row.paid_on.is_some_and(|paid_on| paid_on <= row.row.due));
        }
        if fallen_due == 0 {
            return Ok(None);
        }
        let share = schedule::divide(Decimal::from(on_time), Decimal::from(fallen_due))?;
        Ok(Some(Ratio::from(share.round_dp(6))))
    }
}

fn touches(spell: &Spell, since: Date) -> bool {
    spell.to.is_none_or(|to| to > since)
}

fn lasted_days(spell: &Spell, as_of: Date) -> i64 {
    match spell.to {
        Some(to) => calendar::days_between(spell.from, to),
        None => calendar::days_between(spell.from, as_of) + 1,
    }
}

fn months_before(date: Date, months: i32) -> Result<Date, LoanError> {
    calendar::month_after(u8::try_from(date.day()).unwrap_or(1), date, -months)
}
