//! PreviewSchedule.

use api::leeway::common::v1::{self as common, loan_event::Kind};
use api::leeway::policy::v1 as policy;
use loan::{Measure, Ratio, ReducedPayment, ReductionInterest, ShortfallOver, Terms, Waiver};
use tonic::Code;

use super::cases::{li_account, zhang_account};
use super::{ask, ask_as, date, fields, minor, refused, start};

fn zhang(terms: Option<common::Terms>) -> policy::PreviewScheduleRequest {
    policy::PreviewScheduleRequest {
        loan: Some(wire::loan_facts_out("loan-zhang", &zhang_account())),
        as_of_date: Some(wire::date_out("2026-07-20".parse().unwrap())),
        terms,
        pack_name: String::new(),
    }
}

/// Half for three rows, the shortfall over the next six, penalty waived, the overdue row payable on 31 July.
fn half() -> common::Terms {
    let terms = Terms {
        measures: vec![
            Measure::WaivePenalty { waiver: Waiver::ALL },
            Measure::PaymentReduction {
                pay: ReducedPayment::Factor(Ratio::parse("0.5").unwrap()),
                instalments: 3,
                shortfall_over: ShortfallOver::Rows(6),
                interest: ReductionInterest::None,
            },
        ],
        first_payment: Some("2026-07-31".parse().unwrap()),
    };
    wire::terms_out(&terms, loan::Currency::parse("CNY").unwrap())
}

#[tokio::test]
async fn zhangs_terms_are_shown_row_by_row() {
    let mut running = start().await;
    let request = ask_as("borrower:zhang", zhang(Some(half())));
    let shown = running.client.preview_schedule(request).await.unwrap().into_inner();
    assert_eq!((shown.before.len(), shown.after.len()), (24, 24));
    let before = &shown.before[8];
    assert_eq!((before.nr, date(&before.due_date)), (9, "2026-07-15".to_owned()));
    let penalty = minor(&before.penalty);
    assert!(penalty > 0, "five days late");
    assert_eq!(minor(&before.total_due), 119_818 + penalty);
    assert_eq!(date(&shown.before[0].paid_date), date(&shown.before[0].due_date));

    let rows: Vec<(i32, String, i64)> =
        shown.after[8..18].iter().map(|row| (row.nr, date(&row.due_date), minor(&row.total_due))).collect();
    let expected = [
        (9, "2026-07-31", 59_909),
        (10, "2026-08-15", 59_909),
        (11, "2026-09-15", 59_909),
        (12, "2026-10-15", 149_772),
        (13, "2026-11-15", 149_772),
        (14, "2026-12-15", 149_772),
        (15, "2027-01-15", 149_772),
        (16, "2027-02-15", 149_772),
        (17, "2027-03-15", 149_775),
        (18, "2027-04-15", 119_818),
    ];
    assert_eq!(rows, expected.map(|(nr, due, total)| (nr, due.to_owned(), total)));
    assert_eq!(minor(&shown.after[8].waived), penalty);
    assert_eq!(shown.after[8].contract_due_date, before.contract_due_date);
    assert_eq!(shown.after[0], shown.before[0], "what is paid stands still");

    assert_eq!(minor(&shown.total_after), 1_917_085);
    assert_eq!(minor(&shown.total_before), 1_917_085 + penalty);
    assert_eq!(minor(&shown.waived.as_ref().unwrap().penalty), penalty);
    assert_eq!(minor(&shown.relief_interest), 0);
    assert!(minor(&shown.present_value_loss) > 0);
    assert!(shown.present_value_loss_share.starts_with("0.0") && shown.present_value_loss_share.len() == 6);
    assert!(shown.annual_cost.starts_with("0.1"), "{}", shown.annual_cost);
}

#[tokio::test]
async fn standing_and_cost_are_shown_with_and_without_terms() {
    let mut running = start().await;
    let shown = running.client.preview_schedule(ask(zhang(Some(half())))).await.unwrap().into_inner();
    let penalty = minor(&shown.before[8].penalty);
    let standing = shown.standing.as_ref().unwrap();
    assert_eq!((standing.days_past_due_current, standing.days_past_due_contract), (5, 5));
    assert_eq!((standing.bucket(), standing.closed), (common::Bucket::M1, false));
    assert_eq!(date(&standing.oldest_unpaid_due_date), "2026-07-15");
    assert_eq!(date(&standing.next_due_date), "2026-08-15");
    assert_eq!(standing.arrears, shown.arrears);
    let total = |parts: &Option<common::Parts>| {
        let parts = parts.as_ref().unwrap();
        [&parts.penalty, &parts.fee, &parts.interest, &parts.principal].map(minor).iter().sum::<i64>()
    };
    assert_eq!(total(&standing.paid), 8 * 119_818);
    assert_eq!(total(&standing.owed), 1_917_085 + penalty);
    assert_eq!(total(&standing.waived), 0);
    let (first, late) = (&standing.instalments[0], &standing.instalments[8]);
    assert_eq!((first.nr, total(&first.paid), total(&first.left)), (1, 119_818, 0));
    assert_eq!(first.payments[0].payment_id, "pay-1");
    assert_eq!(first.payments[0].covered, first.paid);
    assert_eq!((late.nr, total(&late.left), minor(&late.penalty)), (9, 119_818 + penalty, penalty));
    assert_eq!((minor(&late.charged_penalty), late.payments.len()), (0, 0));
    assert_eq!((standing.rates.len(), standing.rates[0].annual_rate.as_str()), (1, "0.18"));
    assert_eq!((shown.versions.len(), shown.versions[0].instalments.len()), (1, 24));
    assert_eq!(shown.versions[0].cause(), policy::VersionCause::Contract);

    let figures = |cost: &Option<policy::ScheduleCost>| {
        let cost = cost.as_ref().unwrap();
        let sums = [&cost.total_to_pay, &cost.total_paid, &cost.difference_to_contract];
        let payments =
            (date(&cost.first_payment_date), minor(&cost.first_payment), minor(&cost.highest_payment));
        (sums.map(minor), payments, date(&cost.end_date))
    };
    // 23 × 1,198.18 + 1,198.15 by the contract; the terms move payments and waive the penalty, nothing else.
    let contract = 23 * 119_818 + 119_815;
    assert_eq!(
        figures(&shown.cost_before),
        (
            [1_917_085 + penalty, contract + penalty, penalty],
            ("2026-07-15".into(), 119_818, 119_818),
            "2027-10-15".into()
        )
    );
    assert_eq!(
        figures(&shown.cost_after),
        ([1_917_085, contract, 0], ("2026-07-31".into(), 59_909, 149_775), "2027-10-15".into())
    );
    let (before, after) = (shown.cost_before.unwrap(), shown.cost_after.unwrap());
    assert_eq!((before.annual_cost.as_str(), &after.annual_cost), ("0.1800", &shown.annual_cost));
    // (1 + 0.18/12)^12 − 1 is 0.1956; later payment at no interest costs less.
    assert_eq!(before.effective_annual_cost.get(..4), Some("0.19"));
    assert!(after.effective_annual_cost < before.effective_annual_cost);
    let cost = shown.relief_cost.unwrap();
    assert_eq!(minor(&cost.penalty_waived), penalty);
    assert_eq!(minor(&cost.total), penalty + minor(&shown.present_value_loss));
}

#[tokio::test]
async fn every_kind_of_event_can_be_given() {
    let mut running = start().await;
    let mut request = zhang(None);
    let on = |text: &str| Some(wire::date_out(text.parse().unwrap()));
    let cny = |minor_units| Some(common::Money { currency_code: "CNY".into(), minor_units });
    let id = |text: &str| text.to_owned();
    let undone = |event_id: &str| Kind::Undone(common::ChangeUndone { event_id: id(event_id) });
    let kinds = [
        Kind::Charge(common::ChargeEvent {
            event_id: id("fee-1"),
            part: common::ChargePart::Fee.into(),
            due_date: on("2026-08-15"),
            amount: cny(500),
        }),
        Kind::Chargeback(common::ChargebackEvent { event_id: id("back-1"), amount: cny(300) }),
        Kind::InterestPause(common::InterestPause {
            event_id: id("pause-1"),
            from_date: on("2026-08-01"),
            to_date: on("2026-08-05"),
        }),
        Kind::Reschedule(common::RescheduleEvent {
            event_id: id("move-1"),
            from_date: on("2026-08-15"),
            extra_instalments: 2,
            ..common::RescheduleEvent::default()
        }),
        Kind::ReAmortisation(common::ReAmortisationEvent { event_id: id("fold-1"), interest: 0 }),
        undone("fold-1"),
        Kind::ReAge(common::ReAgeEvent {
            event_id: id("age-1"),
            first_due_date: on("2026-09-15"),
            instalments: 12,
            ..common::ReAgeEvent::default()
        }),
        undone("age-1"),
        Kind::Termination(common::Termination { event_id: id("end-1") }),
        undone("end-1"),
        Kind::PenaltySuspension(common::PenaltySuspension {
            from_date: on("2026-07-18"),
            to_date: on("2026-07-18"),
        }),
    ];
    let events = &mut request.loan.as_mut().unwrap().events;
    for kind in kinds {
        events.push(common::LoanEvent { effective_date: on("2026-07-18"), kind: Some(kind) });
    }
    let shown = running.client.preview_schedule(ask(request)).await.unwrap().into_inner();
    assert_eq!(shown.before.len(), 26, "two instalments were added");
    let standing = shown.standing.unwrap();
    assert_eq!((minor(&standing.charged_back), minor(&standing.owed.unwrap().fee)), (300, 500));
    let causes: Vec<(policy::VersionCause, &str)> =
        shown.versions.iter().map(|version| (version.cause(), version.cause_id.as_str())).collect();
    for cause in [
        (policy::VersionCause::Contract, ""),
        (policy::VersionCause::Change, "move-1"),
        (policy::VersionCause::Change, "age-1"),
        (policy::VersionCause::Undo, "age-1"),
    ] {
        assert!(causes.contains(&cause), "{cause:?} in {causes:?}");
    }
}

#[tokio::test]
async fn without_terms_only_what_stands_is_shown() {
    let mut running = start().await;
    let shown = running.client.preview_schedule(ask(zhang(None))).await.unwrap().into_inner();
    assert_eq!(shown.before.len(), 24);
    assert!(shown.after.is_empty());
    assert_eq!((shown.total_after, shown.waived, shown.present_value_loss), (None, None, None));
    assert_eq!((shown.cost_after, shown.relief_cost), (None, None));
    assert_eq!((shown.annual_cost.as_str(), shown.present_value_loss_share.as_str()), ("", ""));
    let arrears = shown.arrears.unwrap();
    assert_eq!(minor(&arrears.principal) + minor(&arrears.interest), 119_818);
    let left: i64 =
        shown.before.iter().filter(|row| row.paid_date.is_none()).map(|row| minor(&row.principal)).sum();
    assert_eq!(minor(&shown.principal_left), left);
}

#[tokio::test]
async fn an_offer_and_its_preview_agree() {
    let mut running = start().await;
    let facts = super::cases::li();
    let answer = running.client.assess(ask(super::question(1, facts.clone()))).await.unwrap().into_inner();
    let offer = answer.decision.unwrap().offers[0].clone();
    let request = policy::PreviewScheduleRequest {
        loan: Some(wire::loan_facts_out("loan-li", &li_account())),
        as_of_date: facts.as_of_date,
        terms: offer.terms.clone(),
        pack_name: "cn-instalment".into(),
    };
    let shown = running.client.preview_schedule(ask(request)).await.unwrap().into_inner();
    assert_eq!(shown.total_after, offer.total_to_pay);
    assert_eq!(shown.waived, offer.waived);
    assert_eq!(shown.present_value_loss, offer.present_value_loss);
    assert_eq!(shown.present_value_loss_share, offer.present_value_loss_share);
    assert_eq!(shown.annual_cost, offer.annual_cost);
    let open: Vec<common::Instalment> =
        shown.after.into_iter().filter(|row| row.paid_date.is_none()).collect();
    assert_eq!(open, offer.instalments);
}

#[tokio::test]
async fn refusals_name_the_field_or_the_rule() {
    let mut running = start().await;
    let mut incomplete = half();
    incomplete.first_payment_date.as_mut().unwrap().month = 13;
    if let Some(common::measure::Kind::PaymentReduction(reduction)) = &mut incomplete.measures[1].kind {
        reduction.interest = 0;
    }
    let mut wrong = zhang(Some(incomplete));
    wrong.as_of_date = None;
    let status = running.client.preview_schedule(ask(wrong)).await.unwrap_err();
    assert_eq!(refused(&status), (Code::InvalidArgument, "ERROR_REASON_VALIDATION_FAILED".into()));
    let expected = ["as_of_date", "terms.first_payment_date", "terms.measures[1].payment_reduction.interest"];
    assert_eq!(fields(&status), expected);

    let mut past = half();
    past.first_payment_date = Some(wire::date_out("2026-07-01".parse().unwrap()));
    let status = running.client.preview_schedule(ask(zhang(Some(past)))).await.unwrap_err();
    assert_eq!(refused(&status), (Code::InvalidArgument, "ERROR_REASON_VALIDATION_FAILED".into()));
    assert_eq!(fields(&status), ["terms.first_payment_date"]);
    let status = running.client.preview_schedule(ask_as("operator:o", zhang(None))).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}
