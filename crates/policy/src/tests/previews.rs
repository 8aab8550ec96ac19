//! PreviewSchedule.

use api::leeway::common::v1 as common;
use api::leeway::policy::v1 as policy;
use loan::{Measure, Ratio, ReducedPayment, ReductionInterest, ShortfallOver, Terms};
use tonic::Code;

use super::cases::{li_account, zhang_account};
use super::{ask, ask_as, date, fields, minor, refused, start};

fn zhang(terms: Option<common::Terms>) -> policy::PreviewScheduleRequest {
    policy::PreviewScheduleRequest {
        loan: Some(wire::loan_facts_out("loan-zhang", &zhang_account()).unwrap()),
        as_of_date: Some(wire::date_out("2026-07-20".parse().unwrap())),
        terms,
    }
}

/// Half for three rows, the shortfall over the next six, penalty waived, the overdue row payable on 31 July.
fn half() -> common::Terms {
    let terms = Terms {
        measures: vec![
            Measure::WaivePenalty { share: Ratio::ONE },
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
async fn without_terms_only_what_stands_is_shown() {
    let mut running = start().await;
    let shown = running.client.preview_schedule(ask(zhang(None))).await.unwrap().into_inner();
    assert_eq!(shown.before.len(), 24);
    assert!(shown.after.is_empty());
    assert_eq!((shown.total_after, shown.waived, shown.present_value_loss), (None, None, None));
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
        loan: Some(wire::loan_facts_out("loan-li", &li_account()).unwrap()),
        as_of_date: facts.as_of_date,
        terms: offer.terms.clone(),
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
    assert_eq!(refused(&status), (Code::FailedPrecondition, "ERROR_REASON_LOAN_RULE".into()));
    let status = running.client.preview_schedule(ask_as("operator:o", zhang(None))).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}
