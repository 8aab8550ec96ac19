//! What happened to a loan after pay-out.

use std::collections::{BTreeMap, BTreeSet};

use api::leeway::common::v1::{self, loan_event::Kind};
use chassis::Violations;
use jiff::Timestamp;
use loan::{Currency, Date, Event, EventKind};

use crate::error::WireError;
use crate::money::{money_out, money_positive_in};
use crate::primitives::{at, date_in, date_optional_in, date_out, id_in, item, list_in, missing, reason};
use crate::terms::{terms_in, terms_out};

/// Most events of a loan in one message.
pub const MAX_EVENTS: usize = 5_000;

/// One event; `entered` is when it was entered, which the message doesn't say.
pub fn event_in(
    v: &mut Violations,
    field: &str,
    event: &v1::LoanEvent,
    currency: Currency,
    entered: Timestamp,
) -> Option<Event> {
    let effective = date_in(v, &at(field, "effective_date"), event.effective_date.as_ref());
    let kind = match &event.kind {
        None => missing(v, &at(field, "kind")),
        Some(Kind::Payment(payment)) => {
            let id = id_in(v, &at(field, "payment.payment_id"), &payment.payment_id);
            let amount =
                money_positive_in(v, &at(field, "payment.amount"), payment.amount.as_ref(), currency);
            id.zip(amount).map(|(id, amount)| EventKind::Payment { id, amount })
        }
        Some(Kind::Reversal(reversal)) => id_in(v, &at(field, "reversal.payment_id"), &reversal.payment_id)
            .map(|payment_id| EventKind::PaymentReversed { payment_id }),
        Some(Kind::Relief(relief)) => {
            let id = id_in(v, &at(field, "relief.plan_id"), &relief.plan_id);
            let terms = terms_in(v, &at(field, "relief.terms"), relief.terms.as_ref(), currency);
            id.zip(terms).map(|(id, terms)| EventKind::Relief { id, terms })
        }
        Some(Kind::ReliefUndone(undone)) => {
            let id = id_in(v, &at(field, "relief_undone.plan_id"), &undone.plan_id);
            let kept_field = at(field, "relief_undone.kept_until_date");
            let kept_to = date_optional_in(v, &kept_field, undone.kept_until_date.as_ref());
            id.zip(kept_to).map(|(id, kept_to)| EventKind::ReliefUndone { id, kept_to })
        }
        Some(Kind::PenaltySuspension(suspension)) => {
            let from = date_in(v, &at(field, "penalty_suspension.from_date"), suspension.from_date.as_ref());
            let to = date_in(v, &at(field, "penalty_suspension.to_date"), suspension.to_date.as_ref());
            from.zip(to).map(|(from, to)| EventKind::PenaltySuspended { from, to })
        }
    };
    Some(Event { effective: effective?, entered, kind: kind? })
}

/// Events in the order of the list: each is entered a microsecond behind the one before, the first at `entered`. Ids must be
/// new and references known; whether the events can be replayed is for `loan` to say.
pub fn events_in(
    v: &mut Violations,
    field: &str,
    events: &[v1::LoanEvent],
    currency: Currency,
    entered: Timestamp,
) -> Option<Vec<Event>> {
    let mut moment = entered.as_microsecond();
    let events = list_in(v, field, events, MAX_EVENTS, |v, field, event| {
        let entered = Timestamp::from_microsecond(moment).unwrap_or(entered);
        moment = moment.saturating_add(1);
        event_in(v, field, event, currency, entered)
    })?;
    check_references(v, field, &events).map(|()| events)
}

/// Payments and plans share their ids' space; a reversal or undoing names one that is in force on its day.
fn check_references(v: &mut Violations, field: &str, events: &[Event]) -> Option<()> {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let mut payments: BTreeMap<&str, Date> = BTreeMap::new();
    let mut plans: BTreeMap<&str, Date> = BTreeMap::new();
    let mut fine = true;
    for (index, event) in events.iter().enumerate() {
        let refused = match &event.kind {
            EventKind::Payment { id, .. } => {
                payments.insert(id, event.effective);
                (!used.insert(id)).then_some(("payment.payment_id", reason::DUPLICATE))
            }
            EventKind::Relief { id, .. } => {
                plans.insert(id, event.effective);
                (!used.insert(id)).then_some(("relief.plan_id", reason::DUPLICATE))
            }
            EventKind::PaymentReversed { payment_id } => {
                let paid = payments.remove(payment_id.as_str());
                let known = paid.is_some_and(|paid| paid <= event.effective);
                (!known).then_some(("reversal.payment_id", reason::CONTRADICTION))
            }
            EventKind::ReliefUndone { id, .. } => {
                let known = plans.remove(id.as_str()).is_some_and(|accepted| accepted <= event.effective);
                (!known).then_some(("relief_undone.plan_id", reason::CONTRADICTION))
            }
            EventKind::PenaltySuspended { .. } => None,
        };
        if let Some((inner, reason)) = refused {
            fine = false;
            let description = if reason == reason::DUPLICATE {
                "used by an earlier event"
            } else {
                "names nothing that an earlier event of the list brought into force by that day"
            };
            v.add(&at(&item(field, index), inner), reason, description);
        }
    }
    fine.then_some(())
}

/// Writes an event; when it was entered is left out. Suspended penalties have no place in the message.
pub fn event_out(event: &Event, currency: Currency) -> Result<v1::LoanEvent, WireError> {
    let kind = match &event.kind {
        EventKind::Payment { id, amount } => Kind::Payment(v1::PaymentEvent {
            payment_id: id.clone(),
            amount: Some(money_out(*amount, currency)),
        }),
        EventKind::PaymentReversed { payment_id } => {
            Kind::Reversal(v1::PaymentReversal { payment_id: payment_id.clone() })
        }
        EventKind::Relief { id, terms } => {
            Kind::Relief(v1::ReliefEvent { plan_id: id.clone(), terms: Some(terms_out(terms, currency)) })
        }
        EventKind::ReliefUndone { id, kept_to } => Kind::ReliefUndone(v1::ReliefUndone {
            plan_id: id.clone(),
            kept_until_date: kept_to.map(date_out),
        }),
        EventKind::PenaltySuspended { from, to } => Kind::PenaltySuspension(v1::PenaltySuspension {
            from_date: Some(date_out(*from)),
            to_date: Some(date_out(*to)),
        }),
    };
    Ok(v1::LoanEvent { effective_date: Some(date_out(event.effective)), kind: Some(kind) })
}
