//! The one question: now, later, or not at all.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::window::{add_days, next_open, opening, out_of_range};
use crate::{ContactError, ContactRules, Message, Stop};

/// What the rules need to know of a borrower.
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a> {
    /// The borrower's zone.
    pub zone: &'a TimeZone,
    /// What is on record against contact.
    pub stops: &'a [Stop],
    /// Attempts reserved or made at this contact point, in any order; older ones than the cap's period don't matter.
    pub attempts: &'a [Timestamp],
}

/// What may happen with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Deliver now.
    Deliver,
    /// Ask again then; always after now and inside the window.
    DeferUntil(Timestamp),
    /// Not while this is on record.
    Suppressed(Stop),
}

/// Whether a message may be delivered at `now`, and if not, when.
///
/// Outside hours, or beyond the frequency cap, a message is deferred to the next allowed minute, never dropped. The
/// cap counts calendar days in the borrower's zone: at most `max_attempts` in any `period_days` days in a row.
pub fn next_allowed(
    message: &Message,
    recipient: &Recipient<'_>,
    rules: &ContactRules,
    now: Timestamp,
) -> Result<Decision, ContactError> {
    if let Some(stop) = message.stopped_by(recipient.stops) {
        return Ok(Decision::Suppressed(stop));
    }
    let mut at = now;
    if message.counts_as_attempt() {
        at = under_cap(recipient, rules, now)?;
    }
    if message.keeps_hours() {
        at = next_open(at, recipient.zone, rules)?;
    }
    Ok(if at <= now { Decision::Deliver } else { Decision::DeferUntil(at) })
}

/// `now` where the cap leaves room today, else the opening of the first day on which it does.
fn under_cap(
    recipient: &Recipient<'_>,
    rules: &ContactRules,
    now: Timestamp,
) -> Result<Timestamp, ContactError> {
    let local_day = |at: Timestamp| at.to_zoned_datetime(recipient.zone.clone()).date();
    let Some(free) = first_free_day(recipient.attempts.iter().map(|at| local_day(*at)), rules, now)? else {
        return Ok(now);
    };
    if free <= local_day(now) {
        return Ok(now);
    }
    // A day that the zone leaps over has no window; the search then goes on from the leap.
    match opening(free, recipient.zone, rules, now)? {
        Some(opening) => Ok(opening),
        None => Ok(free
            .to_zoned_datetime(recipient.zone.clone())
            .map_err(|_| out_of_range(now))?
            .timestamp()
            .max(now)),
    }
}

/// A day has room when fewer than `max_attempts` attempts lie less than `period_days` before it. That count only
/// falls from day to day, so the first such day is `period_days` after the `max_attempts`-th newest attempt.
fn first_free_day(
    attempts: impl Iterator<Item = Date>,
    rules: &ContactRules,
    now: Timestamp,
) -> Result<Option<Date>, ContactError> {
    let mut days: Vec<Date> = attempts.collect();
    days.sort_unstable_by(|a, b| b.cmp(a));
    let nth = usize::try_from(rules.max_attempts).unwrap_or(usize::MAX).saturating_sub(1);
    match days.get(nth) {
        Some(day) => add_days(*day, i64::from(rules.period_days), now).map(Some),
        None => Ok(None),
    }
}
