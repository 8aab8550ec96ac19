//! A loan as its origin and dated events. What stands on a day is always a replay.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::contract::{Contract, Origin, Product};
use crate::error::LoanError;
use crate::ledger;
use crate::money::Amount;
use crate::preview::{self, Preview};
use crate::state::State;
use crate::terms::Terms;

/// What happened to a loan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Payment {
        id: String,
        amount: Amount,
    },
    /// From the event's date on, the payment never was.
    PaymentReversed {
        payment_id: String,
    },
    /// Accepted terms come into force; `id` is the plan's.
    Relief {
        id: String,
        terms: Terms,
    },
    /// The plan is broken or cancelled: what would stand today without it. No penalty is charged for the days after
    /// acceptance up to and including `kept_to`, and penalties stay waived in proportion to what was paid.
    ReliefUndone {
        id: String,
        kept_to: Option<Date>,
    },
    /// No penalty for the days `from` to `to`, both included: the platform's answer was late.
    PenaltySuspended {
        from: Date,
        to: Date,
    },
}

/// A dated entry on a loan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The day from which it counts; may lie before other events.
    pub effective: Date,
    /// When it was entered; orders events of one day.
    pub entered: jiff::Timestamp,
    pub kind: EventKind,
}

/// The stored body of a loan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub origin: Origin,
    pub product: Product,
    /// In the order of entry.
    pub events: Vec<Event>,
}

impl Account {
    /// A loan without events; refuses a contract or rows that don't add up.
    pub fn open(origin: Origin, product: Product) -> Result<Self, LoanError> {
        product.check()?;
        origin.rows()?;
        Ok(Self { origin, product, events: Vec::new() })
    }

    pub fn contract(&self) -> &Contract {
        self.origin.contract()
    }

    /// This loan with one more event; refuses an event that can't be replayed with the others.
    pub fn record(&self, event: Event) -> Result<Self, LoanError> {
        self.check_event(&event)?;
        let mut account = self.clone();
        account.events.push(event);
        // Replayed up to the last day that anything happened, so that a back-dated event is tried against later ones.
        if let Some(last) = account.events.iter().map(|event| event.effective).max() {
            account.state(last)?;
        }
        Ok(account)
    }

    /// What stands at the end of `as_of`; events that are effective later don't count yet.
    pub fn state(&self, as_of: Date) -> Result<State, LoanError> {
        ledger::replay(self, as_of)
    }

    /// What `terms` would do if accepted on `on`; nothing is stored.
    pub fn preview(&self, terms: &Terms, on: Date) -> Result<Preview, LoanError> {
        preview::preview(self, terms, on)
    }

    fn check_event(&self, event: &Event) -> Result<(), LoanError> {
        let interest_from = self.contract().interest_from;
        if event.effective < interest_from {
            return Err(LoanError::EventBeforeLoan { date: event.effective, interest_from });
        }
        match &event.kind {
            EventKind::Payment { id, amount } => {
                if amount.minor() < 1 || amount.minor() > crate::contract::MAX_PRINCIPAL_MINOR {
                    return Err(LoanError::PaymentNotPositive { id: id.clone(), amount: *amount });
                }
                self.check_unused(id)
            }
            EventKind::PaymentReversed { payment_id } => self.check_reversible(payment_id, event.effective),
            EventKind::Relief { id, terms } => {
                self.check_unused(id)?;
                let state = self.state(event.effective)?;
                crate::relief::apply(&state, self.contract(), terms, event.effective).map(|_| ())
            }
            EventKind::ReliefUndone { id, kept_to } => self.check_undoable(id, event.effective, *kept_to),
            EventKind::PenaltySuspended { from, to } if to < from => {
                Err(LoanError::PeriodReversed { from: *from, to: *to })
            }
            EventKind::PenaltySuspended { .. } => Ok(()),
        }
    }

    fn check_unused(&self, new: &str) -> Result<(), LoanError> {
        let used: BTreeSet<&str> = self
            .events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Payment { id, .. } | EventKind::Relief { id, .. } => Some(id.as_str()),
                _ => None,
            })
            .collect();
        if used.contains(new) { Err(LoanError::DuplicateId { id: new.to_owned() }) } else { Ok(()) }
    }

    fn check_reversible(&self, reversed: &str, on: Date) -> Result<(), LoanError> {
        let known = self.events.iter().any(|event| {
            event.effective <= on && matches!(&event.kind, EventKind::Payment { id, .. } if id == reversed)
        });
        let again = self.events.iter().any(|event| {
            matches!(&event.kind, EventKind::PaymentReversed { payment_id } if payment_id == reversed)
        });
        if known && !again {
            Ok(())
        } else {
            Err(LoanError::PaymentUnknown { id: reversed.to_owned(), date: on })
        }
    }

    fn check_undoable(&self, undone: &str, on: Date, kept_to: Option<Date>) -> Result<(), LoanError> {
        let accepted = self.events.iter().find_map(|event| match &event.kind {
            EventKind::Relief { id, .. } if id == undone && event.effective <= on => Some(event.effective),
            _ => None,
        });
        let again = self
            .events
            .iter()
            .any(|event| matches!(&event.kind, EventKind::ReliefUndone { id, .. } if id == undone));
        match accepted {
            // A plan that was fulfilled has closed the loan; undoing it would bring a settled debt back.
            Some(_) if !again && self.state(on)?.closed => Err(LoanError::NothingOpen { date: on }),
            Some(accepted) if !again => match kept_to {
                Some(to) if to < accepted => Err(LoanError::PeriodReversed { from: accepted, to }),
                Some(to) if to > on => Err(LoanError::PeriodReversed { from: to, to: on }),
                _ => Ok(()),
            },
            _ => Err(LoanError::ReliefUnknown { id: undone.to_owned(), date: on }),
        }
    }
}
