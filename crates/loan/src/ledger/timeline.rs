//! The events that count on a day, in the order of effect, and the days without penalty.

use std::collections::BTreeSet;

use crate::account::Account;
use crate::calendar::Date;
use crate::event::{Event, EventKind};
use crate::model::Days;

/// Events effective by a day that do something on theirs: reversed payments, their reversals and suspensions are left out.
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
                !matches!(
                    &event.kind,
                    EventKind::Payment { id, .. } | EventKind::PayOff { id, .. }
                        if reversed.contains(id.as_str())
                )
            })
            .collect();
        // Stable: events of one day and one moment keep the order of entry.
        events.sort_by_key(|event| (event.effective, event.entered));
        let mut suspended = Days::default();
        events.retain(|event| match &event.kind {
            EventKind::PenaltySuspended { from, to } => {
                suspended.push(*from, *to);
                false
            }
            EventKind::PaymentReversed { .. } => false,
            _ => true,
        });
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
