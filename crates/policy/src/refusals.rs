//! What the rules of loans refuse in a preview, as violations: the field, the rule's code, what is wrong and what to do.

use chassis::{Problem, Violation};
use loan::{Event, EventKind, LoanError, Terms};
use wire::{at, id_field, item, kind_field};

/// Where a preview's request holds its events.
const EVENTS: &str = "loan.events";

/// What the loan as a whole refuses. The field is the event that the error names, or the part of the contract.
pub(crate) fn of_loan(error: LoanError, events: &[Event]) -> Problem {
    let field = named(&error, events).or_else(|| of_origin(&error)).unwrap_or_else(|| "loan".to_owned());
    refusal(error, field)
}

/// What entering the event at `index` refuses: that event's fault, unless the error names another.
pub(crate) fn of_event(error: LoanError, events: &[Event], index: usize) -> Problem {
    let entered = events.get(..=index).unwrap_or(events);
    let own = || entered.last().map(|event| at(&item(EVENTS, index), &inside(&error, &event.kind)));
    let field = named(&error, entered)
        .or_else(|| of_origin(&error))
        .or_else(own)
        .unwrap_or_else(|| EVENTS.to_owned());
    refusal(error, field)
}

/// What `terms` at the path `terms` can't do to the loan.
pub(crate) fn of_terms(error: LoanError, terms: &Terms) -> Problem {
    let field = under("terms", &inside_terms(&error, terms));
    refusal(error, field)
}

fn refusal(error: LoanError, field: String) -> Problem {
    let Some(advice) = advice(&error) else {
        return Problem::internal("a schedule didn't add up").source(error);
    };
    let reason = error.code().to_owned();
    let violation = Violation { field, reason, description: format!("{error}; {advice}") };
    Problem::invalid(vec![violation]).with("code", error.code()).source(error)
}

/// The event that an error names by its id or its day.
fn named(error: &LoanError, events: &[Event]) -> Option<String> {
    let last = |fits: &dyn Fn(&Event) -> bool| {
        let index = events.iter().rposition(fits)?;
        let kind = &events.get(index)?.kind;
        Some(at(&item(EVENTS, index), &inside(error, kind)))
    };
    match error {
        LoanError::PaymentNotPositive { id, .. } | LoanError::DuplicateId { id } => {
            last(&|event| event.kind.new_id() == Some(id))
        }
        LoanError::PaymentUnknown { id, .. } => last(
            &|event| matches!(&event.kind, EventKind::PaymentReversed { payment_id } if payment_id == id),
        ),
        LoanError::ReliefUnknown { id, .. } => {
            last(&|event| matches!(&event.kind, EventKind::ReliefUndone { id: undone, .. } if undone == id))
        }
        LoanError::ChangeUnknown { id, .. } => {
            last(&|event| matches!(&event.kind, EventKind::Undone { id: undone } if undone == id))
        }
        LoanError::EventBeforeLoan { date, .. } => last(&|event| event.effective == *date),
        LoanError::PayOffDiffers { date, .. } => {
            last(&|event| event.effective == *date && matches!(event.kind, EventKind::PayOff { .. }))
        }
        // Its date may be that of an instalment, so the last event of the kind is meant.
        LoanError::ChangeInvalid { change, .. } => last(&|event| change_word(&event.kind) == *change),
        LoanError::PeriodReversed { from, to } => last(&|event| days_of(&event.kind) == Some((*from, *to))),
        _ => None,
    }
}

/// The word for a kind of change in [`LoanError::ChangeInvalid`].
fn change_word(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::ReAmortise { .. } => "re_amortise",
        other => kind_field(other),
    }
}

fn days_of(kind: &EventKind) -> Option<(loan::Date, loan::Date)> {
    match kind {
        EventKind::InterestPaused { from, to, .. } | EventKind::PenaltySuspended { from, to } => {
            Some((*from, *to))
        }
        _ => None,
    }
}

/// The field of an event that an error is about.
fn inside(error: &LoanError, kind: &EventKind) -> String {
    let own = kind_field(kind);
    let last_day = match kind {
        EventKind::ReliefUndone { .. } => "kept_until_date",
        _ => "to_date",
    };
    match (error, kind) {
        (LoanError::PaymentNotPositive { .. } | LoanError::PayOffDiffers { .. }, _) => at(own, "amount"),
        (
            LoanError::DuplicateId { .. }
            | LoanError::PaymentUnknown { .. }
            | LoanError::ReliefUnknown { .. }
            | LoanError::ChangeUnknown { .. },
            _,
        ) => id_field(kind).unwrap_or_else(|| own.to_owned()),
        (LoanError::EventBeforeLoan { .. } | LoanError::NothingOpen { .. }, _) => "effective_date".to_owned(),
        (LoanError::PeriodReversed { .. }, _) => at(own, last_day),
        (_, EventKind::Relief { terms, .. }) => under("relief.terms", &inside_terms(error, terms)),
        _ => own.to_owned(),
    }
}

/// A field at `path`, or `path` itself where the field is empty.
fn under(path: &str, field: &str) -> String {
    if field.is_empty() { path.to_owned() } else { at(path, field) }
}

/// The field of terms that an error is about; empty for the terms as a whole.
fn inside_terms(error: &LoanError, terms: &Terms) -> String {
    let measure = |name: &str| {
        let index = terms.measures.iter().position(|measure| measure.name() == name);
        index.map(|index| at(&item("measures", index), name))
    };
    let field = match error {
        LoanError::TermsInvalid { measure: "terms", .. } if terms.first_payment.is_some() => {
            Some("first_payment_date".to_owned())
        }
        LoanError::TermsInvalid { measure: name, .. } => measure(name),
        LoanError::TargetTooLow { .. } => measure("term_extension").map(|path| at(&path, "target_payment")),
        _ => None,
    };
    field.unwrap_or_default()
}

/// The part of contract, product or stated rows that an error is about.
fn of_origin(error: &LoanError) -> Option<String> {
    match error {
        LoanError::ContractInvalid { field, .. } => Some(at("loan.contract", wire::contract_field(field))),
        LoanError::ProductInvalid { field, .. } => Some(at("loan.product", field)),
        LoanError::StatedRowInvalid { nr, .. } => {
            let index = usize::try_from(nr.saturating_sub(1)).unwrap_or_default();
            Some(item("loan.stated_instalments", index))
        }
        LoanError::NoBusinessDay { .. } => Some("loan.contract.business_days.calendar".to_owned()),
        _ => None,
    }
}

/// What the caller can do; `None` where the fault is ours.
fn advice(error: &LoanError) -> Option<String> {
    let advice = match error {
        LoanError::PayOffDiffers { needed, .. } => {
            return Some(format!(
                "state `{needed}`, or enter what came as a payment if it isn't meant to end the loan"
            ));
        }
        LoanError::NotEnoughInstalments { open, .. } => {
            return Some(format!("ask for no more than the `{open}` that are open, or extend the term"));
        }
        LoanError::Arithmetic(_) => "state smaller amounts, a lower rate or a shorter term",
        LoanError::Unreadable { .. } => "state it as the field's comment says",
        LoanError::ContractInvalid { .. } | LoanError::ProductInvalid { .. } => {
            "change the field, or leave it out for its default"
        }
        LoanError::StatedRowInvalid { .. } => {
            "correct the row in the core system, or leave out stated rows for computed ones"
        }
        LoanError::DateOutOfRange { .. } => "state dates and terms that end before the year 10000",
        LoanError::NoBusinessDay { .. } => "leave a business day in the calendar at least once a month",
        LoanError::EventBeforeLoan { .. } => "state a day on or after the contract's `interest_from_date`",
        LoanError::PaymentNotPositive { .. } => "state an amount above zero",
        LoanError::DuplicateId { .. } => "give every event of the loan an id of its own",
        LoanError::PaymentUnknown { .. } => {
            "name a payment that an earlier event entered, effective by that day, once"
        }
        LoanError::ReliefUnknown { .. } => {
            "name a plan that an earlier event entered, effective by that day, once"
        }
        LoanError::ChangeUnknown { .. } => {
            "name a change that an earlier event entered, effective by that day, once"
        }
        LoanError::PeriodReversed { .. } => "state a last day on or after the first",
        LoanError::NothingOpen { .. } => "leave it out: nothing is owed on that day",
        LoanError::ChangeInvalid { .. } => "change the event so that it fits what stands on its day",
        LoanError::TermsInvalid { .. } => "change or leave out the measure",
        LoanError::TooManyRows { .. } => "leave out charges after the last instalment, or instalments",
        LoanError::TargetTooLow { .. } => "state a target above the interest of one period",
        LoanError::StateOfOtherDay { .. }
        | LoanError::NegativePart { .. }
        | LoanError::NotConserved { .. } => {
            return None;
        }
    };
    Some(advice.to_owned())
}
