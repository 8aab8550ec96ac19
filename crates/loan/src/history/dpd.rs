//! Days past due over time, as runs of days.

use serde::{Deserialize, Serialize};

use crate::calendar::{self, Date};
use crate::state::{Spell, Standing, State};

/// Days in a row whose days past due follow one rule: 0 on all of them, or `dpd` on `from` and one more each day.
///
/// For example an instalment of 2026-02-15 paid on 03-03 gives from 02-16 to 03-02 with dpd 1: 1, 2, … 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DpdRun {
    pub from: Date,
    /// Last day, included.
    pub to: Date,
    /// `dpd.current` on `from`.
    pub dpd: u32,
}

impl DpdRun {
    /// Days past due on a day of the run; `None` outside it.
    pub fn on(&self, day: Date) -> Option<u32> {
        (self.from <= day && day <= self.to).then(|| self.at(day))
    }

    /// The most days past due of the run: those of its last day.
    pub fn worst(&self) -> u32 {
        self.at(self.to)
    }

    /// Each day with its days past due.
    pub fn days(&self) -> impl Iterator<Item = (Date, u32)> + use<> {
        let run = *self;
        let next = move |day: &Date| day.tomorrow().ok().filter(|day| *day <= run.to);
        std::iter::successors(Some(run.from), next).map(move |day| (day, run.at(day)))
    }

    fn at(&self, day: Date) -> u32 {
        if self.dpd == 0 { 0 } else { self.dpd.saturating_add(days(self.from, day)) }
    }
}

impl State {
    /// `dpd.current` at the end of `day`; 0 before interest runs. For days after `as_of`: if nothing more were paid.
    ///
    /// Relief that was undone counts as if it had never been: it is what would stand today.
    pub fn dpd_on(&self, day: Date) -> u32 {
        let next = self.standings.partition_point(|standing| standing.from <= day);
        let standing = next.checked_sub(1).and_then(|index| self.standings.get(index));
        standing.and_then(|standing| standing.oldest_unpaid_due).map_or(0, |due| days(due, day))
    }

    /// Days past due of each day from `from` to `to`, both included, as runs that touch; none where `to` is earlier.
    pub fn dpd_days(&self, from: Date, to: Date) -> Vec<DpdRun> {
        runs(&self.standings, from, to)
    }

    /// Runs of arrears up to `as_of`, oldest first.
    pub fn spells(&self) -> Vec<Spell> {
        spells(&runs(&self.standings, self.interest_from, self.as_of), self.as_of)
    }
}

/// The standings read day by day from `from` to `to`, without walking the days.
pub(super) fn runs(standings: &[Standing], from: Date, to: Date) -> Vec<DpdRun> {
    let mut runs = Runs(Vec::with_capacity(standings.len() * 2 + 1));
    let first_known = standings.first().map(|first| first.from);
    runs.current(from, first_known.map_or(to, |known| before(known).min(to)));
    let ends = standings.iter().skip(1).map(|next| before(next.from)).chain([to]);
    for (standing, end) in standings.iter().zip(ends) {
        let (first, last) = (standing.from.max(from), end.min(to));
        match standing.oldest_unpaid_due {
            Some(due) if due < first => runs.late(first, last, due),
            Some(due) if due < last => {
                runs.current(first, due);
                runs.late(after(due), last, due);
            }
            _ => runs.current(first, last),
        }
    }
    runs.0
}

/// Runs in the making; a run that would end before it starts is left out.
struct Runs(Vec<DpdRun>);

impl Runs {
    fn current(&mut self, from: Date, to: Date) {
        if from > to {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.dpd == 0 => last.to = to,
            _ => self.0.push(DpdRun { from, to, dpd: 0 }),
        }
    }

    fn late(&mut self, from: Date, to: Date, due: Date) {
        if from <= to {
            self.0.push(DpdRun { from, to, dpd: days(due, from) });
        }
    }
}

/// Maximal runs of days past due; the last one is open where it still lasts on `as_of`.
pub(super) fn spells(runs: &[DpdRun], as_of: Date) -> Vec<Spell> {
    let mut spells: Vec<Spell> = Vec::new();
    let mut lasting = false;
    for run in runs {
        let late = run.dpd > 0;
        let to = (run.to < as_of).then(|| after(run.to));
        match spells.last_mut().filter(|_| lasting && late) {
            Some(spell) => {
                spell.longest = spell.longest.max(run.worst());
                spell.to = to;
            }
            None if late => spells.push(Spell { from: run.from, to, longest: run.worst() }),
            None => {}
        }
        lasting = late;
    }
    spells
}

fn days(from: Date, to: Date) -> u32 {
    u32::try_from(calendar::days_between(from, to)).unwrap_or(0)
}

// At either end of the calendar the day itself: no loan reaches there.
fn before(day: Date) -> Date {
    day.yesterday().unwrap_or(day)
}

fn after(day: Date) -> Date {
    day.tomorrow().unwrap_or(day)
}
