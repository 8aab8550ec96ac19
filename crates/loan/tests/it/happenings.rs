//! What may happen to a loan, read from a tape.

use loan::{
    Account, ChargePart, Date, DeferralInterest, Event, EventKind, Extension, InterestScope, Measure, ReAge,
    ReAgeInterest, ReAgeOver, ReAmortiseInterest, ReducedPayment, ReductionInterest, Reschedule,
    SettlementSum, ShortfallOver, Terms, Waiver, calendar,
};

use crate::tape::Tape;

/// Errors that no believable loan and event may meet.
pub const IMPOSSIBLE: [&str; 5] =
    ["NOT_CONSERVED", "NEGATIVE_PART", "DIVISION_BY_ZERO", "ARITHMETIC_OVERFLOW", "DATE_OUT_OF_RANGE"];

/// The `index`-th event to be entered, a minute after the one before; its day may lie anywhere.
pub fn event(tape: &mut Tape<'_>, account: &Account, index: u16) -> Event {
    let rows = account.origin.rows().unwrap_or_default();
    let contract = account.contract();
    let start = contract.interest_from;
    let end = rows.last().map_or(start, |row| row.due);
    let days = u32::try_from(calendar::days_between(start, end) + 60).unwrap_or(60).min(3_000);
    let mut effective = tape.day(start, days);
    let id = format!("e{index}");
    let kind = match tape.below(20) {
        0..4 => EventKind::Payment { id, amount: tape.amount(contract.principal.minor()) },
        4..6 if !rows.is_empty() => {
            let row = tape.pick(&rows);
            effective = row.due.max(start);
            EventKind::Payment { id, amount: row.total().unwrap_or_default() }
        }
        6 => EventKind::PaymentReversed { payment_id: older_id(tape, account, is_payment) },
        7 => {
            let part = tape.pick(&[ChargePart::Fee, ChargePart::Penalty]);
            EventKind::Charge { id, part, due: tape.day(start, days + 60), amount: tape.amount(10_000) }
        }
        8 => EventKind::Chargeback { id, amount: tape.amount(received(account)) },
        9 | 10 => EventKind::Reschedule { id, change: reschedule(tape, start, days) },
        11 => EventKind::ReAge { id, re_age: re_age(tape, effective) },
        12 => EventKind::ReAmortise { id, interest: re_amortise(tape) },
        13 => {
            let from = tape.day(start, days);
            EventKind::InterestPaused { id, from, to: tape.day(from, 90) }
        }
        14 => EventKind::Terminated { id },
        15 => {
            let amount = account.pay_off_sum(effective.max(start)).unwrap_or_default();
            EventKind::PayOff { id, amount }
        }
        16 | 17 => EventKind::Relief { id, terms: terms(tape, effective) },
        18 => {
            let id = older_id(tape, account, |kind| !is_payment(kind));
            match account
                .events
                .iter()
                .find(|event| event.kind.new_id() == Some(&id))
                .map(|event| &event.kind)
            {
                Some(EventKind::Relief { .. }) => {
                    let kept_to = if tape.chance(8) { Some(tape.day(start, days)) } else { None };
                    EventKind::ReliefUndone { id, kept_to }
                }
                _ => EventKind::Undone { id },
            }
        }
        _ => {
            let from = tape.day(start, days);
            EventKind::PenaltySuspended { from, to: tape.day(from, 40) }
        }
    };
    Event { effective, entered: entered(index), kind }
}

pub fn entered(index: u16) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_800_000_000 + i64::from(index) * 60).unwrap()
}

fn is_payment(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Payment { .. } | EventKind::PayOff { .. })
}

/// All that was ever paid.
fn received(account: &Account) -> i64 {
    let amount = |event: &Event| match &event.kind {
        EventKind::Payment { amount, .. } | EventKind::PayOff { amount, .. } => amount.minor(),
        _ => 0,
    };
    account.events.iter().map(amount).fold(0, i64::saturating_add)
}

/// The id of an earlier event of some kind.
fn older_id(tape: &mut Tape<'_>, account: &Account, fits: impl Fn(&EventKind) -> bool) -> String {
    let kinds = account.events.iter().map(|event| &event.kind).filter(|kind| fits(kind));
    let ids: Vec<&str> = kinds.filter_map(EventKind::new_id).collect();
    if ids.is_empty() { "nobody".to_owned() } else { tape.pick(&ids).to_owned() }
}

fn reschedule(tape: &mut Tape<'_>, start: Date, days: u32) -> Reschedule {
    let from = tape.day(start, days);
    Reschedule {
        from,
        new_due: if tape.chance(6) { Some(tape.day(from, 90)) } else { None },
        extra_instalments: if tape.chance(6) { tape.count(6) } else { 0 },
        grace_on_principal: if tape.chance(4) { tape.count(4) } else { 0 },
        grace_on_interest: if tape.chance(4) { tape.count(4) } else { 0 },
        annual_rate: if tape.chance(6) { Some(tape.rate()) } else { None },
    }
}

fn re_age(tape: &mut Tape<'_>, on: Date) -> ReAge {
    ReAge {
        first_due: tape.day(on, 60),
        instalments: tape.count(8).saturating_add(1),
        frequency: tape.frequency(),
        interest: tape.pick(&[ReAgeInterest::Default, ReAgeInterest::EqualPayable, ReAgeInterest::EqualFull]),
    }
}

fn re_amortise(tape: &mut Tape<'_>) -> ReAmortiseInterest {
    tape.pick(&[ReAmortiseInterest::Default, ReAmortiseInterest::Waived, ReAmortiseInterest::EqualShares])
}

fn waiver(tape: &mut Tape<'_>) -> Waiver {
    if tape.chance(6) { Waiver::Amount(tape.amount(100_000)) } else { Waiver::Share(tape.share()) }
}

/// Up to four measures; may contradict each other.
pub fn terms(tape: &mut Tape<'_>, on: Date) -> Terms {
    let mut measures = Vec::new();
    if tape.chance(6) {
        measures.push(Measure::WaivePenalty { waiver: waiver(tape) });
    }
    if tape.chance(5) {
        let scope = tape.pick(&[InterestScope::Overdue, InterestScope::Future, InterestScope::All]);
        measures.push(Measure::WaiveInterest { scope, waiver: waiver(tape) });
    }
    if tape.chance(5) {
        let rows = tape_rows(tape, 6);
        let over = tape.pick(&[ReAgeOver::NextRows(rows), ReAgeOver::Remaining, ReAgeOver::End]);
        measures.push(Measure::ReAge { over });
    }
    if measures.is_empty() || tape.chance(12) {
        measures.push(rescheduling(tape, on));
    }
    let first_payment = if tape.chance(4) { Some(tape.day(on, 40)) } else { None };
    Terms { measures, first_payment }
}

fn tape_rows(tape: &mut Tape<'_>, most: u16) -> u16 {
    tape.count(most - 1).saturating_add(1)
}

/// One measure that moves instalments.
pub fn rescheduling(tape: &mut Tape<'_>, on: Date) -> Measure {
    match tape.below(6) {
        0 => Measure::Deferral {
            months: u8::try_from(tape.below(6) + 1).unwrap(),
            interest: tape.pick(&[
                DeferralInterest::None,
                DeferralInterest::Paid,
                DeferralInterest::Spread,
                DeferralInterest::AtEnd,
            ]),
        },
        1 => Measure::PaymentReduction {
            pay: if tape.chance(6) {
                ReducedPayment::Amount(tape.amount(1_000_000))
            } else {
                ReducedPayment::Factor(tape.share())
            },
            instalments: tape_rows(tape, 5),
            shortfall_over: if tape.chance(8) {
                ShortfallOver::Rows(tape_rows(tape, 6))
            } else {
                ShortfallOver::ToEnd
            },
            interest: tape.pick(&[ReductionInterest::None, ReductionInterest::Contract]),
        },
        2 => Measure::TermExtension {
            by: if tape.chance(6) {
                Extension::TargetPayment(tape.amount(500_000))
            } else {
                Extension::Instalments(tape_rows(tape, 12))
            },
        },
        3 => Measure::RateReduction {
            rate: tape.rate(),
            until: if tape.chance(8) { Some(tape.day(on, 400)) } else { None },
        },
        4 => Measure::Settlement {
            sum: if tape.chance(8) {
                SettlementSum::Sum(tape.amount(10_000_000))
            } else {
                SettlementSum::PrincipalShare(tape.share())
            },
            pay_by: tape.day(on, 90),
            parts: u8::try_from(tape.below(3) + 1).unwrap(),
        },
        _ => Measure::TokenPayments {
            amount: tape.amount(50_000),
            months: u8::try_from(tape.below(5) + 1).unwrap(),
        },
    }
}
