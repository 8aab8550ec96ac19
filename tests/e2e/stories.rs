//! The three stories of the domain, number by number, and what becomes of plans that are kept, missed and broken.

use api::leeway::application::v1 as pb;
use api::leeway::application::v1::{ApplicationState, PlanState};
use api::leeway::common::v1 as common;
use api::leeway::notification::v1 as mail;
use e2e::Stage;
use e2e::flows::{assessment, kinds, labelled, settlement};
use e2e::make::{minor, text};
use e2e::people::{Document, li, wang, zhang};

const JULY: &str = "2026-07-20T10:00+08:00";
const JUNE: &str = "2026-06-20T10:00+08:00";

/// Number, due date and sum of every row that isn't paid.
fn unpaid(loan: &pb::Loan) -> Vec<(i32, String, i64)> {
    let open = loan.instalments.iter().filter(|row| row.paid_date.is_none());
    open.map(|row| (row.nr, text(row.due_date.as_ref()), minor(row.total_due.as_ref()).unwrap())).collect()
}

fn rows(expected: &[(i32, &str, i64)]) -> Vec<(i32, String, i64)> {
    expected.iter().map(|(nr, due, sum)| (*nr, (*due).to_owned(), *sum)).collect()
}

fn arrears(loan: &pb::Loan) -> [i64; 4] {
    let parts = loan.arrears.as_ref().unwrap();
    [&parts.penalty, &parts.fee, &parts.interest, &parts.principal].map(|part| minor(part.as_ref()).unwrap())
}

fn dpd(loan: &pb::Loan) -> [i32; 3] {
    let days = loan.days_past_due.unwrap();
    [days.current, days.contract, days.reported]
}

#[tokio::test(flavor = "multi_thread")]
async fn li_is_offered_a_deferral_without_anybody_at_the_desk() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let before = stage.register(&li().loan).await?;
    assert_eq!(minor(before.principal_left.as_ref())?, 720_786);
    assert_eq!((dpd(&before), before.bucket()), ([5, 5, 5], common::Bucket::M1));
    assert!(arrears(&before)[0] > 0, "a penalty has accrued since the missed day");

    let case = stage.apply_again(&li()).await?;
    assert_eq!(case.state(), ApplicationState::Offered);
    let summary = assessment(&case)?;
    assert_eq!(
        (summary.outcome.as_str(), summary.required_authority()),
        ("OFFER", common::Authority::Automatic)
    );
    assert!(summary.fired_rules.contains(&"R7".to_owned()), "{:?}", summary.fired_rules);
    let offer = labelled(&case.offers, common::OfferLabel::Proposal)?;
    assert_eq!(kinds(offer), ["waive_penalty", "deferral"]);
    let Some(common::measure::Kind::Deferral(deferral)) = &offer.terms.as_ref().unwrap().measures[1].kind
    else {
        panic!("{:?}", offer.terms)
    };
    assert_eq!((deferral.months, deferral.interest()), (3, common::DeferralInterest::None));
    assert_eq!(minor(offer.present_value_loss.as_ref())?, 25_642);
    assert_eq!(offer.present_value_loss_share, "0.0356");
    assert_eq!(offer.credit_reporting(), common::CreditReporting::Current);
    assert_eq!(minor(offer.relief_interest.as_ref())?, 0);
    assert_eq!(minor(offer.waived.as_ref().unwrap().penalty.as_ref())?, arrears(&before)[0]);

    let accepted = stage.accept("li", &case.application_id, &offer.offer_id).await?;
    let plan = accepted.plan.unwrap();
    assert_eq!((plan.state(), plan.reported_days_past_due), (PlanState::Active, 0));
    assert_eq!(text(plan.next_due_date.as_ref()), "2026-10-15");
    let after = stage.loan("loan-li").await?;
    let expected = [
        (6, "2026-10-15", 107_970),
        (7, "2026-11-15", 107_970),
        (8, "2026-12-15", 107_970),
        (9, "2027-01-15", 107_970),
        (10, "2027-02-15", 107_970),
        (11, "2027-03-15", 107_970),
        (12, "2027-04-15", 107_976),
    ];
    assert_eq!(unpaid(&after), rows(&expected));
    assert_eq!((arrears(&after), dpd(&after)), ([0; 4], [0, 5, 0]));
    assert_eq!((after.bucket(), after.plan_id), (common::Bucket::M0, plan.plan_id));
    assert_eq!(after.versions.iter().map(|v| v.cause.as_str()).next(), Some("contract"));
    assert_eq!(after.versions.len(), 2);

    let seen = stage.case_as("borrower:li", &case.application_id).await?;
    let steps: Vec<_> = seen.steps.iter().map(|s| (s.kind.as_str(), s.actor.as_str())).collect();
    let expected = [("submitted", "borrower:li"), ("offered", "platform:rules"), ("accepted", "borrower:li")];
    assert_eq!((seen.state(), steps.as_slice()), (ApplicationState::Accepted, expected.as_slice()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn zhang_gets_his_proposal_completed_and_offered_by_an_officer() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let case = stage.apply(&zhang()).await?;
    assert_eq!((case.state(), case.offers.len()), (ApplicationState::InReview, 0));
    let summary = assessment(&case)?;
    assert_eq!(
        (summary.outcome.as_str(), summary.required_authority()),
        ("REVIEW", common::Authority::Officer)
    );
    let seen = stage.case_as("borrower:zhang", &case.application_id).await?;
    assert_eq!((seen.next_actor(), assessment(&seen)?.offers.len()), (pb::NextActor::Officer, 0));

    let plan = stage.planned_from_review(&case, |o| labelled(o, common::OfferLabel::Proposal)).await?;
    let offer = plan.offer.as_ref().unwrap();
    assert_eq!(kinds(offer), ["waive_penalty", "payment_reduction"]);
    let measures = &offer.terms.as_ref().unwrap().measures;
    let Some(common::measure::Kind::PaymentReduction(reduction)) = &measures[1].kind else {
        panic!("{measures:?}")
    };
    assert_eq!((reduction.instalments, reduction.shortfall_rows), (3, 6));
    assert_eq!(reduction.interest(), common::ReductionInterest::None);
    assert_eq!(text(offer.first_payment_date.as_ref()), "2026-07-31");
    assert_eq!(minor(offer.first_payment.as_ref())?, 59_909);
    assert_eq!(minor(offer.highest_payment.as_ref())?, 119_818 + 29_957);
    let penalty = minor(offer.waived.as_ref().unwrap().penalty.as_ref())?;
    assert!(penalty > 0);

    let loan = stage.loan("loan-zhang").await?;
    let mut expected =
        vec![(9, "2026-07-31", 59_909), (10, "2026-08-15", 59_909), (11, "2026-09-15", 59_909)];
    let spread = ["2026-10-15", "2026-11-15", "2026-12-15", "2027-01-15", "2027-02-15"];
    expected.extend((12..).zip(spread).map(|(nr, due)| (nr, due, 119_818 + 29_954)));
    expected.push((17, "2027-03-15", 119_818 + 29_957));
    let rest = ["2027-04-15", "2027-05-15", "2027-06-15", "2027-07-15", "2027-08-15", "2027-09-15"];
    expected.extend((18..).zip(rest).map(|(nr, due)| (nr, due, 119_818)));
    expected.push((24, "2027-10-15", 119_815));
    assert_eq!(unpaid(&loan), rows(&expected));
    assert_eq!(unpaid(&loan).iter().map(|row| row.2).sum::<i64>(), 1_917_085);
    assert_eq!(dpd(&loan), [0, 5, 0]);

    let staff = stage.case(&case.application_id).await?;
    let offered = staff.steps.iter().find(|step| step.kind == "offered").unwrap();
    assert_eq!(offered.actor, "officer:chen");
    let seen = stage.case_as("borrower:zhang", &case.application_id).await?;
    let offered = seen.steps.iter().find(|step| step.kind == "offered").unwrap();
    assert_eq!(offered.actor, "officer", "a borrower sees that an officer decided, not who");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wang_settles_with_two_signatures_and_is_free() -> anyhow::Result<()> {
    let stage = Stage::start(JUNE).await?;
    let proved = stage.wang_proved().await?;
    let before = stage.loan("loan-wang").await?;
    assert_eq!((minor(before.principal_left.as_ref())?, before.bucket()), (456_649, common::Bucket::M2));
    let summary = assessment(&proved)?;
    assert!(summary.fired_rules.contains(&"R10".to_owned()), "{:?}", summary.fired_rules);
    let offer = settlement(&summary.offers)?.clone();
    assert_eq!(minor(offer.total_to_pay.as_ref())?, 433_817);
    assert_eq!(text(offer.end_date.as_ref()), "2026-07-20");
    let waived = offer.waived.as_ref().unwrap();
    assert_eq!(minor(waived.principal.as_ref())?, 22_832);
    assert!(minor(waived.penalty.as_ref())? > 0 && minor(waived.interest.as_ref())? > 0);
    assert_eq!(offer.required_authority(), common::Authority::OfficerAndSupervisor);

    let id = proved.application_id;
    let signed = stage.offer("officer:chen", &id, &[&offer.offer_id]).await?;
    assert_eq!(signed.state(), ApplicationState::AwaitingCosign);
    assert_eq!(signed.pending_offer.unwrap().signed_by, "officer:chen");
    let seen = stage.case_as("borrower:wang", &id).await?;
    assert_eq!((seen.offers.len(), seen.pending_offer), (0, None), "nothing is promised before the second");
    assert_eq!(stage.co_sign("supervisor:zhao", &id).await?.state(), ApplicationState::Offered);
    let plan = stage.accept("wang", &id, &offer.offer_id).await?.plan.unwrap();
    assert_eq!(minor(plan.next_amount.as_ref())?, 433_817);

    stage.until("2026-07-18T09:30+08:00").await?;
    let paid = stage.pay("loan-wang", 433_817).await?;
    assert!(paid.closed);
    assert_eq!(
        (minor(paid.principal_left.as_ref())?, arrears(&paid), paid.plan_id.as_str()),
        (0, [0; 4], "")
    );
    assert_eq!(stage.plan(&plan.plan_id).await?.state(), PlanState::Completed);
    let expected = ["application-received", "in-review", "offer-made", "plan-active", "plan-completed"];
    assert_eq!(stage.told("wang").await?, expected);
    // The last day passes, and nothing breaks any more.
    stage.until("2026-07-22T09:00+08:00").await?;
    assert_eq!(stage.plan(&plan.plan_id).await?.state(), PlanState::Completed);
    Ok(())
}

/// Principal and interest of every row, with what is paid: everything but penalty.
fn contract_side(loan: &pb::Loan) -> Vec<(i32, String, i64, i64, i64)> {
    let money = |m: &Option<common::Money>| minor(m.as_ref()).unwrap();
    let row = |r: &common::Instalment| {
        (r.nr, text(r.due_date.as_ref()), money(&r.principal), money(&r.interest), money(&r.paid))
    };
    loan.instalments.iter().map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn wang_does_not_pay_and_owes_what_he_owed() -> anyhow::Result<()> {
    let stage = Stage::start(JUNE).await?;
    // The same loan, never negotiated about.
    stage.register(&wang().of("twin").loan).await?;
    let plan = stage.wang_planned().await?;

    stage.until("2026-07-20T23:50+08:00").await?;
    assert_eq!(stage.plan(&plan.plan_id).await?.state(), PlanState::Active, "the whole last day counts");
    stage.until("2026-07-21T09:00+08:00").await?;
    assert_eq!(stage.plan(&plan.plan_id).await?.state(), PlanState::Broken);
    let (loan, twin) = (stage.loan("loan-wang").await?, stage.loan("loan-twin").await?);
    assert_eq!(contract_side(&loan), contract_side(&twin));
    assert_eq!(loan.principal_left, twin.principal_left);
    assert_eq!((loan.bucket(), dpd(&loan)), (twin.bucket(), dpd(&twin)));
    let ([penalty, loan_owes @ ..], [twins, twin_owes @ ..]) = (arrears(&loan), arrears(&twin));
    assert_eq!(loan_owes, twin_owes);
    assert!(penalty < twins, "no penalty for days on which the plan was kept: {penalty} of {twins}");
    let causes: Vec<_> = loan.versions.iter().map(|v| v.cause.clone()).collect();
    let id = &plan.plan_id;
    assert_eq!(causes, ["contract".to_owned(), format!("relief {id}"), format!("undo {id}")]);
    assert_eq!(stage.told("wang").await?.last().unwrap(), "plan-broken");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_on_a_broken_settlement_counts() -> anyhow::Result<()> {
    let stage = Stage::start(JUNE).await?;
    let plan = stage.wang_planned().await?;
    stage.until("2026-07-10T09:00+08:00").await?;
    stage.pay("loan-wang", 100_000).await?;
    stage.until("2026-07-21T09:00+08:00").await?;
    assert_eq!(stage.plan(&plan.plan_id).await?.state(), PlanState::Broken);
    let loan = stage.loan("loan-wang").await?;
    let paid: i64 = contract_side(&loan).iter().map(|row| row.4).sum();
    assert_eq!(paid, 3 * 53_309 + 100_000);
    let left = minor(loan.principal_left.as_ref())?;
    assert!(left < 456_649 && left > 456_649 - 100_000, "{left}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn zhang_misses_a_payment_repairs_it_and_goes_on() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let plan = stage.planned_by_officer(&zhang()).await?;
    stage.until("2026-08-03T23:50+08:00").await?;
    assert!(!stage.told("zhang").await?.contains(&"plan-payment-missed".to_owned()), "grace is not over");
    stage.until("2026-08-04T09:00+08:00").await?;
    assert_eq!(stage.told("zhang").await?.last().unwrap(), "plan-payment-missed");
    assert_eq!(stage.plan(&plan.plan_id).await?.state(), PlanState::Active);

    stage.until("2026-08-05T09:00+08:00").await?;
    // What the plan says is due: the payment and the penalty of its five late days.
    let due = minor(stage.plan(&plan.plan_id).await?.next_amount.as_ref())?;
    assert!(due > 59_909, "{due}");
    stage.pay("loan-zhang", due).await?;
    stage.until("2026-08-15T09:00+08:00").await?;
    stage.pay("loan-zhang", 59_909).await?;
    stage.until("2026-09-14T09:00+08:00").await?;
    let kept = stage.plan(&plan.plan_id).await?;
    assert_eq!((kept.state(), text(kept.next_due_date.as_ref()).as_str()), (PlanState::Active, "2026-09-15"));
    let notices = stage.told("zhang").await?.into_iter().filter(|t| t == "plan-payment-missed").count();
    assert_eq!(notices, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_of_95_per_cent_counts_as_paid() -> anyhow::Result<()> {
    for (amount, missed) in [(56_914, false), (56_913, true)] {
        let stage = Stage::start(JULY).await?;
        stage.planned_by_officer(&zhang()).await?;
        stage.until("2026-07-31T09:00+08:00").await?;
        stage.pay("loan-zhang", amount).await?;
        stage.until("2026-08-04T09:00+08:00").await?;
        let told = stage.told("zhang").await?;
        assert_eq!(told.contains(&"plan-payment-missed".to_owned()), missed, "{amount}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn zhang_repairs_nothing_and_is_back_at_the_contract() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.register(&zhang().of("twin").loan).await?;
    let plan = stage.planned_by_officer(&zhang()).await?;
    stage.until("2026-07-31T09:00+08:00").await?;
    stage.pay("loan-zhang", 59_909).await?;
    // The second payment is missed: notice on 19 August, repair until the 25th.
    stage.until("2026-08-19T09:00+08:00").await?;
    assert_eq!(stage.told("zhang").await?.last().unwrap(), "plan-payment-missed");
    stage.until("2026-08-25T23:00+08:00").await?;
    assert_eq!(stage.plan(&plan.plan_id).await?.state(), PlanState::Active);
    stage.until("2026-08-26T09:00+08:00").await?;
    assert_eq!(stage.plan(&plan.plan_id).await?.state(), PlanState::Broken);
    assert_eq!(stage.told("zhang").await?.last().unwrap(), "plan-broken");
    let (loan, twin) = (stage.loan("loan-zhang").await?, stage.loan("loan-twin").await?);
    let owed = |loan: &pb::Loan| -> i64 { contract_side(loan).iter().map(|r| r.2 + r.3 - r.4).sum() };
    assert_eq!(owed(&twin) - owed(&loan), 59_909);
    let due =
        |loan: &pb::Loan| contract_side(loan).into_iter().map(|r| (r.0, r.1, r.2, r.3)).collect::<Vec<_>>();
    assert_eq!(due(&loan), due(&twin));
    assert_eq!((loan.plan_id.as_str(), loan.open_application_id.as_str()), ("", ""));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_plan_takes_the_place_of_the_first() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    let first = stage.planned_at_once(&li()).await?;
    // The mother is no better in October; a year's relief is used up, so two people decide.
    stage.until("2026-10-10T10:00+08:00").await?;
    let mut case = li();
    case.documents = vec![Document::new(common::EvidenceType::HospitalBill, "li", "十月住院费用")];
    case.said.hardship_end_date = Some(e2e::make::day("2027-01-20"));
    let again = stage.apply_again(&case).await?;
    assert_eq!(again.state(), ApplicationState::InReview);
    let summary = assessment(&again)?;
    assert_eq!(summary.required_authority(), common::Authority::OfficerAndSupervisor);
    assert!(summary.leaning.iter().any(|r| r.code() == common::DeclineCode::ReliefLimitReached));
    let second = stage.planned_from_review(&again, |o| labelled(o, common::OfferLabel::Proposal)).await?;
    let states = [stage.plan(&first.plan_id).await?.state(), stage.plan(&second.plan_id).await?.state()];
    assert_eq!(states, [PlanState::Superseded, PlanState::Active]);
    let loan = stage.loan("loan-li").await?;
    assert_eq!(loan.plan_id, second.plan_id);
    // Both reliefs stand: six months later than the contract.
    assert_eq!(unpaid(&loan).first().unwrap(), &(6, "2027-01-15".to_owned(), 107_970));
    // The first plan's dates pass without a word about it.
    stage.until("2026-10-30T10:00+08:00").await?;
    assert!(!stage.told("li").await?.contains(&"plan-payment-missed".to_owned()));
    assert_eq!(stage.plan(&second.plan_id).await?.state(), PlanState::Active);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_in_the_borrowers_language() -> anyhow::Result<()> {
    let stage = Stage::start(JULY).await?;
    stage.speaks("emily", mail::Language::En).await?;
    let expected = ["application-received", "offer-made", "plan-active"];
    for (borrower, greeting, title) in
        [("li", "您好", "我们已收到您的申请"), ("emily", "Hello", "We have received your application")]
    {
        stage.planned_at_once(&li().of(borrower)).await?;
        let messages = stage.inbox(borrower).await?;
        assert_eq!(messages.iter().map(|m| m.template.as_str()).collect::<Vec<_>>(), expected);
        assert_eq!(messages[0].title, title);
        for message in &messages {
            assert!(message.body.starts_with(greeting), "{}", message.body);
            assert!(message.body.contains(&format!("loan-{borrower}")), "{}", message.body);
        }
        assert!(messages[2].body.contains("1,079.70"), "{}", messages[2].body);
    }
    Ok(())
}
