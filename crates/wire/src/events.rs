//! What happened to a loan after pay-out.

use std::collections::{BTreeMap, BTreeSet};

use api::leeway::common::v1::{self, loan_event::Kind};
use chassis::Violations;
use jiff::Timestamp;
use loan::{Currency, Event, EventKind};

use crate::changes::{change_in, change_out};
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
        Some(kind) => kind_in(v, field, kind, currency),
    };
    Some(Event { effective: effective?, entered, kind: kind? })
}

fn kind_in(v: &mut Violations, field: &str, kind: &Kind, currency: Currency) -> Option<EventKind> {
    match kind {
        Kind::Payment(payment) => {
            let id = id_in(v, &at(field, "payment.payment_id"), &payment.payment_id);
            let amount =
                money_positive_in(v, &at(field, "payment.amount"), payment.amount.as_ref(), currency);
            id.zip(amount).map(|(id, amount)| EventKind::Payment { id, amount })
        }
        Kind::Reversal(reversal) => id_in(v, &at(field, "reversal.payment_id"), &reversal.payment_id)
            .map(|payment_id| EventKind::PaymentReversed { payment_id }),
        Kind::Relief(relief) => {
            let id = id_in(v, &at(field, "relief.plan_id"), &relief.plan_id);
            let terms = terms_in(v, &at(field, "relief.terms"), relief.terms.as_ref(), currency);
            id.zip(terms).map(|(id, terms)| EventKind::Relief { id, terms })
        }
        Kind::ReliefUndone(undone) => {
            let id = id_in(v, &at(field, "relief_undone.plan_id"), &undone.plan_id);
            let kept_field = at(field, "relief_undone.kept_until_date");
            let kept_to = date_optional_in(v, &kept_field, undone.kept_until_date.as_ref());
            id.zip(kept_to).map(|(id, kept_to)| EventKind::ReliefUndone { id, kept_to })
        }
        Kind::PenaltySuspension(suspension) => {
            let from = date_in(v, &at(field, "penalty_suspension.from_date"), suspension.from_date.as_ref());
            let to = date_in(v, &at(field, "penalty_suspension.to_date"), suspension.to_date.as_ref());
            from.zip(to).map(|(from, to)| EventKind::PenaltySuspended { from, to })
        }
        Kind::PayOff(_)
        | Kind::Chargeback(_)
        | Kind::Charge(_)
        | Kind::Reschedule(_)
        | Kind::ReAge(_)
        | Kind::ReAmortisation(_)
        | Kind::InterestPause(_)
        | Kind::Termination(_)
        | Kind::Undone(_) => change_in(v, field, kind, currency),
    }
}

/// Path of what a violation of an event's kind is about, inside the event.
pub fn kind_field(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Payment { .. } => "payment",
        EventKind::PaymentReversed { .. } => "reversal",
        EventKind::PayOff { .. } => "pay_off",
        EventKind::Chargeback { .. } => "chargeback",
        EventKind::Charge { .. } => "charge",
        EventKind::Reschedule { .. } => "reschedule",
        EventKind::ReAge { .. } => "re_age",
        EventKind::ReAmortise { .. } => "re_amortisation",
        EventKind::InterestPaused { .. } => "interest_pause",
        EventKind::Terminated { .. } => "termination",
        EventKind::Undone { .. } => "undone",
        EventKind::Relief { .. } => "relief",
        EventKind::ReliefUndone { .. } => "relief_undone",
        EventKind::PenaltySuspended { .. } => "penalty_suspension",
    }
}

/// Path of the id that an event carries, inside the event; `None` where it has none.
pub fn id_field(kind: &EventKind) -> Option<String> {
    let id = match kind {
        EventKind::Payment { .. } | EventKind::PaymentReversed { .. } => "payment_id",
        EventKind::Relief { .. } | EventKind::ReliefUndone { .. } => "plan_id",
        EventKind::PayOff { .. }
        | EventKind::Chargeback { .. }
        | EventKind::Charge { .. }
        | EventKind::Reschedule { .. }
        | EventKind::ReAge { .. }
        | EventKind::ReAmortise { .. }
        | EventKind::InterestPaused { .. }
        | EventKind::Terminated { .. }
        | EventKind::Undone { .. } => "event_id",
        EventKind::PenaltySuspended { .. } => return None,
    };
    Some(at(kind_field(kind), id))
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

/// Whether one kind of event takes back what another brought into being.
fn takes_back(taker: &EventKind, taken: &EventKind) -> bool {
    match taker {
        EventKind::PaymentReversed { .. } => {
            matches!(taken, EventKind::Payment { .. } | EventKind::PayOff { .. })
        }
        EventKind::ReliefUndone { .. } => matches!(taken, EventKind::Relief { .. }),
        EventKind::Undone { .. } => !matches!(taken, EventKind::Payment { .. } | EventKind::Relief { .. }),
        _ => false,
    }
}

/// The id that an event takes back.
fn taken_id(kind: &EventKind) -> Option<&str> {
    match kind {
        EventKind::PaymentReversed { payment_id: id }
        | EventKind::Undone { id }
        | EventKind::ReliefUndone { id, .. } => Some(id),
        _ => None,
    }
}

/// All ids of a loan share one space; what is taken back must be in force on its day, and is taken back once and in its own
/// way.
fn check_references(v: &mut Violations, field: &str, events: &[Event]) -> Option<()> {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let mut in_force: BTreeMap<&str, &Event> = BTreeMap::new();
    let mut fine = true;
    for (index, event) in events.iter().enumerate() {
        let mut refused = None;
        if let Some(id) = event.kind.new_id() {
            if used.insert(id) {
                in_force.insert(id, event);
            } else {
                refused = Some((reason::DUPLICATE, "used by an earlier event"));
            }
        }
        if let Some(id) = taken_id(&event.kind) {
            let known = in_force.get(id).is_some_and(|known| {
                known.effective <= event.effective && takes_back(&event.kind, &known.kind)
            });
            if known {
                in_force.remove(id);
            } else {
                let description =
                    "names nothing that an earlier event of the list brought into force by that day";
                refused = Some((reason::CONTRADICTION, description));
            }
        }
        if let Some((reason, description)) = refused {
            fine = false;
            let inner = id_field(&event.kind).unwrap_or_default();
            v.add(&at(&item(field, index), &inner), reason, description);
        }
    }
    fine.then_some(())
}

/// Writes an event; when it was entered is left out.
pub fn event_out(event: &Event, currency: Currency) -> v1::LoanEvent {
    let kind = match &event.kind {
        EventKind::Payment { id, amount } => Some(Kind::Payment(v1::PaymentEvent {
            payment_id: id.clone(),
            amount: Some(money_out(*amount, currency)),
        })),
        EventKind::PaymentReversed { payment_id } => {
            Some(Kind::Reversal(v1::PaymentReversal { payment_id: payment_id.clone() }))
        }
        EventKind::Relief { id, terms } => Some(Kind::Relief(v1::ReliefEvent {
            plan_id: id.clone(),
            terms: Some(terms_out(terms, currency)),
        })),
        EventKind::ReliefUndone { id, kept_to } => Some(Kind::ReliefUndone(v1::ReliefUndone {
            plan_id: id.clone(),
            kept_until_date: kept_to.map(date_out),
        })),
        EventKind::PenaltySuspended { from, to } => Some(Kind::PenaltySuspension(v1::PenaltySuspension {
            from_date: Some(date_out(*from)),
            to_date: Some(date_out(*to)),
        })),
        EventKind::PayOff { .. }
        | EventKind::Chargeback { .. }
        | EventKind::Charge { .. }
        | EventKind::Reschedule { .. }
        | EventKind::ReAge { .. }
        | EventKind::ReAmortise { .. }
        | EventKind::InterestPaused { .. }
        | EventKind::Terminated { .. }
        | EventKind::Undone { .. } => change_out(&event.kind, currency),
    };
    v1::LoanEvent { effective_date: Some(date_out(event.effective)), kind }
}
