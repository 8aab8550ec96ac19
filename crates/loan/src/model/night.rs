//! Runs of days, and the nights that they carry.

use crate::calendar::{self, Date};

/// Runs of days, both ends included; kept disjoint and in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Days(Vec<(Date, Date)>);

impl Days {
    /// Adds the days `from` to `to`; runs that overlap or enclose each other become one.
    pub fn push(&mut self, from: Date, to: Date) {
        if from > to {
            return;
        }
        self.0.push((from, to));
        self.0.sort_unstable();
        let mut runs: Vec<(Date, Date)> = Vec::with_capacity(self.0.len());
        for (from, to) in self.0.drain(..) {
            match runs.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => runs.push((from, to)),
            }
        }
        self.0 = runs;
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn runs(&self) -> &[(Date, Date)] {
        &self.0
    }

    pub fn contains(&self, day: Date) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&day))
    }

    /// How many of the nights after `from` up to `to` these days carry. Day d carries the night from d − 1 to d.
    pub fn nights(&self, from: Date, to: Date) -> i64 {
        self.0
            .iter()
            .map(|(first, last)| {
                let start = (*first).max(from.tomorrow().unwrap_or(from));
                let end = (*last).min(to);
                (calendar::days_between(start, end) + 1).max(0)
            })
            .sum()
    }

    /// Nights after `from` up to `to` that these days don't carry.
    pub fn other_nights(&self, from: Date, to: Date) -> i64 {
        calendar::days_between(from, to) - self.nights(from, to)
    }
}
