//! What PreviewSchedule refuses: the field, the rule and what to do.

use api::leeway::common::v1::{self as common, loan_event::Kind, measure};
use api::leeway::policy::v1 as policy;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::cases::zhang_account;
use super::{Running, ask, refused, start};

fn on(text: &str) -> Option<api::google::r#type::Date> {
    Some(wire::date_out(text.parse().unwrap()))
}

fn cny(minor_units: i64) -> Option<common::Money> {
    Some(common::Money { currency_code: "CNY".into(), minor_units })
}

/// Zhang's loan on 20 July after one more event of 18 July.
fn after(kind: Kind) -> policy::PreviewScheduleRequest {
    let mut request = changed(|_| {});
    let event = common::LoanEvent { effective_date: on("2026-07-18"), kind: Some(kind) };
    request.loan.as_mut().unwrap().events.push(event);
    request
}

fn changed(change: impl FnOnce(&mut policy::LoanFacts)) -> policy::PreviewScheduleRequest {
    let mut loan = wire::loan_facts_out("loan-zhang", &zhang_account());
    change(&mut loan);
    policy::PreviewScheduleRequest {
        loan: Some(loan),
        as_of_date: on("2026-07-20"),
        ..policy::PreviewScheduleRequest::default()
    }
}

fn under(kind: measure::Kind) -> policy::PreviewScheduleRequest {
    let terms =
        common::Terms { measures: vec![common::Measure { kind: Some(kind) }], first_payment_date: None };
    policy::PreviewScheduleRequest { terms: Some(terms), ..changed(|_| {}) }
}

fn extension(minor: i64) -> measure::Kind {
    let by = Some(common::term_extension::By::TargetPayment(cny(minor).unwrap()));
    measure::Kind::TermExtension(common::TermExtension { by })
}

async fn refusal(running: &mut Running, request: policy::PreviewScheduleRequest) -> Status {
    running.client.preview_schedule(ask(request)).await.unwrap_err()
}

/// The one violation: field, reason and description.
async fn check(request: policy::PreviewScheduleRequest, field: &str, reason: &str, says: &str) {
    let status = refusal(&mut start().await, request).await;
    assert_eq!(refused(&status), (Code::InvalidArgument, "ERROR_REASON_VALIDATION_FAILED".into()));
    let found = status.get_details_bad_request().unwrap().field_violations;
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.field.as_str(), one.reason.as_str()), (field, reason), "{}", one.description);
    assert!(one.description.contains(says), "{}", one.description);
}

#[tokio::test]
async fn an_event_that_doesnt_fit_is_named() {
    let id = |text: &str| text.to_owned();
    let pay_off = common::PayOffEvent { event_id: id("off-1"), amount: cny(1) };
    check(after(Kind::PayOff(pay_off)), "loan.events[8].pay_off.amount", "PAY_OFF_DIFFERS", "state `").await;
    let back = common::ChargebackEvent { event_id: id("back-1"), amount: cny(958_545) };
    check(after(Kind::Chargeback(back)), "loan.events[8].chargeback", "CHANGE_INVALID", "more than was paid")
        .await;
    let reschedule = common::RescheduleEvent {
        event_id: id("move-1"),
        from_date: on("2027-10-16"),
        extra_instalments: 1,
        ..common::RescheduleEvent::default()
    };
    check(
        after(Kind::Reschedule(reschedule)),
        "loan.events[8].reschedule",
        "CHANGE_INVALID",
        "no instalment",
    )
    .await;
    let re_age = common::ReAgeEvent {
        event_id: id("age-1"),
        first_due_date: on("2026-07-17"),
        instalments: 3,
        ..common::ReAgeEvent::default()
    };
    check(after(Kind::ReAge(re_age)), "loan.events[8].re_age", "CHANGE_INVALID", "before the re-age").await;
    let terms = common::Terms {
        measures: vec![common::Measure { kind: Some(extension(1_000)) }],
        first_payment_date: None,
    };
    let relief = common::ReliefEvent { plan_id: id("plan-1"), terms: Some(terms) };
    let field = "loan.events[8].relief.terms.measures[0].term_extension.target_payment";
    check(after(Kind::Relief(relief)), field, "TARGET_TOO_LOW", "above the interest").await;
}

#[tokio::test]
async fn a_measure_that_doesnt_fit_is_named() {
    let field = "terms.measures[0].term_extension.target_payment";
    check(under(extension(1_000)), field, "TARGET_TOO_LOW", "above the interest").await;
    let reduction = common::PaymentReduction {
        pay: Some(common::payment_reduction::Pay::Factor("0.5".into())),
        instalments: 10,
        shortfall_rows: 10,
        interest: common::ReductionInterest::None.into(),
    };
    check(under(measure::Kind::PaymentReduction(reduction)), "terms", "NOT_ENOUGH_INSTALMENTS", "`16`").await;
    let settlement = common::Settlement {
        sum: cny(1_000_000),
        pay_by_date: on("2026-07-19"),
        ..common::Settlement::default()
    };
    let field = "terms.measures[0].settlement";
    check(under(measure::Kind::Settlement(settlement)), field, "TERMS_INVALID", "leave out the measure")
        .await;
}

#[tokio::test]
async fn a_contract_without_business_days_is_refused() {
    let rule = |calendar| {
        changed(move |loan| {
            let rule = common::BusinessDayRule::Following.into();
            loan.contract.as_mut().unwrap().business_days = Some(common::BusinessDays { rule, calendar });
        })
    };
    // Zhang's loan runs until October 2027, of which the pack's calendar knows nothing.
    let field = "loan.contract.business_days.calendar";
    check(rule(None), field, "NOT_COVERED", "state the calendar with the contract").await;
    let closed =
        common::BusinessCalendar { weekend_days: (1..=7).collect(), ..common::BusinessCalendar::default() };
    check(rule(Some(closed)), field, "NO_BUSINESS_DAY", "once a month").await;
}

#[tokio::test]
async fn changes_are_bounded() {
    let request = changed(|loan| {
        for number in 0..=30 {
            let pause = common::InterestPause {
                event_id: format!("pause-{number}"),
                from_date: on("2026-07-18"),
                to_date: on("2026-07-18"),
            };
            let kind = Some(Kind::InterestPause(pause));
            loan.events.push(common::LoanEvent { effective_date: on("2026-07-18"), kind });
        }
    });
    check(request, "loan.events", "TOO_LONG", "at most 30").await;
}
