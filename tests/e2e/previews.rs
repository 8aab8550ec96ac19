//! What a schedule would be, for contracts and changes that the stories don't have.

use api::leeway::application::v1 as pb;
use api::leeway::common::v1::{self as common, loan_event::Kind};
use api::leeway::policy::v1 as policy;
use e2e::make::{cny, day, minor, request_id, terms, text};
use e2e::{Refusal, Stage};
use tonic_types::StatusExt as _;

const JANUARY: &str = "2026-01-25T10:00+08:00";

fn event(on: &str, kind: Kind) -> common::LoanEvent {
    common::LoanEvent { effective_date: Some(day(on)), kind: Some(kind) }
}

/// 1,000.00 over four weeks at 36.5 % a year by exact days, which is 0.1 % a night. The first instalment was paid; then the
/// second moved by a week, and three nights bear no interest.
fn weekly() -> policy::LoanFacts {
    let payment = common::PaymentEvent { payment_id: "pay-1".to_owned(), amount: Some(cny(25_439)) };
    let move_on = common::RescheduleEvent {
        event_id: "move-1".to_owned(),
        from_date: Some(day("2026-01-15")),
        new_due_date: Some(day("2026-01-22")),
        ..common::RescheduleEvent::default()
    };
    let pause = common::InterestPause {
        event_id: "pause-1".to_owned(),
        from_date: Some(day("2026-01-18")),
        to_date: Some(day("2026-01-20")),
    };
    policy::LoanFacts {
        loan_id: "loan-weekly".to_owned(),
        contract: Some(common::LoanContract {
            principal: Some(cny(100_000)),
            annual_rate: "0.365".to_owned(),
            amortisation: common::Amortisation::EqualInstalments.into(),
            instalments: 4,
            interest_from_date: Some(day("2026-01-01")),
            first_due_date: Some(day("2026-01-08")),
            frequency: Some(common::Frequency { every: 1, unit: common::FrequencyUnit::Weeks.into() }),
            accrual: common::Accrual::Daily.into(),
            day_count: Some(common::DayCount {
                month: common::MonthBasis::Actual.into(),
                year: common::YearBasis::Days365.into(),
            }),
            ..common::LoanContract::default()
        }),
        events: vec![
            event("2026-01-08", Kind::Payment(payment)),
            event("2026-01-10", Kind::Reschedule(move_on)),
            event("2026-01-17", Kind::InterestPause(pause)),
        ],
        ..policy::LoanFacts::default()
    }
}

fn asked(loan: policy::LoanFacts, terms: Option<common::Terms>) -> policy::PreviewScheduleRequest {
    policy::PreviewScheduleRequest {
        loan: Some(loan),
        as_of_date: Some(day("2026-01-25")),
        terms,
        pack_name: String::new(),
    }
}

/// Number, due date, principal and interest of every row.
fn rows(rows: &[common::Instalment]) -> anyhow::Result<Vec<(i32, String, i64, i64)>> {
    rows.iter()
        .map(|row| {
            let (principal, interest) = (minor(row.principal.as_ref())?, minor(row.interest.as_ref())?);
            Ok((row.nr, text(row.due_date.as_ref()), principal, interest))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weekly_loan_by_exact_days_shows_its_versions_standing_and_cost() -> anyhow::Result<()> {
    let stage = Stage::start(JANUARY).await?;
    let waiver = common::WaivePenalty { share: String::new(), amount: Some(cny(20)) };
    let asked = asked(weekly(), Some(terms(vec![common::measure::Kind::WaivePenalty(waiver)])));
    let shown = stage.policy("borrower:li")?.preview_schedule(asked).await?.into_inner();

    // 100,000 / Σ 1.007^−k = 25,439.03; interest is 0.7 % of the balance a week.
    let contract = [(1, 24_739, 700), (2, 24_912, 527), (3, 25_087, 352), (4, 25_262, 177)];
    let weeks = ["2026-01-08", "2026-01-15", "2026-01-22", "2026-01-29"];
    // Fourteen nights at 0.1 % of 75,261: 1,054; the instalment stays and the last one absorbs (convention 5).
    let moved = [(1, 24_739, 700), (2, 24_385, 1_054), (3, 25_083, 356), (4, 25_793, 181)];
    // Eleven of the fourteen bear interest: 828 (convention 4).
    let paused = [(1, 24_739, 700), (2, 24_611, 828), (3, 25_084, 355), (4, 25_566, 179)];
    let later = ["2026-01-08", "2026-01-22", "2026-01-29", "2026-02-05"];
    let expected = |split: [(i32, i64, i64); 4], dates: [&str; 4]| -> Vec<(i32, String, i64, i64)> {
        let row = |((nr, principal, interest), due): ((i32, i64, i64), &str)| {
            (nr, due.to_owned(), principal, interest)
        };
        split.into_iter().zip(dates).map(row).collect()
    };
    let versions: Vec<(i32, String, policy::VersionCause, String)> = shown
        .versions
        .iter()
        .map(|v| (v.number, text(v.effective_date.as_ref()), v.cause(), v.cause_id.clone()))
        .collect();
    let version = |number, since: &str, cause, id: &str| (number, since.to_owned(), cause, id.to_owned());
    let causes = [
        version(1, "2026-01-01", policy::VersionCause::Contract, ""),
        version(2, "2026-01-10", policy::VersionCause::Change, "move-1"),
        version(3, "2026-01-17", policy::VersionCause::Change, "pause-1"),
    ];
    assert_eq!(versions, causes);
    assert_eq!(rows(&shown.versions[0].instalments)?, expected(contract, weeks));
    assert_eq!(rows(&shown.versions[1].instalments)?, expected(moved, later));
    assert_eq!(rows(&shown.versions[2].instalments)?, expected(paused, later));
    assert_eq!(rows(&shown.before)?, expected(paused, later));

    let standing = shown.standing.as_ref().unwrap();
    // Three days late on 24,611 at the cap of 24 %, actual/360: 49.22.
    let second = &standing.instalments[1];
    let left = second.left.as_ref().unwrap();
    let parts = [&left.penalty, &left.fee, &left.interest, &left.principal];
    assert_eq!(parts.map(|part| minor(part.as_ref()).unwrap()), [49, 0, 828, 24_611]);
    assert_eq!(standing.arrears, second.left);
    assert_eq!(standing.instalments[0].payments[0].payment_id, "pay-1");
    // By the contract's own dates the second instalment was due on the 15th.
    assert_eq!((standing.days_past_due_current, standing.days_past_due_contract), (3, 10));
    assert_eq!(standing.bucket(), common::Bucket::M1);
    assert_eq!(minor(shown.principal_left.as_ref())?, 75_261);
    let [rate] = standing.rates.as_slice() else { panic!("{:?}", standing.rates) };
    assert_eq!((text(rate.from_date.as_ref()).as_str(), rate.annual_rate.as_str()), ("2026-01-01", "0.365"));

    let cost = shown.cost_before.as_ref().unwrap();
    // 25,439 + 25,439 + 25,745 + 49 still to pay; with the 25,439 paid, 355 more than four times 25,439.
    let sums = [&cost.total_to_pay, &cost.total_paid, &cost.difference_to_contract, &cost.highest_payment];
    assert_eq!(sums.map(|sum| minor(sum.as_ref()).unwrap()), [76_672, 102_111, 355, 25_745]);
    assert_eq!(text(cost.first_payment_date.as_ref()), "2026-01-22");
    assert_eq!(text(cost.end_date.as_ref()), "2026-02-05");
    // 25,439 + 25,439·x^7 + 25,745·x^14 = 75,261 + 828 gives x^−365 = 1.4392; by 7 and 13 nominal days it is 0.3792 a year.
    assert_eq!((cost.annual_cost.as_str(), cost.effective_annual_cost.as_str()), ("0.3792", "0.4392"));
    let after = shown.cost_after.as_ref().unwrap();
    assert_eq!(minor(after.total_to_pay.as_ref())?, 76_652);
    assert_eq!(minor(shown.relief_cost.as_ref().unwrap().penalty_waived.as_ref())?, 20);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pay_off_that_doesnt_pay_off_is_named_with_what_would() -> anyhow::Result<()> {
    let stage = Stage::start(JANUARY).await?;
    let mut loan = weekly();
    let pay_off = |minor| common::PayOffEvent { event_id: "off-1".to_owned(), amount: Some(cny(minor)) };
    loan.events.push(event("2026-01-20", Kind::PayOff(pay_off(75_000))));
    // Nine of the twelve nights since the 8th bear 0.1 % of 75,261: 677.35.
    let answer = stage.policy("borrower:li")?.preview_schedule(asked(loan.clone(), None)).await;
    let status = answer.unwrap_err();
    let refusal = Refusal::of(&status);
    assert_eq!(refusal.short(), (tonic::Code::InvalidArgument, "VALIDATION_FAILED"));
    assert_eq!(refusal.about, ["loan.events[3].pay_off.amount"]);
    let violation = status.get_details_bad_request().unwrap().field_violations.remove(0);
    assert_eq!(violation.reason, "PAY_OFF_DIFFERS");
    assert!(violation.description.contains("`75938`"), "{}", violation.description);
    loan.events.pop();
    loan.events.push(event("2026-01-20", Kind::PayOff(pay_off(75_938))));
    let shown = stage.policy("borrower:li")?.preview_schedule(asked(loan, None)).await?.into_inner();
    let standing = shown.standing.unwrap();
    assert!(standing.closed);
    assert_eq!(minor(shown.cost_before.unwrap().total_paid.as_ref())?, 25_439 + 75_938);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loan_with_conventions_of_its_own_is_registered_as_it_is_previewed() -> anyhow::Result<()> {
    let stage = Stage::start(JANUARY).await?;
    let mut facts = weekly();
    facts.product = Some(common::LoanProduct {
        allocation: [
            common::Part::Principal,
            common::Part::Interest,
            common::Part::Fee,
            common::Part::Penalty,
        ]
        .map(i32::from)
        .to_vec(),
        pay_off_interest: common::PayOffInterest::ToPeriodEnd.into(),
        ..common::LoanProduct::default()
    });
    let registration = pb::LoanRegistration {
        loan_id: facts.loan_id.clone(),
        borrower_id: "sun".to_owned(),
        contract: facts.contract.clone(),
        product: facts.product.clone(),
        events: facts.events.clone(),
        ..pb::LoanRegistration::default()
    };
    let request = pb::RegisterLoanRequest { request_id: request_id(), loan: Some(registration) };
    stage.loans("service:core")?.register_loan(request).await?;
    let loan = stage.loan("loan-weekly").await?;
    let shown =
        stage.policy("borrower:sun")?.preview_schedule(asked(facts.clone(), None)).await?.into_inner();
    assert_eq!(loan.instalments, shown.before);
    let causes: Vec<&str> = loan.versions.iter().map(|version| version.cause.as_str()).collect();
    assert_eq!(causes, ["contract", "change move-1", "change pause-1"]);
    let (contract, product) = (loan.contract.unwrap(), loan.product.unwrap());
    let (stated, settings) = (facts.contract.unwrap(), facts.product.unwrap());
    assert_eq!(
        (contract.frequency, contract.accrual, contract.day_count),
        (stated.frequency, stated.accrual, stated.day_count)
    );
    assert_eq!(
        (product.allocation, product.pay_off_interest),
        (settings.allocation, settings.pay_off_interest)
    );
    Ok(())
}
