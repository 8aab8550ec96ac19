//! A loan as its origin and dated events. What stands on a day is always a replay.

use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::contract::Contract;
use crate::error::LoanError;
use crate::event::{Event, EventKind};
use crate::ledger;
use crate::money::Amount;
use crate::origin::Origin;
use crate::preview::{self, Preview};
use crate::product::Product;
use crate::state::State;
use crate::terms::Terms;

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
            let new = account.events.last().and_then(|event| event.kind.new_id());
            ledger::try_event(&account, last, new)?;
        }
        Ok(account)
    }

    /// This loan with many more events, as if they were recorded one after the other; a refusal says which one it is by its
    /// index. Money that comes and goes is replayed once at the end; only changes are tried against what stood before them.
    pub fn record_all(&self, events: Vec<Event>) -> Result<Self, (usize, LoanError)> {
        let mut account = self.clone();
        let last = events.len().saturating_sub(1);
        for (index, event) in events.into_iter().enumerate() {
            let at = |error| (index, error);
            if event.kind.is_change() {
                account = account.record(event).map_err(at)?;
            } else {
                account.check_event(&event).map_err(at)?;
                account.events.push(event);
            }
        }
        if let Some(day) = account.events.iter().map(|event| event.effective).max() {
            account.state(day).map_err(|error| (last, error))?;
        }
        Ok(account)
    }

    /// What stands at the end of `as_of`; events that are effective later don't count yet.
    pub fn state(&self, as_of: Date) -> Result<State, LoanError> {
        ledger::replay(self, as_of)
    }

    /// What pays the loan off on `on`: everything that is left, with interest as the product's pay-off rule has it.
    pub fn pay_off_sum(&self, on: Date) -> Result<Amount, LoanError> {
        ledger::pay_off_sum(self, on)
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
        if let Some(id) = event.kind.new_id() {
            self.check_unused(id)?;
        }
        let date = event.effective;
        match &event.kind {
            EventKind::Payment { id, amount } => check_positive(id, *amount),
            EventKind::Charge { id, amount, due, .. } => {
                if *due < interest_from {
                    return Err(LoanError::EventBeforeLoan { date: *due, interest_from });
                }
                check_positive(id, *amount)
            }
            EventKind::Chargeback { id, amount } => {
                check_positive(id, *amount)?;
                self.check_paid(*amount, date)
            }
            EventKind::PayOff { id, amount } => {
                check_positive(id, *amount)?;
                let needed = self.pay_off_sum(date)?;
                if needed == *amount {
                    Ok(())
                } else {
                    Err(LoanError::PayOffDiffers { date, amount: *amount, needed })
                }
            }
            EventKind::PaymentReversed { payment_id } => {
                self.check_reversible(payment_id, date)?;
                self.check_not_charged_back(payment_id, date)
            }
            EventKind::Relief { terms, .. } => {
                let state = self.state(date)?;
                crate::relief::apply(&state, self.contract(), terms, date).map(|_| ())
            }
            EventKind::ReliefUndone { id, kept_to } => self.check_undoable(id, date, *kept_to),
            EventKind::Undone { id } => self.check_change_undoable(id, date),
            EventKind::PenaltySuspended { from, to } | EventKind::InterestPaused { from, to, .. }
                if to < from =>
            {
                Err(LoanError::PeriodReversed { from: *from, to: *to })
            }
            EventKind::InterestPaused { .. }
            | EventKind::Reschedule { .. }
            | EventKind::ReAge { .. }
            | EventKind::ReAmortise { .. }
            | EventKind::Terminated { .. } => self.check_open(date),
            EventKind::PenaltySuspended { .. } => Ok(()),
        }
    }

    fn check_unused(&self, new: &str) -> Result<(), LoanError> {
        if self.events.iter().any(|event| event.kind.new_id() == Some(new)) {
            Err(LoanError::DuplicateId { id: new.to_owned() })
        } else {
            Ok(())
        }
    }

    fn check_open(&self, date: Date) -> Result<(), LoanError> {
        if self.state(date)?.closed { Err(LoanError::NothingOpen { date }) } else { Ok(()) }
    }

    /// No more is taken back than was paid and not taken back yet.
    fn check_paid(&self, amount: Amount, date: Date) -> Result<(), LoanError> {
        let state = self.state(date)?;
        let paid = state.paid.total()?.sub(state.charged_back)?;
        if amount > paid {
            let reason = "takes back more than was paid";
            return Err(LoanError::ChangeInvalid { change: "chargeback", date, reason });
        }
        Ok(())
    }

    /// What was charged back already can't be taken back again.
    fn check_not_charged_back(&self, reversed: &str, date: Date) -> Result<(), LoanError> {
        let amount = self.events.iter().find_map(|event| match &event.kind {
            EventKind::Payment { id, amount } | EventKind::PayOff { id, amount } if id == reversed => {
                Some(*amount)
            }
            _ => None,
        });
        let state = self.state(date)?;
        let came = state.paid.total()?.add(state.unallocated)?;
        if state.charged_back > came.sub(amount.unwrap_or_default())? {
            let reason = "was charged back: undo the chargeback first";
            return Err(LoanError::ChangeInvalid { change: "reversal", date, reason });
        }
        Ok(())
    }

    fn check_change_undoable(&self, undone: &str, on: Date) -> Result<(), LoanError> {
        let known = self.events.iter().any(|event| {
            let is_change = !matches!(event.kind, EventKind::Payment { .. } | EventKind::Relief { .. });
            is_change && event.effective <= on && event.kind.new_id() == Some(undone)
        });
        let again =
            self.events.iter().any(|event| matches!(&event.kind, EventKind::Undone { id } if id == undone));
        if known && !again {
            Ok(())
        } else {
            Err(LoanError::ChangeUnknown { id: undone.to_owned(), date: on })
        }
    }

    fn check_reversible(&self, reversed: &str, on: Date) -> Result<(), LoanError> {
        let known = self.events.iter().any(|event| {
            event.effective <= on
                && matches!(
                    &event.kind,
                    EventKind::Payment { id, .. } | EventKind::PayOff { id, .. } if id == reversed
                )
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

fn check_positive(id: &str, amount: Amount) -> Result<(), LoanError> {
    if (1..=crate::contract::MAX_PRINCIPAL_MINOR).contains(&amount.minor()) {
        Ok(())
    } else {
        Err(LoanError::PaymentNotPositive { id: id.to_owned(), amount })
    }
}
