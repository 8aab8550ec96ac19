//! Contracts, products and events: every word both ways, and what is refused.

use api::google::r#type::Date as DateMessage;
use api::leeway::common::v1::{self, loan_event::Kind};
use assessment::MAX_CALENDAR_DATES;
use loan::{Conventions, DayCount, Event, Frequency, Product};

use super::samples::{amount, cny, contract, day, kinds, product, rich_contract, rich_product};
use super::{check, fine, violations};
use crate::*;

#[test]
fn contracts_and_products_pass_both_ways() {
    for contract in [contract(), rich_contract()] {
        let message = contract_out(&contract);
        assert_eq!(fine(|v| contract_in(v, "c", Some(&message))), contract);
    }
    for product in [product(), rich_product()] {
        let message = product_out(&product);
        assert_eq!(fine(|v| product_in(v, "p", Some(&message))), product);
    }
}

#[test]
fn what_a_contract_leaves_out_is_the_plain_consumer_loan() {
    let mut message = contract_out(&contract());
    message.frequency = None;
    message.day_count = None;
    message.grace = None;
    (message.accrual, message.rounding, message.rounding_point) = (0, 0, 0);
    let read = fine(|v| contract_in(v, "c", Some(&message)));
    assert_eq!(read, contract());
    assert_eq!(read.conventions, Conventions::default());
    message.frequency = Some(v1::Frequency { every: 1, unit: 0 });
    message.day_count = Some(v1::DayCount { month: v1::MonthBasis::Actual.into(), year: 0 });
    let read = fine(|v| contract_in(v, "c", Some(&message))).conventions;
    assert_eq!((read.frequency, read.day_count), (Frequency::MONTHLY, DayCount::ACTUAL_360));
    let read = fine(|v| product_in(v, "p", Some(&v1::LoanProduct::default())));
    assert_eq!((read.allocation, read.late_allocation), (Product::default_allocation(), None));
}

fn with(change: impl FnOnce(&mut v1::LoanContract)) -> v1::LoanContract {
    let mut message = contract_out(&contract());
    change(&mut message);
    message
}

fn yuan(minor_units: i64) -> Option<v1::Money> {
    Some(v1::Money { currency_code: "CNY".into(), minor_units })
}

fn every(every: i32, unit: i32) -> Option<v1::Frequency> {
    Some(v1::Frequency { every, unit })
}

#[test]
fn conventions_out_of_bounds_are_named() {
    let grace = |principal, interest, deferred| {
        with(|m| {
            m.grace = Some(v1::Grace {
                principal_instalments: principal,
                interest_instalments: interest,
                deferred_interest_instalments: deferred,
            });
        })
    };
    let usd = Some(v1::Money { currency_code: "USD".into(), minor_units: 100 });
    let rows: [(v1::LoanContract, &[(&str, &str)]); 23] = [
        (with(|m| m.amortisation = 5), &[("c.amortisation", "UNKNOWN_VALUE")]),
        (with(|m| m.anchor_day = 32), &[("c.anchor_day", "OUT_OF_RANGE")]),
        (with(|m| m.anchor_day = -1), &[("c.anchor_day", "OUT_OF_RANGE")]),
        (with(|m| m.anchor_day = 16), &[("c.anchor_day", "OUT_OF_RANGE")]),
        (
            with(|m| m.instalment_multiple_of = yuan(0)),
            &[("c.instalment_multiple_of.minor_units", "OUT_OF_RANGE")],
        ),
        (
            with(|m| m.instalment_multiple_of = usd),
            &[("c.instalment_multiple_of.currency_code", "OTHER_CURRENCY")],
        ),
        (with(|m| m.frequency = every(0, 0)), &[("c.frequency.every", "OUT_OF_RANGE")]),
        (with(|m| m.frequency = every(13, 3)), &[("c.frequency.every", "OUT_OF_RANGE")]),
        (with(|m| m.frequency = every(53, 2)), &[("c.frequency.every", "OUT_OF_RANGE")]),
        (with(|m| m.frequency = every(367, 1)), &[("c.frequency.every", "OUT_OF_RANGE")]),
        (with(|m| m.frequency = every(1, 4)), &[("c.frequency.unit", "UNKNOWN_VALUE")]),
        (with(|m| m.accrual = 3), &[("c.accrual", "UNKNOWN_VALUE")]),
        (
            with(|m| m.day_count = Some(v1::DayCount { month: 3, year: 5 })),
            &[("c.day_count.month", "UNKNOWN_VALUE"), ("c.day_count.year", "UNKNOWN_VALUE")],
        ),
        (with(|m| m.rounding = 5), &[("c.rounding", "UNKNOWN_VALUE")]),
        (with(|m| m.rounding_point = 3), &[("c.rounding_point", "UNKNOWN_VALUE")]),
        (
            grace(-1, 601, -2),
            &[
                ("c.grace.principal_instalments", "OUT_OF_RANGE"),
                ("c.grace.interest_instalments", "OUT_OF_RANGE"),
                ("c.grace.deferred_interest_instalments", "OUT_OF_RANGE"),
            ],
        ),
        (grace(12, 0, 0), &[("c.grace", "OUT_OF_RANGE")]),
        (with(|m| m.down_payment_share = "1".into()), &[("c.down_payment_share", "OUT_OF_RANGE")]),
        (with(|m| m.down_payment_share = "-0.1".into()), &[("c.down_payment_share", "OUT_OF_RANGE")]),
        (with(|m| m.down_payment_share = "a quarter".into()), &[("c.down_payment_share", "MALFORMED")]),
        (with(|m| m.fixed_instalment = yuan(-5)), &[("c.fixed_instalment.minor_units", "OUT_OF_RANGE")]),
        (
            with(|m| {
                m.fixed_instalment = yuan(100_000);
                m.amortisation = v1::Amortisation::Flat.into();
            }),
            &[("c.fixed_instalment", "OUT_OF_RANGE")],
        ),
        (
            with(|m| {
                m.accrual = 9;
                m.anchor_day = 40;
                m.principal = None;
            }),
            &[("c.principal", "REQUIRED"), ("c.anchor_day", "OUT_OF_RANGE"), ("c.accrual", "UNKNOWN_VALUE")],
        ),
    ];
    for (message, expected) in rows {
        check(|v| contract_in(v, "c", Some(&message)), expected);
    }
}

#[test]
fn a_business_day_rule_needs_its_calendar() {
    let date = |month, day| DateMessage { year: 2026, month, day };
    let days = |rule, calendar| with(|m| m.business_days = Some(v1::BusinessDays { rule, calendar }));
    let calendar = |weekend_days, holiday_dates, working_dates| {
        Some(v1::BusinessCalendar { weekend_days, holiday_dates, working_dates })
    };
    let many: Vec<DateMessage> = vec![date(1, 1); MAX_CALENDAR_DATES + 1];
    let rows: [(v1::LoanContract, &[(&str, &str)]); 8] = [
        (days(1, None), &[("c.business_days.calendar", "REQUIRED")]),
        (days(0, calendar(vec![], vec![], vec![])), &[("c.business_days.rule", "REQUIRED")]),
        (days(4, calendar(vec![], vec![], vec![])), &[("c.business_days.rule", "UNKNOWN_VALUE")]),
        (
            days(1, calendar(vec![0, 8], vec![], vec![])),
            &[
                ("c.business_days.calendar.weekend_days[0]", "OUT_OF_RANGE"),
                ("c.business_days.calendar.weekend_days[1]", "OUT_OF_RANGE"),
            ],
        ),
        (
            days(1, calendar(vec![6, 6], vec![date(10, 1), date(10, 1)], vec![date(2, 30)])),
            &[
                ("c.business_days.calendar.weekend_days[1]", "DUPLICATE"),
                ("c.business_days.calendar.holiday_dates[1]", "DUPLICATE"),
                ("c.business_days.calendar.working_dates[0]", "MALFORMED"),
            ],
        ),
        (
            days(1, calendar(vec![], many.clone(), vec![])),
            &[("c.business_days.calendar.holiday_dates", "TOO_LONG")],
        ),
        (days(1, calendar(vec![], vec![], many)), &[("c.business_days.calendar.working_dates", "TOO_LONG")]),
        (
            days(1, calendar(vec![7], vec![date(10, 1)], vec![date(10, 1)])),
            &[("c.business_days.calendar.working_dates", "CONTRADICTION")],
        ),
    ];
    for (message, expected) in rows {
        check(|v| contract_in(v, "c", Some(&message)), expected);
    }
}

#[test]
fn orders_of_allocation_name_each_part_once() {
    let late = |beyond_days_past_due, order: &[i32]| v1::LoanProduct {
        late_allocation: Some(v1::LateAllocation { beyond_days_past_due, order: order.to_vec() }),
        ..v1::LoanProduct::default()
    };
    let first = |order: &[i32]| v1::LoanProduct { allocation: order.to_vec(), ..v1::LoanProduct::default() };
    let rows: [(v1::LoanProduct, &[(&str, &str)]); 10] = [
        (first(&[4, 3, 2, 1]), &[]),
        (first(&[1, 2, 3]), &[("p.allocation", "REQUIRED")]),
        (first(&[1, 2, 3, 4, 1]), &[("p.allocation", "TOO_LONG")]),
        (first(&[1, 2, 2, 0]), &[("p.allocation[2]", "DUPLICATE"), ("p.allocation[3]", "REQUIRED")]),
        (first(&[1, 2, 3, 5]), &[("p.allocation[3]", "UNKNOWN_VALUE")]),
        (late(90, &[4, 3, 2, 1]), &[]),
        (late(90, &[]), &[("p.late_allocation.order", "REQUIRED")]),
        (
            late(-1, &[1, 1, 3, 4]),
            &[
                ("p.late_allocation.beyond_days_past_due", "OUT_OF_RANGE"),
                ("p.late_allocation.order[1]", "DUPLICATE"),
            ],
        ),
        (late(10_001, &[4, 3, 2, 1]), &[("p.late_allocation.beyond_days_past_due", "OUT_OF_RANGE")]),
        (
            v1::LoanProduct { overdue_interest: 3, pay_off_interest: 3, ..v1::LoanProduct::default() },
            &[("p.overdue_interest", "UNKNOWN_VALUE"), ("p.pay_off_interest", "UNKNOWN_VALUE")],
        ),
    ];
    for (message, expected) in rows {
        assert_eq!(
            violations(|v| product_in(v, "p", Some(&message))),
            expected
                .iter()
                .map(|(field, reason)| (field.to_string(), reason.to_string()))
                .collect::<Vec<_>>(),
        );
    }
}

fn moment(micros: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(micros).unwrap()
}

#[test]
fn every_kind_of_event_passes_both_ways() {
    let events: Vec<Event> = (0..)
        .zip(kinds())
        .map(|(micros, kind)| Event { effective: day("2026-05-01"), entered: moment(micros), kind })
        .collect();
    let messages: Vec<v1::LoanEvent> = events.iter().map(|event| event_out(event, cny())).collect();
    assert_eq!(fine(|v| events_in(v, "events", &messages, cny(), moment(0))), events);
}

fn refused(kind: Kind, expected: &[(&str, &str)]) {
    let message = v1::LoanEvent { effective_date: Some(date_out(day("2026-05-01"))), kind: Some(kind) };
    check(|v| event_in(v, "e", &message, cny(), moment(0)), expected);
}

#[test]
fn pay_offs_charges_and_undoings_out_of_bounds_are_named() {
    refused(
        Kind::PayOff(v1::PayOffEvent { event_id: "a/b".into(), amount: yuan(0) }),
        &[("e.pay_off.event_id", "MALFORMED"), ("e.pay_off.amount.minor_units", "OUT_OF_RANGE")],
    );
    refused(
        Kind::Chargeback(v1::ChargebackEvent::default()),
        &[("e.chargeback.event_id", "REQUIRED"), ("e.chargeback.amount", "REQUIRED")],
    );
    refused(
        Kind::Charge(v1::ChargeEvent { part: 3, ..v1::ChargeEvent::default() }),
        &[
            ("e.charge.event_id", "REQUIRED"),
            ("e.charge.part", "UNKNOWN_VALUE"),
            ("e.charge.due_date", "REQUIRED"),
            ("e.charge.amount", "REQUIRED"),
        ],
    );
    let charge = v1::ChargeEvent {
        event_id: "c-1".into(),
        part: 0,
        due_date: Some(date_out(day("2026-05-15"))),
        amount: Some(money_out(amount(1), cny())),
    };
    refused(Kind::Charge(charge), &[("e.charge.part", "REQUIRED")]);
    refused(Kind::Termination(v1::Termination::default()), &[("e.termination.event_id", "REQUIRED")]);
    refused(Kind::Undone(v1::ChangeUndone::default()), &[("e.undone.event_id", "REQUIRED")]);
}

#[test]
fn changes_out_of_bounds_are_named() {
    let from = Some(date_out(day("2026-05-15")));
    let reschedule = |change: fn(&mut v1::RescheduleEvent)| {
        let mut message =
            v1::RescheduleEvent { event_id: "m-1".into(), from_date: from, ..v1::RescheduleEvent::default() };
        change(&mut message);
        Kind::Reschedule(message)
    };
    refused(reschedule(|_| {}), &[("e.reschedule", "REQUIRED")]);
    refused(
        reschedule(|m| {
            m.event_id.clear();
            m.from_date = None;
            m.new_due_date = Some(DateMessage::default());
            m.extra_instalments = -1;
            m.grace_on_principal_instalments = 601;
            m.grace_on_interest_instalments = 601;
            m.annual_rate = "10.5".into();
        }),
        &[
            ("e.reschedule.event_id", "REQUIRED"),
            ("e.reschedule.from_date", "REQUIRED"),
            ("e.reschedule.new_due_date", "OUT_OF_RANGE"),
            ("e.reschedule.extra_instalments", "OUT_OF_RANGE"),
            ("e.reschedule.grace_on_principal_instalments", "OUT_OF_RANGE"),
            ("e.reschedule.grace_on_interest_instalments", "OUT_OF_RANGE"),
            ("e.reschedule.annual_rate", "OUT_OF_RANGE"),
        ],
    );
    refused(
        Kind::ReAge(v1::ReAgeEvent { frequency: every(0, 5), interest: 4, ..v1::ReAgeEvent::default() }),
        &[
            ("e.re_age.event_id", "REQUIRED"),
            ("e.re_age.first_due_date", "REQUIRED"),
            ("e.re_age.instalments", "OUT_OF_RANGE"),
            ("e.re_age.frequency.every", "OUT_OF_RANGE"),
            ("e.re_age.frequency.unit", "UNKNOWN_VALUE"),
            ("e.re_age.interest", "UNKNOWN_VALUE"),
        ],
    );
    refused(
        Kind::ReAmortisation(v1::ReAmortisationEvent { event_id: String::new(), interest: 4 }),
        &[("e.re_amortisation.event_id", "REQUIRED"), ("e.re_amortisation.interest", "UNKNOWN_VALUE")],
    );
    refused(
        Kind::InterestPause(v1::InterestPause { event_id: String::new(), from_date: None, to_date: from }),
        &[("e.interest_pause.event_id", "REQUIRED"), ("e.interest_pause.from_date", "REQUIRED")],
    );
    let before = Some(date_out(day("2026-05-14")));
    refused(
        Kind::InterestPause(v1::InterestPause { event_id: "p-1".into(), from_date: from, to_date: before }),
        &[("e.interest_pause.to_date", "CONTRADICTION")],
    );
}

#[test]
fn ids_are_new_and_taken_back_in_their_own_way() {
    let events: Vec<v1::LoanEvent> = kinds()
        .into_iter()
        .map(|kind| event_out(&Event { effective: day("2026-05-01"), entered: moment(0), kind }, cny()))
        .collect();
    let undone = |id: &str| Some(Kind::Undone(v1::ChangeUndone { event_id: id.into() }));
    let event = |kind| v1::LoanEvent { effective_date: Some(date_out(day("2026-05-01"))), kind };
    let early = |kind| v1::LoanEvent { effective_date: Some(date_out(day("2026-04-30"))), kind };
    let payment = |id: &str| Some(Kind::Payment(v1::PaymentEvent { payment_id: id.into(), amount: yuan(1) }));
    let pause = events.iter().find(|one| matches!(one.kind, Some(Kind::InterestPause(_)))).unwrap();
    let list = vec![
        pause.clone(),
        event(payment("pause-1")),
        event(payment("pay-2")),
        event(undone("pay-2")),
        early(undone("pause-1")),
        event(undone("pause-1")),
        event(undone("pause-2")),
        event(Some(Kind::Reversal(v1::PaymentReversal { payment_id: "pause-1".into() }))),
        pause.clone(),
    ];
    check(
        |v| events_in(v, "events", &list, cny(), moment(0)),
        &[
            ("events[1].payment.payment_id", "DUPLICATE"),
            ("events[3].undone.event_id", "CONTRADICTION"),
            ("events[4].undone.event_id", "CONTRADICTION"),
            ("events[6].undone.event_id", "CONTRADICTION"),
            ("events[7].reversal.payment_id", "CONTRADICTION"),
            ("events[8].interest_pause.event_id", "DUPLICATE"),
        ],
    );
}

#[test]
fn a_waiver_or_settlement_is_stated_in_one_way() {
    use v1::measure::Kind as Measure;
    let terms = |kinds: Vec<Measure>| v1::Terms {
        measures: kinds.into_iter().map(|kind| v1::Measure { kind: Some(kind) }).collect(),
        first_payment_date: None,
    };
    let settlement = |share: &str, sum| {
        Measure::Settlement(v1::Settlement {
            principal_share: share.into(),
            sum,
            ..v1::Settlement::default()
        })
    };
    let penalty =
        |share: &str, amount| Measure::WaivePenalty(v1::WaivePenalty { share: share.into(), amount });
    let interest = |share: &str, amount| {
        Measure::WaiveInterest(v1::WaiveInterest { share: share.into(), scope: 0, amount })
    };
    type Violated = &'static [(&'static str, &'static str)];
    let rows: [(Vec<Measure>, Violated); 4] = [
        (vec![penalty("", yuan(1)), interest("", yuan(1)), settlement("", yuan(1))], &[]),
        (
            vec![penalty("1", yuan(1)), interest("0.5", yuan(1)), settlement("0.9", yuan(1))],
            &[
                ("t.measures[0].waive_penalty.amount", "CONTRADICTION"),
                ("t.measures[1].waive_interest.amount", "CONTRADICTION"),
                ("t.measures[2].settlement.sum", "CONTRADICTION"),
            ],
        ),
        (
            vec![penalty("", yuan(0)), interest("", yuan(-1)), settlement("", yuan(0))],
            &[
                ("t.measures[0].waive_penalty.amount.minor_units", "OUT_OF_RANGE"),
                ("t.measures[1].waive_interest.amount.minor_units", "OUT_OF_RANGE"),
                ("t.measures[2].settlement.sum.minor_units", "OUT_OF_RANGE"),
            ],
        ),
        (vec![penalty("2", None)], &[("t.measures[0].waive_penalty.share", "OUT_OF_RANGE")]),
    ];
    for (kinds, expected) in rows {
        check(|v| proposal_in(v, "t", Some(&terms(kinds)), cny()), expected);
    }
}
