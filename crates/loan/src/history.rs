//! How a loan was paid so far, as rules look at it: computed from due and paid dates (definitions: domain section 2).

mod dpd;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::calendar::{self, Date};
use crate::error::LoanError;
use crate::money::Ratio;
use crate::schedule;
use crate::state::{Bucket, Spell, Standing, State};

pub use dpd::DpdRun;

/// A run of arrears counts as an episode if it lasts more days than this (domain section 2).
pub const EPISODE_MORE_THAN_DAYS: i64 = 3;

/// Months that [`History::late_months_6m`] looks back.
pub const LATE_MONTHS_WINDOW: u32 = 6;

/// Payment history on one day, `as_of`.
///
/// Worked line: interest from 2026-01-31, due 02-28, 03-31, 04-30 and 05-31, the first paid on 03-03 (3 days late), the
/// second on 04-05 (5 days late), the others unpaid on 06-01. The first run of arrears is no episode, the second is one,
/// the third (05-01 to 06-01, 32 days past due) is one: 2 episodes, longest 32, worst bucket M2; none of 4 paid on time;
/// no first-payment default; of 4 months on book 3 were at worst in M1 and the last one in M2. Their worst days, newest
/// first, are 32, 4, 1 (04-01) and 2 (03-02) days past due: 2 late months.
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
    /// Months on book by the bucket of their worst day.
    pub months_in_bucket: MonthsInBucket,
    /// Late months of the last six: months, counted back as [`MonthsInBucket`] counts them, whose worst day was more than
    /// [`EPISODE_MORE_THAN_DAYS`] days past due. Of a loan with fewer months on book, only those; 0 before the first is full.
    pub late_months_6m: u32,
}

/// Months on book by the bucket of their worst day; together `months_on_book`.
///
/// Months are counted back from `as_of`: the newest has the days after `as_of` − 1 month up to and including `as_of`, and
/// so on. Days left over at the start belong to the oldest month, so that no day is lost. For example interest from
/// 2026-01-15 on 2026-04-20: 03-21 to 04-20, 02-21 to 03-20, and 01-15 to 02-20.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MonthsInBucket {
    pub m0: u32,
    pub m1: u32,
    pub m2: u32,
    pub m3: u32,
    pub m4_plus: u32,
}

impl MonthsInBucket {
    pub fn get(&self, bucket: Bucket) -> u32 {
        match bucket {
            Bucket::M0 => self.m0,
            Bucket::M1 => self.m1,
            Bucket::M2 => self.m2,
            Bucket::M3 => self.m3,
            Bucket::M4Plus => self.m4_plus,
        }
    }

    fn count(&mut self, bucket: Bucket) {
        let months = match bucket {
            Bucket::M0 => &mut self.m0,
            Bucket::M1 => &mut self.m1,
            Bucket::M2 => &mut self.m2,
            Bucket::M3 => &mut self.m3,
            Bucket::M4Plus => &mut self.m4_plus,
        };
        *months = months.saturating_add(1);
    }
}

/// An instalment by its dates alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DuePaid {
    pub due: Date,
    /// The day on which it was paid in full; later days than the history's own count as not yet.
    pub paid_on: Option<Date>,
}

/// History of a loan of which only the dates are known, in any order: the same figures as [`State::history`].
/// Refuses dates before `interest_from`.
pub fn from_dates(interest_from: Date, instalments: &[DuePaid], as_of: Date) -> Result<History, LoanError> {
    let dates = instalments.iter().flat_map(|row| [Some(row.due), row.paid_on]).flatten();
    if let Some(date) = dates.min().filter(|date| *date < interest_from) {
        return Err(LoanError::EventBeforeLoan { date, interest_from });
    }
    let mut rows: Vec<Instalment> = instalments
        .iter()
        .map(|row| {
            let paid_on = row.paid_on.filter(|paid_on| *paid_on <= as_of);
            Instalment { due: row.due, open: paid_on.is_none(), paid_on, empty: false }
        })
        .collect();
    rows.sort_by_key(|row| row.due);
    let standings = standings(interest_from, &rows);
    history(interest_from, &standings, &rows, as_of)
}

impl State {
    /// History with windows that end on `as_of`, which shouldn't lie after the state's own day.
    pub fn history(&self, as_of: Date) -> Result<History, LoanError> {
        let mut rows = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            rows.push(Instalment {
                due: row.row.due,
                open: row.is_open()?,
                paid_on: row.paid_on,
                empty: row.row.total()?.is_zero(),
            });
        }
        history(self.interest_from, &self.standings, &rows, as_of)
    }
}

/// What became of an instalment.
struct Instalment {
    due: Date,
    open: bool,
    paid_on: Option<Date>,
    /// Relief took everything out of it.
    empty: bool,
}

/// The oldest unpaid due date over time: a row is it from the day on which all rows due before it are paid.
fn standings(interest_from: Date, by_due: &[Instalment]) -> Vec<Standing> {
    let mut standings: Vec<Standing> = Vec::with_capacity(by_due.len() + 1);
    let mut earlier_paid = interest_from;
    let mut note = |from: Date, oldest_unpaid_due: Option<Date>| match standings.last_mut() {
        Some(last) if last.oldest_unpaid_due == oldest_unpaid_due => {}
        // Paid on one day: only its end counts.
        Some(last) if last.from == from => last.oldest_unpaid_due = oldest_unpaid_due,
        _ => standings.push(Standing { from, oldest_unpaid_due }),
    };
    for row in by_due {
        note(earlier_paid, Some(row.due));
        match row.paid_on {
            Some(paid_on) => earlier_paid = earlier_paid.max(paid_on),
            None => return standings,
        }
    }
    note(earlier_paid, None);
    standings
}

fn history(
    interest_from: Date,
    standings: &[Standing],
    rows: &[Instalment],
    as_of: Date,
) -> Result<History, LoanError> {
    let year_ago = months_before(as_of, 12)?;
    let two_years_ago = months_before(as_of, 24)?;
    let runs = dpd::runs(standings, interest_from, as_of);
    let spells = dpd::spells(&runs, as_of);
    let episodes = spells
        .iter()
        .filter(|spell| touches(spell, two_years_ago))
        .filter(|spell| lasted_days(spell, as_of) > EPISODE_MORE_THAN_DAYS)
        .count();
    let worst = spells.iter().filter(|spell| touches(spell, year_ago)).map(|spell| spell.longest).max();
    let months_on_book = calendar::months_on_book(interest_from, as_of);
    let (months_in_bucket, late_months_6m) = months(&runs, months_on_book, as_of)?;
    Ok(History {
        months_on_book,
        episodes_24m: u32::try_from(episodes).unwrap_or(u32::MAX),
        worst_bucket_12m: Bucket::of(worst.unwrap_or(0)),
        first_payment_default: rows.first().is_some_and(|first| first_payment_default(first, as_of)),
        on_time_share: on_time_share(rows, as_of)?,
        longest_dpd: spells.iter().map(|spell| spell.longest).max().unwrap_or(0),
        months_in_bucket,
        late_months_6m,
    })
}

fn first_payment_default(first: &Instalment, as_of: Date) -> bool {
    let until = if first.open { Some(as_of) } else { first.paid_on };
    until.is_some_and(|until| calendar::days_between(first.due, until) > EPISODE_MORE_THAN_DAYS)
}

fn on_time_share(rows: &[Instalment], as_of: Date) -> Result<Option<Ratio>, LoanError> {
    let mut fallen_due = 0_u32;
    let mut on_time = 0_u32;
    for row in rows.iter().filter(|row| row.due <= as_of && !row.empty) {
        // An instalment due today and unpaid has neither been paid on time nor missed yet.
        if row.due == as_of && row.open {
            continue;
        }
        fallen_due += 1;
        on_time += u32::from(row.paid_on.is_some_and(|paid_on| paid_on <= row.due));
    }
    if fallen_due == 0 {
        return Ok(None);
    }
    let share = schedule::divide(Decimal::from(on_time), Decimal::from(fallen_due))?;
    Ok(Some(Ratio::from(share.round_dp(6))))
}

/// Months by their bucket, and the late ones of the newest six. Walks months and runs together from the newest back; a run
/// grows, so that its worst day in a month is its last there.
fn months(runs: &[DpdRun], months: u32, as_of: Date) -> Result<(MonthsInBucket, u32), LoanError> {
    let mut counted = MonthsInBucket::default();
    let mut late = 0;
    let mut runs = runs.iter().rev().peekable();
    let mut end = as_of;
    for month in 1..=months {
        let oldest = month == months;
        let start = months_before(as_of, i32::try_from(month).unwrap_or(i32::MAX))?;
        let mut worst = 0;
        while let Some(run) = runs.next_if(|run| oldest || run.from > start) {
            worst = worst.max(run.on(run.to.min(end)).unwrap_or(0));
        }
        // This run began before the month: part of it belongs to an older one.
        if let Some(run) = runs.peek() {
            worst = worst.max(run.on(run.to.min(end)).filter(|_| run.to > start).unwrap_or(0));
        }
        counted.count(Bucket::of(worst));
        late += u32::from(month <= LATE_MONTHS_WINDOW && i64::from(worst) > EPISODE_MORE_THAN_DAYS);
        end = start;
    }
    Ok((counted, late))
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
