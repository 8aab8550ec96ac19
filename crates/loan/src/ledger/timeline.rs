//! The events that count on a day, in the order of effect, and the days without penalty.

use std::collections::BTreeSet;

use crate::account::{Account, Event, EventKind};
use crate::calendar::{self, Date};

/// Events effective by a day, reversed payments left out.
pub(super) struct Timeline<'a> {
    pub events: Vec<&'a Event>,
    pub suspended: Days,
}

impl<'a> Timeline<'a> {
    pub fn of(account: &'a Account, as_of: Date) -> Self {
        let effective = || account.events.iter().filter(|event| event.effective <= as_of);
        let reversed: BTreeSet<&str> = effective()
            .filter_map(|event| match &event.kind {
                EventKind::PaymentReversed { payment_id } => Some(payment_id.as_str()),
                _ => None,
            })
            .collect();
        let mut events: Vec<&Event> = effective()
            .filter(|event| {
                !matches!(&event.kind, EventKind::Payment { id, .. } if reversed.contains(id.as_str()))
            })
            .collect();
        // Stable: events of one day and one moment keep the order of entry.
        events.sort_by_key(|event| (event.effective, event.entered));
        let mut suspended = Days::default();
        for event in &events {
            if let EventKind::PenaltySuspended { from, to } = &event.kind {
                suspended.push(*from, *to);
            }
        }
        Self { events, suspended }
    }

    /// The recorded end of a plan: its day and the last day on which it was kept.
    pub fn recorded_end(&self, plan: &str) -> Option<(Date, Option<Date>)> {
        self.events.iter().find_map(|event| match &event.kind {
            EventKind::ReliefUndone { id, kept_to } if id == plan => Some((event.effective, *kept_to)),
            _ => None,
        })
    }
}

/// Runs of days, both ends included.
#[derive(Clone, Default)]
pub(super) struct Days(Vec<(Date, Date)>);

impl Days {
    pub fn push(&mut self, from: Date, to: Date) {
        if from <= to {
            self.0.push((from, to));
        }
    }

    /// The same days as disjoint runs.
    pub fn merged(mut self) -> Self {
        self.0.sort_unstable();
        let mut runs: Vec<(Date, Date)> = Vec::with_capacity(self.0.len());
        for (from, to) in self.0 {
            match runs.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => runs.push((from, to)),
            }
        }
        Self(runs)
    }

    /// Days after `from` up to and including `to` that aren't among these (merged) runs. Day d carries the night from
    /// d − 1 to d.
    pub fn charged(&self, from: Date, to: Date) -> i64 {
        let free: i64 = self
            .0
            .iter()
            .map(|(first, last)| {
                let start = (*first).max(from.tomorrow().unwrap_or(from));
                let end = (*last).min(to);
                (calendar::days_between(start, end) + 1).max(0)
            })
            .sum();
        calendar::days_between(from, to) - free
    }
}
