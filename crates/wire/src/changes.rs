//! Events that change a loan by its own rules, apart from payments and agreed relief: pay-off, chargeback, charge, reschedule,
//! re-age, re-amortisation, pause, termination, and the undoing of these.

use api::leeway::common::v1::{self, loan_event::Kind};
use chassis::Violations;
use loan::contract::MAX_INSTALMENTS;
use loan::{ChargePart, Currency, Date, EventKind, ReAge, Reschedule};

use crate::conventions::{frequency_in, frequency_out};
use crate::loan_codes::{
    charge_part_in, charge_part_out, re_age_interest_in, re_age_interest_out, re_amortise_interest_in,
    re_amortise_interest_out,
};
use crate::money::{money_out, money_positive_in};
use crate::primitives::{
    at, count_in, date_in, date_optional_in, date_out, id_in, missing, rate_in, rate_out, reason, refuse,
};

/// A change of the event at `field`; `None` without a violation for kinds that [`crate::events`] reads itself.
pub(crate) fn change_in(
    v: &mut Violations,
    field: &str,
    kind: &Kind,
    currency: Currency,
) -> Option<EventKind> {
    match kind {
        Kind::PayOff(m) => {
            let field = &at(field, "pay_off");
            let id = change_id_in(v, field, &m.event_id);
            let amount = money_positive_in(v, &at(field, "amount"), m.amount.as_ref(), currency);
            Some(EventKind::PayOff { id: id?, amount: amount? })
        }
        Kind::Chargeback(m) => {
            let field = &at(field, "chargeback");
            let id = change_id_in(v, field, &m.event_id);
            let amount = money_positive_in(v, &at(field, "amount"), m.amount.as_ref(), currency);
            Some(EventKind::Chargeback { id: id?, amount: amount? })
        }
        Kind::Charge(m) => charge_in(v, &at(field, "charge"), m, currency),
        Kind::Reschedule(m) => reschedule_in(v, &at(field, "reschedule"), m),
        Kind::ReAge(m) => re_age_in(v, &at(field, "re_age"), m),
        Kind::ReAmortisation(m) => {
            let field = &at(field, "re_amortisation");
            let id = change_id_in(v, field, &m.event_id);
            let interest = re_amortise_interest_in(v, &at(field, "interest"), m.interest);
            Some(EventKind::ReAmortise { id: id?, interest: interest? })
        }
        Kind::InterestPause(m) => {
            let field = &at(field, "interest_pause");
            let id = change_id_in(v, field, &m.event_id);
            let (from, to) = days_in(v, field, m)?;
            Some(EventKind::InterestPaused { id: id?, from, to })
        }
        Kind::Termination(m) => {
            let id = change_id_in(v, &at(field, "termination"), &m.event_id)?;
            Some(EventKind::Terminated { id })
        }
        Kind::Undone(m) => {
            let id = change_id_in(v, &at(field, "undone"), &m.event_id)?;
            Some(EventKind::Undone { id })
        }
        Kind::Payment(_)
        | Kind::Reversal(_)
        | Kind::Relief(_)
        | Kind::ReliefUndone(_)
        | Kind::PenaltySuspension(_) => missing(v, field),
    }
}

fn change_id_in(v: &mut Violations, field: &str, id: &str) -> Option<String> {
    id_in(v, &at(field, "event_id"), id)
}

fn charge_in(v: &mut Violations, field: &str, m: &v1::ChargeEvent, currency: Currency) -> Option<EventKind> {
    let id = change_id_in(v, field, &m.event_id);
    let part: Option<ChargePart> = charge_part_in(v, &at(field, "part"), m.part);
    let due = date_in(v, &at(field, "due_date"), m.due_date.as_ref());
    let amount = money_positive_in(v, &at(field, "amount"), m.amount.as_ref(), currency);
    Some(EventKind::Charge { id: id?, part: part?, due: due?, amount: amount? })
}

fn reschedule_in(v: &mut Violations, field: &str, m: &v1::RescheduleEvent) -> Option<EventKind> {
    let id = change_id_in(v, field, &m.event_id);
    let from = date_in(v, &at(field, "from_date"), m.from_date.as_ref());
    let new_due = date_optional_in(v, &at(field, "new_due_date"), m.new_due_date.as_ref());
    let extra = instalments_in(v, &at(field, "extra_instalments"), m.extra_instalments, 0);
    let grace_field = at(field, "grace_on_principal_instalments");
    let grace = instalments_in(v, &grace_field, m.grace_on_principal_instalments, 0);
    let interest_field = at(field, "grace_on_interest_instalments");
    let interest_grace = instalments_in(v, &interest_field, m.grace_on_interest_instalments, 0);
    let annual_rate = if m.annual_rate.is_empty() {
        Some(None)
    } else {
        rate_in(v, &at(field, "annual_rate"), &m.annual_rate).map(Some)
    };
    let change = Reschedule {
        from: from?,
        new_due: new_due?,
        extra_instalments: extra?,
        grace_on_principal: grace?,
        grace_on_interest: interest_grace?,
        annual_rate: annual_rate?,
    };
    let changes_nothing = change.new_due.is_none()
        && change.extra_instalments == 0
        && change.grace_on_principal == 0
        && change.grace_on_interest == 0
        && change.annual_rate.is_none();
    if changes_nothing {
        return refuse(
            v,
            field,
            reason::REQUIRED,
            "must set a new due date, extra instalments, a grace or a rate",
        );
    }
    Some(EventKind::Reschedule { id: id?, change })
}

fn re_age_in(v: &mut Violations, field: &str, m: &v1::ReAgeEvent) -> Option<EventKind> {
    let id = change_id_in(v, field, &m.event_id);
    let first_due = date_in(v, &at(field, "first_due_date"), m.first_due_date.as_ref());
    let instalments = instalments_in(v, &at(field, "instalments"), m.instalments, 1);
    let frequency = frequency_in(v, &at(field, "frequency"), m.frequency.as_ref());
    let interest = re_age_interest_in(v, &at(field, "interest"), m.interest);
    let re_age = ReAge {
        first_due: first_due?,
        instalments: instalments?,
        frequency: frequency?,
        interest: interest?,
    };
    Some(EventKind::ReAge { id: id?, re_age })
}

fn days_in(v: &mut Violations, field: &str, m: &v1::InterestPause) -> Option<(Date, Date)> {
    let from = date_in(v, &at(field, "from_date"), m.from_date.as_ref());
    let to_field = at(field, "to_date");
    let to = date_in(v, &to_field, m.to_date.as_ref());
    let (from, to) = from.zip(to)?;
    if to < from {
        return refuse(v, &to_field, reason::CONTRADICTION, "lies before from_date");
    }
    Some((from, to))
}

fn instalments_in(v: &mut Violations, field: &str, number: i32, least: u32) -> Option<u16> {
    u16::try_from(count_in(v, field, number, least..=u32::from(MAX_INSTALMENTS))?).ok()
}

/// Writes a change; `None` for kinds that [`crate::events`] writes itself.
pub(crate) fn change_out(kind: &EventKind, currency: Currency) -> Option<Kind> {
    let money = |amount: &loan::Amount| Some(money_out(*amount, currency));
    match kind {
        EventKind::PayOff { id, amount } => {
            Some(Kind::PayOff(v1::PayOffEvent { event_id: id.clone(), amount: money(amount) }))
        }
        EventKind::Chargeback { id, amount } => {
            Some(Kind::Chargeback(v1::ChargebackEvent { event_id: id.clone(), amount: money(amount) }))
        }
        EventKind::Charge { id, part, due, amount } => Some(Kind::Charge(v1::ChargeEvent {
            event_id: id.clone(),
            part: charge_part_out(*part).into(),
            due_date: Some(date_out(*due)),
            amount: money(amount),
        })),
        EventKind::Reschedule { id, change } => Some(Kind::Reschedule(v1::RescheduleEvent {
            event_id: id.clone(),
            from_date: Some(date_out(change.from)),
            new_due_date: change.new_due.map(date_out),
            extra_instalments: change.extra_instalments.into(),
            grace_on_principal_instalments: change.grace_on_principal.into(),
            grace_on_interest_instalments: change.grace_on_interest.into(),
            annual_rate: change.annual_rate.map(rate_out).unwrap_or_default(),
        })),
        EventKind::ReAge { id, re_age } => Some(Kind::ReAge(v1::ReAgeEvent {
            event_id: id.clone(),
            first_due_date: Some(date_out(re_age.first_due)),
            instalments: re_age.instalments.into(),
            frequency: Some(frequency_out(re_age.frequency)),
            interest: re_age_interest_out(re_age.interest).into(),
        })),
        EventKind::ReAmortise { id, interest } => Some(Kind::ReAmortisation(v1::ReAmortisationEvent {
            event_id: id.clone(),
            interest: re_amortise_interest_out(*interest).into(),
        })),
        EventKind::InterestPaused { id, from, to } => Some(Kind::InterestPause(v1::InterestPause {
            event_id: id.clone(),
            from_date: Some(date_out(*from)),
            to_date: Some(date_out(*to)),
        })),
        EventKind::Terminated { id } => Some(Kind::Termination(v1::Termination { event_id: id.clone() })),
        EventKind::Undone { id } => Some(Kind::Undone(v1::ChangeUndone { event_id: id.clone() })),
        EventKind::Payment { .. }
        | EventKind::PaymentReversed { .. }
        | EventKind::Relief { .. }
        | EventKind::ReliefUndone { .. }
        | EventKind::PenaltySuspended { .. } => None,
    }
}
